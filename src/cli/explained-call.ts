// One call, decided without network by the parts that the service itself decides with, and told step by step.
// How callers prove themselves, limits and what providers answer are not looked at.

import type { Configuration } from "../config/schema.ts";
import type { TokenClaims } from "../exchange/claims.ts";
import { resolveCaller } from "../exchange/caller.ts";
import { type Audiences, type Client, type Method, methodsWithProof } from "../exchange/clients.ts";
import type { Decide, PolicyQuestion } from "../exchange/decision.ts";
import { ExchangeError, type Reason } from "../exchange/errors.ts";
import { defaultTarget, holdingAudience } from "../exchange/holding-audience.ts";
import { chooseProvider } from "../exchange/provider-choice.ts";
import { chooseRedirectUri } from "../exchange/redirect-uri.ts";
import type { JsonObject } from "../exchange/token/strict-json.ts";
import { ownAudience } from "../exchange/validate.ts";
import { compilePolicy } from "../policy/compile.ts";
import { createDecide } from "../policy/evaluate.ts";
import { type Sheet, shown, stepOf } from "./explain-sheet.ts";
import { explainToken, fieldOf } from "./explained-token.ts";

/** Names as configured; empty: not said. */
export interface AskedCall {
  readonly caller: string;
  readonly method: Method;
  readonly provider: string;
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly origin: string | undefined;
  /** Of the token, with ValidateCrossClient and with an Exchange of a token. */
  readonly claims: JsonObject | undefined;
  /** With ValidateCrossClient: another token is asked for in its place. */
  readonly exchange: boolean;
  /** With an Exchange of a token: a refresh token is asked for as well. */
  readonly refreshToken: boolean;
  readonly nowMs: number;
}

/** @returns why it is refused; undefined: it is allowed */
export function explainCall(configuration: Configuration, asked: AskedCall, sheet: Sheet): Reason | undefined {
  try {
    explain(configuration, asked, sheet);
    return undefined;
  } catch (failure) {
    if (failure instanceof ExchangeError) return failure.reason;
    throw failure;
  }
}

function explain(configuration: Configuration, asked: AskedCall, sheet: Sheet): void {
  const policy = compilePolicy(configuration);
  const decide = createDecide(policy.audiences, { minting: policy.minting, onRule: (rule) => stepOf(sheet, rule) });

  // 1. Who calls. A service is taken as proved.
  sheet.title("The caller");
  const client = callerOf(policy.clients, asked, sheet);

  // 2. The call itself.
  sheet.title(`The call: ${asked.method}`);
  const { method, origin, claims } = asked;
  ask(decide, { kind: "call", client, method, origin, proofInMessage: methodsWithProof.has(method) && claims === undefined });

  // 3. What it is about.
  for (const name of asked.audiences.filter((one) => !policy.audiences.has(one))) {
    sheet.remark(`No audience has the name ${shown(name)}.`);
  }
  if (claims === undefined) explainUse(configuration, { asked, client, decide }, sheet);
  else if (method === "Exchange") explainExchange(configuration, { asked, client, decide, claims, audiences: policy.audiences }, sheet);
  else explainValidation(configuration, { asked, client, decide, claims }, sheet);
}

function callerOf(clients: ReadonlyMap<string, Client>, { caller, method }: AskedCall, sheet: Sheet): Client {
  const client = clients.get(caller);
  if (client === undefined) sheet.step("refuses", "clients", `none has the name ${shown(caller)}`);
  else if (client.kind === "service") sheet.step("holds", `clients.${caller}`, "a service, taken as having proved itself");
  else if (method === "ValidateCrossClient")
    sheet.step("refuses", `clients.${caller}.kind`, `${client.kind}, and ${method} is for services`);
  else sheet.step("holds", `clients.${caller}`, `public (${client.kind}), named by the call`);
  // The message of ValidateCrossClient names nobody.
  return resolveCaller(clients, client?.kind === "service" ? client : undefined, method === "ValidateCrossClient" ? "" : caller);
}

interface Decided {
  readonly asked: AskedCall;
  readonly client: Client;
  readonly decide: Decide;
}

function explainUse({ providers }: Configuration, { asked, client, decide }: Decided, sheet: Sheet): void {
  sheet.title("The provider, and what is asked of it");
  const names = new Map(Object.keys(providers).map((name) => [name, name]));
  const at = `clients.${client.id}.providers`;
  const provider =
    asked.provider === "" || names.has(asked.provider)
      ? told(sheet, at, () => chooseProvider(names, client, asked.provider))
      : told(sheet, `providers: none has the name ${shown(asked.provider)}`, () => chooseProvider(names, client, asked.provider));
  const grant = client.providers.get(provider);
  const redirects = asked.method === "Exchange" || asked.method === "CreateAuthorizationUrl";
  const redirectUri =
    redirects && grant !== undefined
      ? told(sheet, `${at}.${provider}.redirect_uris`, () => chooseRedirectUri(grant, asked.redirectUri))
      : undefined;
  ask(decide, { kind: "use", client, provider, redirectUri, scopes: asked.scopes, audiences: asked.audiences });
  if (asked.method === "Revoke") return;
  sheet.remark("What the provider then grants is held against the same lists, and its life against max_lifetime.");
}

interface Validated extends Decided {
  readonly claims: JsonObject;
}

function explainValidation(configuration: Configuration, { asked, client, decide, claims }: Validated, sheet: Sheet): void {
  const audience = told(sheet, `clients.${client.id}.audiences`, () => ownAudience(client, asked.audiences[0] ?? ""));
  sheet.title("The token");
  const { provider, claims: token } = explainToken(configuration, { claims, provider: asked.provider, nowMs: asked.nowMs }, sheet);
  sheet.title(`The token at the audience ${audience}`);
  ask(decide, { kind: "token", client, audience, provider, token, requiredScopes: asked.scopes });
  if (asked.exchange) explainSwap({ asked, client, decide }, { audience, provider, token, audiences: [audience] }, sheet);
}

function explainExchange(configuration: Configuration, held: Validated & { readonly audiences: Audiences }, sheet: Sheet): void {
  const { asked, client, decide, claims, audiences } = held;
  sheet.title("The token");
  const { provider, claims: token } = explainToken(configuration, { claims, provider: asked.provider, nowMs: asked.nowMs }, sheet);
  const at = `clients.${client.id}`;
  const audience = told(sheet, `${at}.audiences`, () => holdingAudience(audiences, client, { provider, aud: token.audiences }));
  sheet.title(`The token at the audience ${audience}, which the caller holds it for`);
  ask(decide, { kind: "token", client, audience, provider, token, requiredScopes: [] });
  const wanted = () => (asked.audiences.length > 0 ? asked.audiences : [defaultTarget(client, provider)]);
  const targets = told(sheet, `${at}.providers.${provider}.audiences`, wanted);
  explainSwap(held, { audience, provider, token, audiences: targets }, sheet);
}

interface Swapped {
  readonly audience: string;
  readonly provider: string;
  readonly token: TokenClaims;
  readonly audiences: readonly string[];
}

function explainSwap({ asked, client, decide }: Decided, swapped: Swapped, sheet: Sheet): void {
  sheet.title(`Its exchange at ${swapped.provider}, for ${swapped.audiences.join(", ")}`);
  ask(decide, { kind: "swap", client, ...swapped, scopes: asked.scopes, refreshToken: asked.refreshToken });
  sheet.remark("What the provider then issues is held against the token's subject, scopes and life, and against the same lists.");
}

/** The steps were told while it decided. */
function ask(decide: Decide, question: PolicyQuestion): void {
  const { refusal } = decide(question);
  if (refusal !== undefined) throw new ExchangeError(refusal.reason);
}

/** For what is decided before policy is asked. */
function told<T>(sheet: Sheet, rule: string, choose: () => T): T {
  try {
    return choose();
  } catch (failure) {
    const field = fieldOf(failure);
    sheet.step("refuses", rule, field === undefined ? undefined : `there are several, and the call does not say its ${field}`);
    throw failure;
  }
}
