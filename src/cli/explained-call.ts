// One call, decided without network by the parts that the service itself decides with, and told step by step.
// How callers prove themselves, limits and what providers answer are not looked at.

import type { Configuration } from "../config/schema.ts";
import type { TokenClaims } from "../exchange/claims.ts";
import { resolveCaller } from "../exchange/caller.ts";
import { type Client, type Method, methodsWithProof } from "../exchange/clients.ts";
import { useOf } from "../exchange/decision.ts";
import { ExchangeError, type Reason } from "../exchange/errors.ts";
import { defaultTarget, holdingAudience, ownAudience } from "../exchange/holding-audience.ts";
import { isMinted } from "../exchange/minting.ts";
import { chooseProvider } from "../exchange/provider-choice.ts";
import type { JsonObject } from "../exchange/token/strict-json.ts";
import { compilePolicy } from "../policy/compile.ts";
import { createDecide } from "../policy/evaluate.ts";
import { type Sheet, shown, stepOf } from "./explain-sheet.ts";
import { explainMint } from "./explained-mint.ts";
import { asking, told } from "./explained-step.ts";
import { explainToken } from "./explained-token.ts";
import { type AboutUse, explainUse } from "./explained-use.ts";

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
  /** An Exchange of a session, which stands. */
  readonly session: boolean;
  /** With an Exchange of a token or a session: of the token of whoever is to act. */
  readonly actor: JsonObject | undefined;
  /** With ValidateCrossClient: another token is asked for in its place. */
  readonly exchange: boolean;
  /** With an Exchange of a token: a refresh token is asked for as well. */
  readonly refreshToken: boolean;
  readonly nowMs: number;
}

interface Decided extends AboutUse {
  readonly asked: AskedCall;
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
  const decide = createDecide(policy.audiences, { ...policy, onRule: (rule) => stepOf(sheet, rule) });

  // 1. Who calls. A service is taken as proved.
  sheet.title("The caller");
  const client = callerOf(policy.clients, asked, sheet);

  // 2. The call itself.
  sheet.title(`The call: ${asked.method}`);
  const { method, origin, claims } = asked;
  const { ask } = asking(decide, sheet);
  // A session is taken as shown by a cookie, which a browser sends along whatever page asks it to.
  const proofInMessage = methodsWithProof.has(method) && claims === undefined && !asked.session;
  ask({ kind: "call", client, method, origin, proofInMessage });

  // 3. What it is about.
  for (const name of asked.audiences.filter((one) => !policy.audiences.has(one))) {
    sheet.remark(`No audience has the name ${shown(name)}.`);
  }
  const decided: Decided = { asked, client, policy, sheet, ask };
  if (asked.session) explainSession(configuration, decided);
  else if (claims === undefined) explainUse(configuration, decided);
  else if (method === "Exchange") explainExchange(configuration, { ...decided, claims });
  else explainValidation(configuration, { ...decided, claims });
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

interface Validated extends Decided {
  readonly claims: JsonObject;
}

function explainSession(configuration: Configuration, decided: Decided): void {
  const { asked, client, sheet, ask } = decided;
  sheet.title("The session");
  const keepers = Object.entries(configuration.providers).filter(([, { kind }]) => kind === "better-auth");
  const names = new Map(keepers.map(([name]) => [name, name]));
  const provider = told(sheet, `clients.${client.id}.providers`, () => chooseProvider(names, client, asked.provider));
  sheet.remark("Taken as standing at that provider, and as nobody's who looks through the user's eyes: only it can say.");
  ask(useOf(client, provider));
  const targets = targetsOf(decided, provider);
  explainMint(configuration, { ...wished(decided), targets }, { provider, claims: undefined });
}

function explainValidation(configuration: Configuration, decided: Validated): void {
  const { asked, client, claims, policy, sheet, ask } = decided;
  const audience = told(sheet, `clients.${client.id}.audiences`, () => ownAudience(client, asked.audiences[0] ?? ""));
  sheet.title("The token");
  const { provider, claims: token } = explainToken(configuration, { claims, provider: asked.provider, nowMs: asked.nowMs }, sheet);
  sheet.title(`The token at the audience ${audience}`);
  ask({ kind: "token", client, audience, provider, token, requiredScopes: asked.scopes });
  if (!asked.exchange) return;
  if (isMinted(policy.minting, provider, [audience]))
    explainMint(configuration, { ...wished(decided), targets: [audience] }, { provider, claims: token });
  else explainSwap(decided, { audience, provider, token, audiences: [audience] });
}

function explainExchange(configuration: Configuration, decided: Validated): void {
  const { asked, client, claims, policy, sheet, ask } = decided;
  sheet.title("The token");
  const { provider, claims: token } = explainToken(configuration, { claims, provider: asked.provider, nowMs: asked.nowMs }, sheet);
  const holding = () => holdingAudience(policy.audiences, client, { provider, aud: token.audiences });
  const audience = told(sheet, `clients.${client.id}.audiences`, holding);
  sheet.title(`The token at the audience ${audience}, which the caller holds it for`);
  ask({ kind: "token", client, audience, provider, token, requiredScopes: [] });
  const targets = targetsOf(decided, provider);
  if (isMinted(policy.minting, provider, targets)) {
    explainMint(configuration, { ...wished(decided), targets }, { provider, claims: token });
    return;
  }
  if (asked.actor !== undefined) {
    sheet.step(
      "refuses",
      "actor_token",
      "a provider exchanges for nobody who acts for another; only tokens that are issued here have actors",
    );
    throw new ExchangeError("DELEGATION_NOT_ALLOWED");
  }
  explainSwap(decided, { audience, provider, token, audiences: targets });
}

function targetsOf({ asked, client, sheet }: Decided, provider: string): readonly string[] {
  const wanted = () => (asked.audiences.length > 0 ? asked.audiences : [defaultTarget(client, provider)]);
  return told(sheet, `clients.${client.id}.providers.${provider}.audiences`, wanted);
}

function wished({ asked, client, policy, sheet, ask }: Decided) {
  const { scopes, refreshToken, actor, nowMs } = asked;
  return { client, audiences: policy.audiences, scopes, refreshToken, actor, nowMs, sheet, ask };
}

interface Swapped {
  readonly audience: string;
  readonly provider: string;
  readonly token: TokenClaims;
  readonly audiences: readonly string[];
}

function explainSwap({ asked, client, sheet, ask }: Decided, swapped: Swapped): void {
  sheet.title(`Its exchange at ${swapped.provider}, for ${swapped.audiences.join(", ")}`);
  ask({ kind: "swap", client, ...swapped, scopes: asked.scopes, refreshToken: asked.refreshToken });
  sheet.remark("What the provider then issues is held against the token's subject, scopes and life, and against the same lists.");
}
