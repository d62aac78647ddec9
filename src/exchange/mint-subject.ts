// Subjects of tokens to be issued: a verified token, a session that was read just now, or an account, in the same words. Pure.

import type { Actor, TokenClaims, Verification } from "./claims.ts";
import type { Account } from "./account.ts";
import { namedActors } from "./delegation.ts";
import { ExchangeError } from "./errors.ts";
import type { MintSubject } from "./mint.ts";
import type { Attributes } from "./minting.ts";
import type { Session, SessionProvider } from "./session-ports.ts";
import type { KeptAccount } from "./vault-ports.ts";

/** @param actors with the new one in front; by default those of the token */
export function subjectOfToken({ provider, claims }: Verification, actors: readonly Actor[] = namedActors(claims)): MintSubject {
  const { name, preferredUsername, email } = claims;
  return {
    credential: "SUBJECT_TOKEN",
    provider,
    subject: claims.subject,
    expiresAtMs: claims.expiresAt * 1_000,
    scopes: claims.scopes,
    actors,
    mayAct: namedMayAct(claims),
    attributes: { name, preferred_username: preferredUsername, email },
  };
}

/**
 * @param actors with a new one in front; by default whoever looks through the user's eyes
 * @throws ExchangeError SESSION_INVALID: somebody does, and that is not let in
 */
export function subjectOfSession(provider: SessionProvider, session: Session, actors = actorsOfSession(provider, session)): MintSubject {
  return {
    credential: "SESSION",
    provider: provider.name,
    subject: session.account.providerUserId,
    expiresAtMs: session.expiresAtMs,
    scopes: [],
    actors,
    mayAct: undefined,
    attributes: attributesOf(session.account),
  };
}

/**
 * Who has signed in: its own life is nothing that ends by a time.
 * @param scopes that the provider granted
 */
export function subjectOfAccount({ id, provider, user }: KeptAccount, scopes: readonly string[]): MintSubject {
  return {
    credential: "SIGN_IN",
    provider,
    subject: id,
    expiresAtMs: Infinity,
    scopes,
    actors: [],
    mayAct: undefined,
    attributes: attributesOf(user),
  };
}

/** An address that nobody knows is not verified either: nothing is said of it. */
function attributesOf({ displayName, username, email, emailVerified, avatarUrl }: Account): Attributes {
  const address = email === "" ? {} : { email, email_verified: emailVerified };
  return { name: displayName, preferred_username: username, ...address, picture: avatarUrl };
}

/** @throws ExchangeError SESSION_INVALID */
export function actorsOfSession(provider: SessionProvider, { impersonator }: Session): readonly Actor[] {
  if (impersonator === undefined) return [];
  if (provider.impersonation === "refuse")
    throw new ExchangeError("SESSION_INVALID", {
      field: "SESSION",
      cause: { kind: "policy", rule: `providers.${provider.name}.impersonation` },
    });
  return [{ issuer: provider.issuer, subject: impersonator, clientId: "" }];
}

/** An unnamed issuer is the token's, and in another token it would be another's. */
function namedMayAct({ issuer, mayAct }: TokenClaims): Actor | undefined {
  if (mayAct === undefined || (mayAct.subject === "" && mayAct.clientId === "")) return mayAct;
  return { ...mayAct, issuer: mayAct.issuer === "" ? issuer : mayAct.issuer };
}
