// A row of the tables that Keycloak and its stand-in both pass: what is done, and what must be answered. The names for whole answers are
// here as well, because every table needs them.

import type { Answer } from "./requests.ts";
import type { World } from "./world.ts";

export interface ProviderCase {
  readonly name: string;
  /** Plain requests straight to the provider; every answer that matters. */
  readonly act: (world: World) => Promise<readonly Answer[]>;
  /** As comparable.ts makes them. */
  readonly answers: readonly object[];
}

export function refusal(status: number, error: string, description: string): object {
  return { status, contentType: "application/json", body: { error, error_description: description } };
}

export const invalidToken = refusal(400, "invalid_request", "Invalid token");
export const inactive = { status: 200, contentType: "application/json", body: { active: false } };
/** RFC 7009 §2.2. */
export const revoked = { status: 200 };

export const strangers = {
  unknown: refusal(401, "invalid_client", "Invalid client or Invalid client credentials"),
  wrongSecret: refusal(401, "unauthorized_client", "Invalid client or Invalid client credentials"),
} as const;

/** Whom the orders service gets tokens for where it does not say. */
export const everyone = ["cambio", "inventory", "orders"];

/** Claims of alice's access token that the orders service gets for the inventory service. */
export function exchangedClaims(changed: Readonly<Record<string, unknown>> = {}): object {
  return {
    alg: "RS256",
    header: "JWT",
    lives: 180,
    jti: "ntrtte",
    iss: "the realm",
    aud: "inventory",
    sub: "alice",
    typ: "Bearer",
    azp: "orders",
    sid: "a session",
    scope: "",
    ...changed,
  };
}

interface Granted {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** The answer with that token in it. */
export function exchanged({ claims = {}, body = {} }: Granted = {}): object {
  const usual = {
    access_token: exchangedClaims(claims),
    expires_in: 180,
    refresh_expires_in: 0,
    token_type: "Bearer",
    "not-before-policy": 0,
    session_state: "a session",
    scope: "",
    issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
  };
  return { status: 200, contentType: "application/json", body: { ...usual, ...body } };
}

/** Claims of the refresh token beside it; it can be used once, for these audiences. */
export function refreshClaims(changed: Readonly<Record<string, unknown>> = {}): object {
  return {
    alg: "HS512",
    header: "JWT",
    lives: 1800,
    jti: "an id",
    iss: "the realm",
    aud: "the realm",
    sub: "alice",
    typ: "Refresh",
    azp: "orders",
    sid: "a session",
    scope: "basic for-inventory for-orders",
    aud_x: "inventory",
    prov: "default",
    reuse_id: "a line",
    "req-aud": ["inventory"],
    ...changed,
  };
}

/** The answer to a refresh. */
export function refreshed({ claims = {}, body = {} }: Granted = {}): object {
  const { issued_token_type: _none, ...usual } = (exchanged() as { body: Record<string, unknown> }).body;
  const tokens = { access_token: exchangedClaims({ jti: "onrtrt", ...claims }), refresh_token: refreshClaims(), refresh_expires_in: 1800 };
  return { status: 200, contentType: "application/json", body: { ...usual, ...tokens, ...body } };
}
