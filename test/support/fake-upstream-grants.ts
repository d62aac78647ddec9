// What a strict fake provider has given out: codes that are good once, refresh tokens that are good once, access tokens, and the
// authorization behind them, which ends as a whole. It knows of each token whether it was presented before.

import { randomBytes } from "node:crypto";

export interface FakeAuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly state: string | undefined;
  readonly codeChallenge: string | undefined;
  readonly nonce: string | undefined;
}

export interface FakeAuthorization extends FakeAuthorizationRequest {
  readonly userId: string;
  ended: boolean;
}

export interface FakeGrantTimes {
  readonly codeMs: number;
  readonly accessMs: number;
  /** Default: without end. */
  readonly refreshMs?: number | undefined;
  /** How long a refresh token that was used is accepted again. Default: never. */
  readonly repeatMs?: number | undefined;
}

export type Unusable = "unknown" | "used" | "expired" | "ended";

export type Presented =
  | { readonly kind: "good"; readonly authorization: FakeAuthorization }
  | { readonly kind: "bad"; readonly why: Unusable };

interface Kept {
  readonly authorization: FakeAuthorization;
  readonly until: number;
  usedAt?: number;
  /** Of a refresh token: how often it came. */
  presented: number;
}

/** One refresh token that a user's client was given. */
export interface FakeLink {
  readonly token: string;
  readonly presented: number;
}

export type FakeGrants = ReturnType<typeof createFakeGrants>;

export function createFakeGrants(times: FakeGrantTimes, clock: () => number) {
  const codes = new Map<string, Kept>();
  const refreshTokens = new Map<string, Kept>();
  const accessTokens = new Map<string, Kept>();
  const authorizations = new Set<FakeAuthorization>();
  const issued: string[] = [];
  /** Refresh tokens after whose presentation nobody could know them to be good still. */
  const presented = new Set<string>();
  const presentedTwice: string[] = [];

  function keep(kept: Map<string, Kept>, value: string, of: { authorization: FakeAuthorization; lifetimeMs: number }): string {
    kept.set(value, { authorization: of.authorization, until: clock() + of.lifetimeMs, presented: 0 });
    issued.push(value);
    return value;
  }

  function look(kept: Kept | undefined, repeatMs = 0): Presented {
    if (kept === undefined) return { kind: "bad", why: "unknown" };
    if (kept.authorization.ended) return { kind: "bad", why: "ended" };
    if (kept.usedAt !== undefined && clock() - kept.usedAt >= repeatMs) return { kind: "bad", why: "used" };
    if (clock() >= kept.until) return { kind: "bad", why: "expired" };
    return { kind: "good", authorization: kept.authorization };
  }

  /** Spends it, unless it `stays`. */
  function spend(kept: Kept | undefined, { repeatMs = 0, stays = false } = {}): Presented {
    const found = look(kept, repeatMs);
    if (kept !== undefined && found.kind === "good" && !stays) kept.usedAt ??= clock();
    return found;
  }

  function noteAgain(token: string): void {
    const kept = refreshTokens.get(token);
    if (kept !== undefined) kept.presented += 1;
    if (presented.has(token)) presentedTwice.push(token);
  }

  return {
    issued,
    /** Every presentation of a refresh token after one that spent it or whose fate its sender could not know, in order. */
    presentedTwice,
    noted(value: string): string {
      issued.push(value);
      return value;
    },
    authorize(request: FakeAuthorizationRequest, userId: string): FakeAuthorization {
      const authorization = { ...request, userId, ended: false };
      authorizations.add(authorization);
      return authorization;
    },
    issueCode: (authorization: FakeAuthorization): string => keep(codes, `code-${random()}`, { authorization, lifetimeMs: times.codeMs }),
    issueRefreshToken: (authorization: FakeAuthorization): string =>
      keep(refreshTokens, `refresh-${random()}`, { authorization, lifetimeMs: times.refreshMs ?? Infinity }),
    /** @param token the provider's own form of one */
    issueAccessToken: (authorization: FakeAuthorization, token = `access-${random()}`): string =>
      keep(accessTokens, token, { authorization, lifetimeMs: times.accessMs }),
    redeem: (code: string): Presented => spend(codes.get(code)),
    /** @param stays the answer will bring no successor */
    refresh(token: string, stays: boolean): Presented {
      noteAgain(token);
      const found = spend(refreshTokens.get(token), { repeatMs: times.repeatMs ?? 0, stays });
      if (found.kind === "bad" || !stays) presented.add(token);
      return found;
    },
    /** It arrived and was not looked at. @param isKnownUnspent its sender was told so */
    turnedAway(token: string, isKnownUnspent: boolean): void {
      noteAgain(token);
      if (!isKnownUnspent) presented.add(token);
    },
    /** A user's refresh tokens, oldest first: one for each code that was redeemed and each refresh that was done. */
    chainOf: (userId: string): readonly FakeLink[] =>
      [...refreshTokens].flatMap(([token, { authorization, presented: often }]) =>
        authorization.userId === userId ? [{ token, presented: often }] : [],
      ),
    bearer: (token: string): Presented => look(accessTokens.get(token)),
    /** The authorization of any token, whatever became of it. */
    of: (token: string): FakeAuthorization | undefined => (refreshTokens.get(token) ?? accessTokens.get(token))?.authorization,
    hasConsented: (userId: string, { clientId, scopes }: FakeAuthorizationRequest): boolean =>
      [...authorizations].some(
        (one) => !one.ended && one.userId === userId && one.clientId === clientId && scopes.every((scope) => one.scopes.includes(scope)),
      ),
    /** The user takes back everything, at the provider's own pages. */
    end(userId: string): void {
      for (const authorization of authorizations) if (authorization.userId === userId) authorization.ended = true;
    },
  };
}

function random(): string {
  return randomBytes(24).toString("base64url");
}
