// Policy, asked: a pure function from a question to a decision with its reasons. Each kind of question has its rules in the order
// in which they are looked at; the first that does not hold refuses. A rule in report-only mode lets pass what it would refuse.

import type { Audiences, Client } from "../exchange/clients.ts";
import type {
  CallQuestion,
  Decide,
  Decision,
  PolicyQuestion,
  Refusal,
  ResultQuestion,
  SwapQuestion,
  TokenQuestion,
  UseQuestion,
} from "../exchange/decision.ts";
import { audiencesBeyond, outlives, recipientsBeyond, resourceOf, scopesBeyond } from "../exchange/narrowing.ts";
import { type Minting, ownProvider } from "../exchange/minting.ts";
import { isRegistered } from "../exchange/redirect-uri.ts";
import { rulesOfConnection } from "./connection-rules.ts";
import { rulesOfMint } from "./mint-rules.ts";
import { type Rule, granted, reports } from "./rule.ts";

export interface DecideOptions {
  /** Absent: this service issues nothing. */
  readonly minting?: Minting;
  /** Whose tokens of our own count. Absent: nobody's. */
  readonly clients?: ReadonlyMap<string, Client>;
  /** Told of each rule that is looked at, in order: for `cambio explain`. */
  readonly onRule?: (rule: Rule) => void;
}

export function createDecide(audiences: Audiences, { minting = new Map(), clients = new Map(), onRule }: DecideOptions = {}): Decide {
  return function decide(question: PolicyQuestion): Decision {
    const reported: Refusal[] = [];
    let last = "";
    for (const rule of rulesFor(question, { audiences, minting, clients })) {
      onRule?.(rule);
      last = rule.path;
      if (rule.holds) continue;
      const refusal = { rule: rule.path, reason: rule.reason, ...(rule.field === undefined ? {} : { field: rule.field }) };
      if (rule.reportOnly !== true) return { rule: rule.path, refusal, reported };
      reported.push(refusal);
    }
    return { rule: last, refusal: undefined, reported };
  };
}

/** What is configured about recipients. */
interface Recipients {
  readonly audiences: Audiences;
  readonly minting: Minting;
  readonly clients: ReadonlyMap<string, Client>;
}

/**
 * All of them, also those behind one that will refuse: nobody looks at these, and to find out whether they hold changes nothing. Each kind
 * of question adds its own to one list, which costs less than a generator of each: policy is asked several times in every call.
 */
function rulesFor(question: PolicyQuestion, { audiences, minting, clients }: Recipients): readonly Rule[] {
  const { client } = question;
  const rules: Rule[] = [];
  // Before every question, not only the first of a call: a path that forgets to ask who may call still stops a disabled client.
  rules.push({ path: `clients.${client.id}.disabled`, holds: !client.disabled, reason: "CALLER_NOT_ALLOWED", field: "CALLER" });
  switch (question.kind) {
    case "call":
      rulesOfCall(question, rules);
      break;
    case "use":
      rulesOfUse(question, audiences, rules);
      break;
    case "result":
      rulesOfResult(question, audiences, rules);
      break;
    case "token":
      rulesOfToken(question, { audiences, clients }, rules);
      break;
    case "swap":
      rulesOfSwap(question, audiences, rules);
      break;
    case "mint":
      rulesOfMint(question, minting, rules);
      break;
    case "connection":
      rulesOfConnection(question, clients, rules);
      break;
  }
  return rules;
}

function rulesOfCall({ client, method, origin, proofInMessage }: CallQuestion, rules: Rule[]): void {
  const at = `clients.${client.id}`;
  rules.push({ path: `${at}.origins`, holds: mayCallFrom(client, origin, proofInMessage), reason: "ORIGIN_NOT_ALLOWED", field: "CALLER" });
  rules.push({
    path: `${at}.methods`,
    holds: client.methods.has(method),
    reason: "CALLER_NOT_ALLOWED",
    field: "CALLER",
    reportOnly: reports(client, "methods"),
  });
}

/** Without an `Origin` a browser client may be somebody's curl: good enough only where the whole proof is in the message. */
function mayCallFrom(client: Client, origin: string | undefined, proofInMessage: boolean): boolean {
  if (origin === undefined) return client.kind !== "browser" || proofInMessage;
  return client.kind === "browser" && client.origins.has(origin);
}

function rulesOfUse({ client, provider, redirectUri, scopes, audiences: wanted }: UseQuestion, audiences: Audiences, rules: Rule[]): void {
  const at = `clients.${client.id}.providers.${provider}`;
  const grant = client.providers.get(provider);
  rules.push(granted(at, grant));
  if (grant === undefined) return;
  if (redirectUri !== undefined) {
    rules.push({ path: `${at}.redirect_uris`, holds: isRegistered(client, grant, redirectUri), reason: "REDIRECT_URI_NOT_ALLOWED" });
  }
  rules.push({
    path: `${at}.scopes`,
    holds: scopesBeyond(grant, scopes).length === 0,
    reason: "SCOPE_NOT_ALLOWED",
    reportOnly: reports(client, "scopes"),
  });
  rules.push({
    path: `${at}.audiences`,
    holds: audiencesBeyond(grant, wanted).length === 0,
    reason: "TARGET_NOT_ALLOWED",
    reportOnly: reports(client, "audiences"),
  });
  for (const name of wanted) {
    const known = resourceOf(audiences, provider, name) !== undefined;
    rules.push({ path: `audiences.${name}.accepts.${provider}`, holds: known, reason: "TARGET_NOT_ALLOWED" });
  }
}

function rulesOfResult(question: ResultQuestion, audiences: Audiences, rules: Rule[]): void {
  const { client, provider } = question;
  const at = `clients.${client.id}.providers.${provider}`;
  const grant = client.providers.get(provider);
  rules.push(granted(at, grant));
  if (grant === undefined) return;
  rules.push({
    path: `${at}.scopes`,
    holds: scopesBeyond(grant, question.scopes).length === 0,
    reason: "SCOPE_NOT_ALLOWED",
    reportOnly: reports(client, "scopes"),
  });
  rules.push({
    path: `${at}.audiences`,
    holds: recipientsBeyond(audiences, grant, { provider, aud: question.audiences }).length === 0,
    reason: "TARGET_NOT_ALLOWED",
    reportOnly: reports(client, "audiences"),
  });
  rules.push({
    path: `${at}.max_lifetime`,
    holds: !outlives(grant, question.lifetimeMs),
    reason: "CALLER_NOT_ALLOWED",
    reportOnly: reports(client, "max_lifetime"),
  });
}

function rulesOfToken(
  { client, audience, provider, token, requiredScopes }: TokenQuestion,
  { audiences, clients }: Pick<Recipients, "audiences" | "clients">,
  rules: Rule[],
): void {
  rules.push(ownAudienceRule(client, audience));
  const at = `audiences.${audience}.accepts.${provider}`;
  const rule = audiences.get(audience)?.get(provider);
  const field = "SUBJECT_TOKEN";
  rules.push({ path: at, holds: rule !== undefined, reason: "AUDIENCE_MISMATCH", field });
  if (rule === undefined) return;
  rules.push({
    path: `${at}.identifiers`,
    holds: rule.identifiers.some((identifier) => token.audiences.includes(identifier)),
    reason: "AUDIENCE_MISMATCH",
    field,
  });
  rules.push({
    path: `${at}.clients`,
    holds: rule.clients.has(token.clientId),
    reason: "CLIENT_NOT_TRUSTED",
    reportOnly: rule.reportOnly,
    field,
  });
  if (provider === ownProvider) {
    // What was issued here to a client ends with the client; no mode lifts that.
    const holder = clients.get(token.clientId);
    rules.push({
      path: `clients.${token.clientId}.disabled`,
      holds: holder !== undefined && !holder.disabled,
      reason: "CLIENT_NOT_TRUSTED",
      field,
    });
  }
  rules.push({
    path: "required_scopes",
    holds: requiredScopes.every((scope) => token.scopes.includes(scope)),
    reason: "SCOPE_INSUFFICIENT",
    field,
  });
}

function rulesOfSwap(question: SwapQuestion, audiences: Audiences, rules: Rule[]): void {
  const { client, audience, provider, scopes, token } = question;
  rules.push(ownAudienceRule(client, audience));
  const at = `audiences.${audience}.accepts.${provider}.exchange_as`;
  rules.push({ path: at, holds: audiences.get(audience)?.get(provider)?.exchangeAs !== undefined, reason: "TARGET_NOT_ALLOWED" });
  // For nobody in particular would be for everybody. Nobody asks for that, so it is no rule to tell about where it holds.
  if (question.audiences.length === 0) rules.push({ path: "audiences", holds: false, reason: "TARGET_NOT_ALLOWED" });
  rulesOfUse({ kind: "use", client, provider, redirectUri: undefined, scopes, audiences: question.audiences }, audiences, rules);
  // No mode lifts that: within one issuer nothing grows out of an exchange.
  rules.push({ path: "subject_token scope", holds: scopes.every((scope) => token.scopes.includes(scope)), reason: "SCOPE_NOT_ALLOWED" });
  if (!question.refreshToken) return;
  const allowed = client.providers.get(provider)?.exchangedRefreshTokens === true;
  const path = `clients.${client.id}.providers.${provider}.exchanged_refresh_tokens`;
  rules.push({ path, holds: allowed, reason: "CALLER_NOT_ALLOWED", field: "CALLER" });
}

/** A caller validates for audiences of its own only; no mode lifts that. */
function ownAudienceRule(client: Client, audience: string): Rule {
  return { path: `clients.${client.id}.audiences`, holds: client.audiences.includes(audience), reason: "TARGET_NOT_ALLOWED" };
}
