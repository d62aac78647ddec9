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

function* rulesFor(question: PolicyQuestion, { audiences, minting, clients }: Recipients): Generator<Rule> {
  const { client } = question;
  // Before every question, not only the first of a call: a path that forgets to ask who may call still stops a disabled client.
  yield { path: `clients.${client.id}.disabled`, holds: !client.disabled, reason: "CALLER_NOT_ALLOWED", field: "CALLER" };
  switch (question.kind) {
    case "call":
      return yield* rulesOfCall(question);
    case "use":
      return yield* rulesOfUse(question, audiences);
    case "result":
      return yield* rulesOfResult(question, audiences);
    case "token":
      return yield* rulesOfToken(question, { audiences, clients });
    case "swap":
      return yield* rulesOfSwap(question, audiences);
    case "mint":
      return yield* rulesOfMint(question, minting);
    case "connection":
      return yield* rulesOfConnection(question, clients);
  }
}

function* rulesOfCall({ client, method, origin, proofInMessage }: CallQuestion): Generator<Rule> {
  const at = `clients.${client.id}`;
  yield { path: `${at}.origins`, holds: mayCallFrom(client, origin, proofInMessage), reason: "ORIGIN_NOT_ALLOWED", field: "CALLER" };
  yield {
    path: `${at}.methods`,
    holds: client.methods.has(method),
    reason: "CALLER_NOT_ALLOWED",
    field: "CALLER",
    reportOnly: reports(client, "methods"),
  };
}

/** Without an `Origin` a browser client may be somebody's curl: good enough only where the whole proof is in the message. */
function mayCallFrom(client: Client, origin: string | undefined, proofInMessage: boolean): boolean {
  if (origin === undefined) return client.kind !== "browser" || proofInMessage;
  return client.kind === "browser" && client.origins.has(origin);
}

function* rulesOfUse({ client, provider, redirectUri, scopes, audiences: wanted }: UseQuestion, audiences: Audiences): Generator<Rule> {
  const at = `clients.${client.id}.providers.${provider}`;
  const grant = client.providers.get(provider);
  yield granted(at, grant);
  if (grant === undefined) return;
  if (redirectUri !== undefined) {
    yield { path: `${at}.redirect_uris`, holds: isRegistered(client, grant, redirectUri), reason: "REDIRECT_URI_NOT_ALLOWED" };
  }
  yield {
    path: `${at}.scopes`,
    holds: scopesBeyond(grant, scopes).length === 0,
    reason: "SCOPE_NOT_ALLOWED",
    reportOnly: reports(client, "scopes"),
  };
  yield {
    path: `${at}.audiences`,
    holds: audiencesBeyond(grant, wanted).length === 0,
    reason: "TARGET_NOT_ALLOWED",
    reportOnly: reports(client, "audiences"),
  };
  for (const name of wanted) {
    const known = resourceOf(audiences, provider, name) !== undefined;
    yield { path: `audiences.${name}.accepts.${provider}`, holds: known, reason: "TARGET_NOT_ALLOWED" };
  }
}

function* rulesOfResult(question: ResultQuestion, audiences: Audiences): Generator<Rule> {
  const { client, provider } = question;
  const at = `clients.${client.id}.providers.${provider}`;
  const grant = client.providers.get(provider);
  yield granted(at, grant);
  if (grant === undefined) return;
  yield {
    path: `${at}.scopes`,
    holds: scopesBeyond(grant, question.scopes).length === 0,
    reason: "SCOPE_NOT_ALLOWED",
    reportOnly: reports(client, "scopes"),
  };
  yield {
    path: `${at}.audiences`,
    holds: recipientsBeyond(audiences, grant, { provider, aud: question.audiences }).length === 0,
    reason: "TARGET_NOT_ALLOWED",
    reportOnly: reports(client, "audiences"),
  };
  yield {
    path: `${at}.max_lifetime`,
    holds: !outlives(grant, question.lifetimeMs),
    reason: "CALLER_NOT_ALLOWED",
    reportOnly: reports(client, "max_lifetime"),
  };
}

function* rulesOfToken(
  { client, audience, provider, token, requiredScopes }: TokenQuestion,
  { audiences, clients }: Pick<Recipients, "audiences" | "clients">,
): Generator<Rule> {
  yield ownAudienceRule(client, audience);
  const at = `audiences.${audience}.accepts.${provider}`;
  const rule = audiences.get(audience)?.get(provider);
  const subject = { field: "SUBJECT_TOKEN" } as const;
  yield { path: at, holds: rule !== undefined, reason: "AUDIENCE_MISMATCH", ...subject };
  if (rule === undefined) return;
  yield {
    path: `${at}.identifiers`,
    holds: rule.identifiers.some((identifier) => token.audiences.includes(identifier)),
    reason: "AUDIENCE_MISMATCH",
    ...subject,
  };
  yield {
    path: `${at}.clients`,
    holds: rule.clients.has(token.clientId),
    reason: "CLIENT_NOT_TRUSTED",
    reportOnly: rule.reportOnly,
    ...subject,
  };
  if (provider === ownProvider) {
    // What was issued here to a client ends with the client; no mode lifts that.
    const holder = clients.get(token.clientId);
    yield {
      path: `clients.${token.clientId}.disabled`,
      holds: holder !== undefined && !holder.disabled,
      reason: "CLIENT_NOT_TRUSTED",
      ...subject,
    };
  }
  yield {
    path: "required_scopes",
    holds: requiredScopes.every((scope) => token.scopes.includes(scope)),
    reason: "SCOPE_INSUFFICIENT",
    ...subject,
  };
}

function* rulesOfSwap(question: SwapQuestion, audiences: Audiences): Generator<Rule> {
  const { client, audience, provider, scopes, token } = question;
  yield ownAudienceRule(client, audience);
  const at = `audiences.${audience}.accepts.${provider}.exchange_as`;
  yield { path: at, holds: audiences.get(audience)?.get(provider)?.exchangeAs !== undefined, reason: "TARGET_NOT_ALLOWED" };
  // For nobody in particular would be for everybody. Nobody asks for that, so it is no rule to tell about where it holds.
  if (question.audiences.length === 0) yield { path: "audiences", holds: false, reason: "TARGET_NOT_ALLOWED" };
  yield* rulesOfUse({ kind: "use", client, provider, redirectUri: undefined, scopes, audiences: question.audiences }, audiences);
  // No mode lifts that: within one issuer nothing grows out of an exchange.
  yield { path: "subject_token scope", holds: scopes.every((scope) => token.scopes.includes(scope)), reason: "SCOPE_NOT_ALLOWED" };
  if (!question.refreshToken) return;
  const allowed = client.providers.get(provider)?.exchangedRefreshTokens === true;
  const path = `clients.${client.id}.providers.${provider}.exchanged_refresh_tokens`;
  yield { path, holds: allowed, reason: "CALLER_NOT_ALLOWED", field: "CALLER" };
}

/** A caller validates for audiences of its own only; no mode lifts that. */
function ownAudienceRule(client: Client, audience: string): Rule {
  return { path: `clients.${client.id}.audiences`, holds: client.audiences.includes(audience), reason: "TARGET_NOT_ALLOWED" };
}
