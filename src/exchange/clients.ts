// Who may call, as configured: an immutable description that policy/ compiles and every operation reads.
// Nothing is allowed that is not listed here; an empty list allows nothing.

export const methods = ["Exchange", "Refresh", "ValidateCrossClient", "CreateAuthorizationUrl", "Revoke", "GetAccount"] as const;
export type Method = (typeof methods)[number];

/** Their messages carry all that proves the right to the answer: a code with its verifier, a refresh token, a token to be ended. */
export const methodsWithProof: ReadonlySet<Method> = new Set<Method>(["Exchange", "Refresh", "Revoke"]);

/** What a client may do with one provider. */
export interface ProviderGrant {
  /** Exact redirect URIs; loopback ports of native clients excepted (RFC 8252 §7.3). */
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
  /** Names of the audiences that it may ask tokens for. */
  readonly audiences: readonly string[];
  /** The most that is left of a token's life when it is handed out, in milliseconds; undefined: as the provider decides. */
  readonly maxLifetimeMs: number | undefined;
  /** True: an exchange of a token or a session may give it a refresh token as well. */
  readonly exchangedRefreshTokens: boolean;
  /** True: its sign-ins are kept here, and it gets their `connection_id` and no refresh token. */
  readonly connections: boolean;
  /** Clients whose connections there it may use besides its own. */
  readonly connectionsOf: ReadonlySet<string>;
}

/** Rules of a client that may be tried out: what they refuse is then allowed, and reported. */
export const reportableRules = ["methods", "scopes", "audiences", "max_lifetime"] as const;
export type ReportableRule = (typeof reportableRules)[number];

export interface Client {
  readonly id: string;
  /** service: proves itself in `authorization`. browser, native: public, named in the message. */
  readonly kind: "service" | "browser" | "native";
  readonly origins: ReadonlySet<string>;
  readonly methods: ReadonlySet<Method>;
  readonly providers: ReadonlyMap<string, ProviderGrant>;
  /** Names of the audiences that are its own: it validates tokens for these only. The first is the default. */
  readonly audiences: readonly string[];
  /** True: refresh tokens go out as the provider made them. False: as sealed handles. */
  readonly rawRefreshTokens: boolean;
  /** Cookie in which its refresh handles travel; undefined: they travel in messages. */
  readonly refreshCookie: string | undefined;
  /** Refused on every path, whatever else is listed. */
  readonly disabled: boolean;
  readonly reportOnly: ReadonlySet<ReportableRule>;
}

/** What one audience takes from one provider. */
export interface AudienceRule {
  /** Values of `aud` that mean this audience there; the first names it to the provider. */
  readonly identifiers: readonly string[];
  /** Origin clients whose tokens it accepts. */
  readonly clients: ReadonlySet<string>;
  /** True: tokens of clients that are not listed pass, and are reported. */
  readonly reportOnly: boolean;
  /** The provider's client by which tokens that this audience received are exchanged there; undefined: they are not. */
  readonly exchangeAs: string | undefined;
}

/** Audience name → provider name → rule. */
export type Audiences = ReadonlyMap<string, ReadonlyMap<string, AudienceRule>>;
