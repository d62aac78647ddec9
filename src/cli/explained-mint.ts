// A token that this service would issue itself: for whom, with which scopes and actors. The steps before, who calls and what the
// subject's token is, are explained-call.ts.

import type { Configuration } from "../config/schema.ts";
import type { TokenClaims } from "../exchange/claims.ts";
import type { Audiences, Client } from "../exchange/clients.ts";
import { type ActedFor, actedForOf, withActor } from "../exchange/delegation.ts";
import { ExchangeError } from "../exchange/errors.ts";
import { holdingAudience, onlyTarget } from "../exchange/holding-audience.ts";
import type { ProposedActor } from "../exchange/minting.ts";
import type { JsonObject } from "../exchange/token/strict-json.ts";
import { shown } from "./explain-sheet.ts";
import { explainToken } from "./explained-token.ts";
import { type Asking, told } from "./explained-step.ts";

export interface ExplainedSubject {
  /** Configured name. */
  readonly provider: string;
  /** Undefined: a session, which has no claims of its own. */
  readonly claims: TokenClaims | undefined;
}

export interface MintAsked extends Asking {
  readonly client: Client;
  readonly audiences: Audiences;
  /** Configured names, of which there must be one. */
  readonly targets: readonly string[];
  readonly scopes: readonly string[];
  readonly refreshToken: boolean;
  /** Of the actor's token; undefined: nobody acts. */
  readonly actor: JsonObject | undefined;
  readonly nowMs: number;
}

export function explainMint(configuration: Configuration, asked: MintAsked, subject: ExplainedSubject): void {
  const { client, sheet, targets, scopes, actor } = asked;
  if (asked.refreshToken) refuseHandle(asked, subject);
  const audience = told(sheet, "audiences: one, as each has a key and a life of its own", () => onlyTarget(targets));
  const proposed = actor === undefined ? undefined : explainActor(configuration, { ...asked, actor }, subject);
  sheet.title(`A token that is issued here, for ${audience}`);
  asked.ask({
    kind: "mint",
    client,
    provider: subject.provider,
    audience,
    scopes,
    subjectScopes: subject.claims?.scopes ?? [],
    actor: proposed,
    refreshToken: asked.refreshToken,
  });
  sheet.remark("It lives no longer than what it comes from, and says nothing beyond the audience's map of claims.");
}

/** What a handle would stand for has to be there when it is used: a session, and nobody who acts by a token of his own. */
function refuseHandle({ sheet, actor }: MintAsked, { claims }: ExplainedSubject): void {
  if (claims !== undefined) {
    sheet.step("refuses", "requested_token_type", "only a session has something that can be asked again later");
    throw new ExchangeError("CALLER_NOT_ALLOWED");
  }
  if (actor === undefined) return;
  sheet.step("refuses", "actor_token", "a refreshed token would act on when the actor's own has ended");
  throw new ExchangeError("DELEGATION_NOT_ALLOWED");
}

function explainActor(
  configuration: Configuration,
  asked: MintAsked & { readonly actor: JsonObject },
  { provider: name, claims: subject }: ExplainedSubject,
): ProposedActor {
  const { client, sheet, audiences, actor, nowMs } = asked;
  sheet.title("The actor's token");
  const { provider, claims } = explainToken(configuration, { claims: actor, provider: "", nowMs }, sheet);
  const holding = () => holdingAudience(audiences, client, { provider, aud: claims.audiences });
  const audience = told(sheet, `clients.${client.id}.audiences`, holding);
  asked.ask({ kind: "token", client, audience, provider, token: claims, requiredScopes: [] });
  sheet.title("The chain of actors");
  const actedFor: ActedFor = subject === undefined ? { issuer: name, actors: [], mayAct: undefined } : actedForOf(subject);
  const chain = told(sheet, "act, may_act", () => withActor(actedFor, claims));
  sheet.step(
    "holds",
    "act",
    chain.map(({ subject: who, issuer }) => `${shown(who)} of ${shown(issuer)}`).join(", for whom acts before it "),
  );
  if (subject?.mayAct !== undefined) sheet.step("holds", "may_act", "names this actor");
  return { provider, clientId: claims.clientId, subject: claims.subject };
}
