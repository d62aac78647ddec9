// What a verified token says. A value of these types exists only past the verifier: no unverified claim has this shape.

export interface Actor {
  /** Empty: the issuer of the token. */
  readonly issuer: string;
  readonly subject: string;
  /** Empty: not in the token. */
  readonly clientId: string;
}

/** Claims of an access token; instants in whole seconds since the epoch. Empty strings: not in the token. */
export interface TokenClaims {
  readonly issuer: string;
  readonly subject: string;
  /** The client that the token was issued to. */
  readonly clientId: string;
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly tokenId: string;
  /** Outermost first, at most four. */
  readonly actors: readonly Actor[];
  /** Who alone may act for the subject (`may_act`, RFC 8693 §4.4); all empty: nobody. Undefined: the issuer does not say. */
  readonly mayAct?: Actor | undefined;
  readonly name: string;
  readonly preferredUsername: string;
  readonly email: string;
}

/** A finished verification: what is remembered. Whether it allows anything is decided anew on every call. */
export interface Verification {
  readonly claims: TokenClaims;
  /** Configured name of the provider whose key verified the signature, or which vouched for the token itself. */
  readonly provider: string;
  /** What it rests on: this service's own signature; one by the provider's published key; or also the provider's word (RFC 7662). */
  readonly source: "CAMBIO" | "LOCAL_KEYS" | "INTROSPECTION";
  /** Key id of that key, whether or not the token named it; empty where the key has none, or the token is opaque. */
  readonly keyId: string;
  /** What revocation knows the token by: its `jti`, or a hash of what its issuer signed where that is missing or long. */
  readonly revocationId: string;
  /** Epoch milliseconds: min(exp − buffer, decided + 60 s). Not renewed by a hit. */
  readonly validUntilMs: number;
}
