// What must be said about tokens of every kind, worked out from how each was made: never from what the service says of it.

import { createSigningKey } from "../keys/signing.ts";
import type { World } from "./world.ts";
import { payroll } from "./world-configuration.ts";

/** A replica, by its place in the world. */
type Place = number;

export interface Made {
  readonly text: string;
  /** Seconds since the epoch. */
  readonly exp: number;
  /** What is wrong with it for good; undefined: it is genuine. */
  readonly wrong: string | undefined;
  readonly kid: string;
  readonly forPayroll: boolean;
  revoked: Revoked | undefined;
}

interface Revoked {
  /** Those whose word it is that it ended: they must not say anything else. */
  readonly places: Set<Place>;
  /** When the first of them said so; undefined: the answer of who asked for it left it open. */
  sinceMs: number | undefined;
}

export const kinds = [
  "usual",
  "usual",
  "usual",
  "other-algorithm",
  "short",
  "expired",
  "payroll",
  "tampered",
  "foreign",
  "named-key",
  "embedded-key",
  "stranger",
  "unsigned",
] as const;
export type Kind = (typeof kinds)[number];

/** How long before its end a token counts as expired. */
const bufferMs = 60_000;

export function createMint(world: World) {
  const { stack, decoy } = world;
  const attacker = createSigningKey("RS256", "attacker-1");

  async function make(kind: Kind): Promise<Made> {
    const now = Math.floor(stack.time.nowMs / 1_000);
    const kid = stack.provider.keys.kidOf(kind === "other-algorithm" ? "ES256" : "RS256");
    const genuine = { kid, wrong: undefined, forPayroll: kind === "payroll", revoked: undefined, exp: now + 3_600 };
    const forged = { ...genuine, wrong: "TOKEN_INVALID" };
    switch (kind) {
      case "usual":
        return { ...genuine, text: await stack.token() };
      case "other-algorithm":
        return { ...genuine, text: await stack.token({}, { alg: "ES256" }) };
      case "short":
        return { ...genuine, exp: now + 80, text: await stack.token({ exp: now + 80 }) };
      case "expired":
        return { ...genuine, exp: now - 1, text: await stack.token({ iat: now - 600, exp: now - 1 }) };
      case "payroll":
        return { ...genuine, text: await stack.token({ aud: payroll }) };
      case "foreign":
        return { ...genuine, wrong: "ISSUER_NOT_TRUSTED", text: await stack.token({ iss: decoy }) };
      case "tampered":
        return { ...forged, text: withHeaderOrPayload(await stack.token(), 1, { sub: "mallory" }) };
      // An attacker's key, said to lie where the attacker can be asked for it.
      case "named-key":
        return { ...forged, text: bySomebodyElse({ jku: `${decoy}/jwks`, x5u: `${decoy}/certificate` }) };
      case "embedded-key":
        return { ...forged, text: bySomebodyElse({ jwk: attacker.jwk }) };
      case "stranger":
        return { ...forged, text: bySomebodyElse({}) };
      case "unsigned":
        return { ...forged, text: withHeaderOrPayload(await stack.token(), 0, { alg: "none" }).replace(/[^.]*$/, "") };
    }
  }

  /** Under the issuer's name and key id. */
  function bySomebodyElse(header: object): string {
    const now = Math.floor(stack.time.nowMs / 1_000);
    const claims = { iss: stack.provider.issuer, sub: "alice", aud: "https://orders.example", client_id: "cambio", scope: "orders:read" };
    const named = { typ: "at+jwt", kid: stack.provider.keys.kidOf("RS256"), ...header };
    return attacker.token({ ...claims, iat: now, exp: now + 3_600 }, named);
  }

  return make;
}

function withHeaderOrPayload(token: string, part: 0 | 1, more: object): string {
  const parts = token.split(".");
  const decoded = JSON.parse(Buffer.from(parts[part] ?? "", "base64url").toString()) as object;
  parts[part] = Buffer.from(JSON.stringify({ ...decoded, ...more })).toString("base64url");
  return parts.join(".");
}

export interface Verdict {
  /** A yes would be true, or at least nobody could know better yet. */
  readonly mayAccept: boolean;
  /** A no with one of these reasons would be true. */
  readonly reasons: ReadonlySet<string>;
}

/** What a replica may say of it now. */
export function verdictOf(world: World, made: Made, place: Place): Verdict {
  const nowMs = world.stack.time.nowMs;
  const reasons = new Set<string>();
  if (made.wrong !== undefined) reasons.add(made.wrong);
  if (made.wrong === "TOKEN_INVALID") reasons.add("TOKEN_MALFORMED");
  if (world.variant() === "denied" && made.kid === world.stack.provider.keys.kidOf("RS256")) reasons.add("TOKEN_INVALID");
  if (nowMs >= made.exp * 1_000 - bufferMs) reasons.add("TOKEN_EXPIRED");
  if (made.forPayroll) reasons.add("AUDIENCE_MISMATCH");
  if (world.variant() === "closed") reasons.add("CLIENT_NOT_TRUSTED");
  const mayAccept = reasons.size === 0 && !isRevoked(world, made, place);
  if (made.revoked !== undefined) reasons.add("TOKEN_REVOKED");
  return { mayAccept, reasons };
}

/** Who ended it knows at once; everybody else knows, or says that nobody can, after the configured lag. */
function isRevoked({ stack }: World, { revoked }: Made, place: Place): boolean {
  if (revoked === undefined) return false;
  const late = revoked.sinceMs !== undefined && stack.time.nowMs > revoked.sinceMs + stack.configuration.revocation_lag;
  return late || revoked.places.has(place);
}
