// What is different about one kind of provider, as data: where it is, how it is asked, how it answers, and whose word it is about a
// user. One file for each kind lies in presets/; configuration wins over most of it. Nothing here does anything, and what reads it
// must do without knowing a provider's name.

import type { Reason } from "../exchange/errors.ts";

export type BodyFormat = "form" | "json";

export interface ProviderDefinition {
  /** Its `iss`, where all users of this kind have the same provider. */
  readonly issuer?: string;
  readonly endpoints: ProviderEndpoints;
  /** True: what is not given above it says itself (OpenID Connect Discovery 1.0). */
  readonly discovery: boolean;
  /** Further origins that discovery names endpoints on. */
  readonly allowedOrigins: readonly string[];
  /** How this service's registration proves itself there. */
  readonly authentication: "basic" | "post" | "none";
  readonly pkce: "S256" | "none";
  /** Further parameters of the authorization URL. */
  readonly authorizationParameters: Readonly<Record<string, string>>;
  readonly requests: RequestFormats;
  /** The body of the code request carries the `state` of the sign-in, too. */
  readonly codeState: boolean;
  readonly answers: AnswerReading;
  readonly errors: ErrorReading;
  readonly refresh: RefreshRules;
  /** Member of a 429's body with the seconds to wait, which may be a fraction; the header Retry-After counts with every provider. */
  readonly rateLimit?: string;
  readonly user: UserSource;
  /** Its users become accounts here. */
  readonly accounts: boolean;
  /** What its access tokens look like; opaque: they are for its own APIs, and nobody here can tell what they are worth. */
  readonly accessTokens: AccessTokenShape | "opaque";
  /** By which parameter of a token exchange (RFC 8693 §2.1) it is told whom the new token is for. */
  readonly targetParameter: "audience" | "resource";
  /** What it says by its descriptions when it refuses such an exchange. */
  readonly refusalWords: RefusalWords;
}

export interface ProviderEndpoints {
  readonly authorization?: string | undefined;
  readonly token?: string | undefined;
  readonly jwks?: string | undefined;
  readonly revocation?: string | undefined;
  readonly introspection?: string | undefined;
  readonly user?: string | undefined;
}

/** Of each request's body. */
export interface RequestFormats {
  readonly code: BodyFormat;
  readonly refresh: BodyFormat;
  readonly revocation: BodyFormat;
}

/** Where its successful answers differ from RFC 6749 §5.1. */
export interface AnswerReading {
  /** For answers without `token_type`. Absent: there must be one. */
  readonly tokenTypeDefault?: string;
  /** Scopes are separated by commas as well. */
  readonly commaScopes: boolean;
  /** An answer to a refresh names what changed, and each token may be missing from it. */
  readonly partialRefresh: boolean;
  /** An answer without `expires_in` is about an access token that carries its own `exp`. */
  readonly expiryInToken: boolean;
}

/** Where its refusals differ from RFC 6749 §5.2. */
export interface ErrorReading {
  /** `error` may also be an object with `code` or `type`, or `code` stand beside it. */
  readonly objects: boolean;
  /** Words of its own → the registered word that means the same. */
  readonly words: Readonly<Record<string, string>>;
}

export interface RefreshRules {
  /** What a refresh whose answer was lost means: the user signs in again, or the same refresh token may be shown once more. */
  readonly lostAnswer: "reauthenticate" | "retry_once";
  /** Words that mean: the user must sign in again. */
  readonly terminalErrors: readonly string[];
  /** Statuses that mean it whatever is said beside them. */
  readonly terminalStatuses: readonly number[];
}

/** Where it says whose tokens they are. */
export type UserSource =
  | { readonly kind: "none" }
  /** By the claims of its ID tokens (OpenID Connect Core §5.1), which are verified with its keys. */
  | { readonly kind: "id_token" }
  /** By its user endpoint, which takes an access token. */
  | { readonly kind: "endpoint"; readonly reading: UserReading };

/** How an answer of a user endpoint becomes an account. Members are paths into it: names with dots between them. */
export interface UserReading {
  readonly id: string;
  /** digits: a text of digits. number: a whole number. any: either, or another text. */
  readonly idShape: "digits" | "number" | "any";
  /** The first of them that says something counts; none: it does not say. */
  readonly username: readonly string[];
  readonly displayName: readonly string[];
  readonly email: readonly string[];
  /** Only `true` there vouches for the address. Undefined: nothing does. */
  readonly emailVerified: string | undefined;
  readonly avatar: AvatarReading;
}

export type AvatarReading =
  | { readonly kind: "address"; readonly members: readonly string[] }
  /** A hash, or nothing, from which the address is made. */
  | { readonly kind: "hash"; readonly member: string; readonly address: (id: string, hash: string) => string };

/** What tells its access tokens from other JWTs. */
export interface AccessTokenShape {
  /** `typ` headers. */
  readonly headerTypes: readonly string[];
  /** `typ` in the payload; undefined: none. */
  readonly payloadType: string | undefined;
  /** Claims that name the client that a token was issued to. */
  readonly clientClaims: readonly ("client_id" | "azp")[];
}

/** Refusals that a provider's own words tell from others of the same name. */
export interface RefusalWords {
  /** `error` and `error_description`, and what they mean; the first that fits counts. */
  readonly known: readonly {
    readonly error: string;
    readonly description: RegExp;
    readonly reason: Reason;
  }[];
}
