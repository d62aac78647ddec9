// What the backend believes: a bearer token that Cambio signed for this very backend. Any backend can check that, in any language,
// by the published keys; here jose does. Three outcomes, never two: believed, refused, and cannot decide.

import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from "jose";

export interface TokenCheckOptions {
  /** `iss` of Cambio's tokens. */
  readonly issuer: string;
  /** `aud` by which they are meant for this backend. */
  readonly audience: string;
  /** Where Cambio's public keys are. */
  readonly jwksUrl: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

export type Checked =
  | { readonly kind: "believed"; readonly userId: string; readonly expiresAtMs: number }
  | { readonly kind: "missing" }
  | { readonly kind: "expired"; readonly expiredAt: string }
  | { readonly kind: "invalid" }
  | { readonly kind: "undecided" };

export type TokenCheck = (authorization: string | undefined) => Promise<Checked>;

/** What jose says where the keys could not be had. Everything else that it says is about the token. */
const aboutTheKeys: ReadonlySet<string> = new Set(["ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID", "ERR_JOSE_GENERIC"]);

export function createTokenCheck({ issuer, audience, jwksUrl, clock }: TokenCheckOptions): TokenCheck {
  const keys: JWTVerifyGetKey = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 3_000 });
  return async (authorization) => {
    const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return { kind: "missing" };
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ["ES256"],
        typ: "at+jwt",
        issuer,
        audience,
        requiredClaims: ["sub", "exp"],
        currentDate: new Date(clock()),
      });
      const { sub, exp } = payload;
      return sub && exp !== undefined ? { kind: "believed", userId: sub, expiresAtMs: exp * 1000 } : { kind: "invalid" };
    } catch (failure) {
      return refusalOf(failure);
    }
  };
}

function refusalOf(failure: unknown): Checked {
  // The signature was looked at before the dates, so that this instant is the signer's word.
  if (failure instanceof errors.JWTExpired && failure.payload.exp !== undefined) {
    return { kind: "expired", expiredAt: new Date(failure.payload.exp * 1000).toISOString() };
  }
  const decided = failure instanceof errors.JOSEError && !aboutTheKeys.has(failure.code);
  return { kind: decided ? "invalid" : "undecided" };
}
