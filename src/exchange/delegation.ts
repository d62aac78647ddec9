// Delegation (RFC 8693 §1.1, §4.1, §4.4): who stands in the chain of a new token. Pure. A chain only ever grows at its front, and only
// by somebody whose own token was verified; who may act for whom at all is policy's to decide.

import type { Actor, TokenClaims, Verification } from "./claims.ts";
import { ExchangeError } from "./errors.ts";
import type { ProposedActor } from "./minting.ts";
import { maxActors } from "./token/actor-chain.ts";

/** Of the subject: who acts for it already, and who alone may. */
export interface ActedFor {
  /** Issuer of the actors that name none. */
  readonly issuer: string;
  readonly actors: readonly Actor[];
  /** `may_act`; undefined: the subject's issuer does not say. */
  readonly mayAct: Actor | undefined;
}

/** As claims of another issuer say it: in a new token an actor without an issuer would be of its issuer. */
export function namedActors({ issuer, actors }: Pick<ActedFor, "issuer" | "actors">): readonly Actor[] {
  return actors.map((actor) => ({ ...actor, issuer: actor.issuer === "" ? issuer : actor.issuer }));
}

export function actedForOf({ issuer, actors, mayAct }: TokenClaims): ActedFor {
  return { issuer, actors, mayAct };
}

/** As policy is asked about it. */
export function proposedBy(actor: Verification | undefined): ProposedActor | undefined {
  if (actor === undefined) return undefined;
  return { provider: actor.provider, clientId: actor.claims.clientId, subject: actor.claims.subject };
}

/** A token in which somebody acts ends when either of the two it came from does. */
export function boundedByActor<T extends { readonly expiresAtMs: number }>(subject: T, actor: Verification | undefined): T {
  if (actor === undefined) return subject;
  return { ...subject, expiresAtMs: Math.min(subject.expiresAtMs, actor.claims.expiresAt * 1_000) };
}

/**
 * @param claims of the actor's verified token
 * @throws ExchangeError DELEGATION_NOT_ALLOWED
 */
export function withActor(subject: ActedFor, claims: TokenClaims): readonly Actor[] {
  const actor: Actor = { issuer: claims.issuer, subject: claims.subject, clientId: claims.clientId };
  // Somebody acts for the actor: whose deed it would be, a chain has no place to say.
  if (claims.actors.length > 0) throw notAllowed("actor act");
  if (subject.mayAct !== undefined && !isNamed(subject.mayAct, actor, subject.issuer)) throw notAllowed("may_act");
  const chain = [actor, ...namedActors(subject)];
  if (chain.length > maxActors) throw notAllowed("act");
  return chain;
}

/** All that `may_act` says must be so. One that names nobody means nobody. */
function isNamed(allowed: Actor, actor: Actor, issuer: string): boolean {
  if (allowed.subject === "" && allowed.clientId === "") return false;
  if ((allowed.issuer === "" ? issuer : allowed.issuer) !== actor.issuer) return false;
  const subject = allowed.subject === "" || allowed.subject === actor.subject;
  return subject && (allowed.clientId === "" || allowed.clientId === actor.clientId);
}

function notAllowed(field: string): ExchangeError {
  return new ExchangeError("DELEGATION_NOT_ALLOWED", { field: "ACTOR_TOKEN", cause: { kind: "rule", field } });
}
