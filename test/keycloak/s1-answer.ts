// An answer of Cambio's in the form in which cases expect it: subjects by name, tokens as what stands in them, instants as what they are.
// What a protocol adds or leaves out by itself (empty members, prefixes of enum values) is gone.

import { Code } from "@connectrpc/connect";
import type { Reason } from "../../src/exchange/errors.ts";
import { expectedErrors } from "../e2e/expected-errors.ts";
import type { Answered } from "../e2e/protocol-callers.ts";
import type { Members, Told } from "./s1-stack.ts";
import type { World } from "./world.ts";

interface ClaimsMessage {
  readonly issuer?: string;
  readonly subject?: string;
  readonly clientId?: string;
  readonly audiences?: readonly string[];
  readonly scopes?: readonly string[];
  readonly preferredUsername?: string;
}

interface TokensMessage {
  readonly accessToken?: string;
  readonly refreshToken?: string;
  readonly issuedTokenType?: string;
  readonly expiresAt?: string;
}

interface AnswerMessage {
  readonly claims?: ClaimsMessage | null;
  readonly tokens?: TokensMessage | null;
  readonly source?: string;
  readonly cached?: boolean;
  readonly issuance?: string;
}

interface DetailMessage {
  readonly reason?: string;
  readonly field?: string;
  readonly expiredAt?: string | null;
}

/** Parts of a second that `exp` cannot say. */
const roundingMs = 1_000;

export function readable(world: World, { answered, token }: Told): Members {
  if (answered.kind === "failed") return readFailure(answered, token);
  const { claims, tokens, source, cached = false, issuance } = answered.message as AnswerMessage;
  return {
    ...(claims ? { claims: readClaims(world, claims) } : {}),
    ...(source === undefined ? {} : { source: source.replace("VALIDATION_SOURCE_", ""), cached }),
    ...(issuance === undefined ? {} : { issuance: issuance.replace("ISSUANCE_", "") }),
    ...(tokens ? { tokens: readTokens(world, tokens) } : {}),
  };
}

function readFailure({ code, details, httpStatus }: Extract<Answered, { kind: "failed" }>, token: string): Members {
  const { field = "", expiredAt } = (details[0] ?? {}) as DetailMessage;
  const reason = reasonOf(details) as Reason;
  if (httpStatus !== undefined && httpStatus !== expectedErrors[reason].http) throw new Error(`${reason} with status ${httpStatus}`);
  const named = field.replace("ERROR_FIELD_", "");
  const expired = expiredAt ? Date.parse(expiredAt) / 1000 : undefined;
  return {
    reason,
    code: Code[code],
    ...(["", "UNSPECIFIED"].includes(named) ? {} : { field: named }),
    ...(expired === undefined ? {} : { expiredAt: expired === payloadOf(token)["exp"] ? "its exp" : expired }),
  };
}

export function reasonOf(details: readonly Members[]): string {
  return ((details[0] ?? {}) as DetailMessage).reason?.replace("ERROR_REASON_", "") ?? "no reason";
}

function readClaims(
  world: World,
  { issuer, subject, clientId, audiences = [], scopes = [], preferredUsername = "" }: ClaimsMessage,
): Members {
  return {
    issuer: issuer === world.issuer ? "the realm" : issuer,
    subject: nameOf(world, subject),
    clientId,
    audiences: audiences.toSorted(),
    scopes: scopes.toSorted(),
    ...(preferredUsername === "" ? {} : { preferredUsername }),
  };
}

function readTokens(world: World, { accessToken = "", refreshToken = "", issuedTokenType = "", expiresAt = "" }: TokensMessage): Members {
  const { sub, azp, aud, scope, exp, iat } = payloadOf(accessToken);
  return {
    accessToken: {
      sub: nameOf(world, sub),
      azp,
      aud: Array.isArray(aud) ? (aud as readonly string[]).toSorted() : aud,
      scope,
      lives: Number(exp) - Number(iat),
    },
    // Said beside the token, and the same.
    ...(Math.abs(Date.parse(expiresAt) - Number(exp) * 1000) < roundingMs ? {} : { expiresAt }),
    ...(issuedTokenType === "" ? {} : { type: issuedTokenType.split(":").at(-1) }),
    ...(refreshToken === "" ? {} : { refreshToken: refreshToken.includes(".") ? "the provider's own" : "a handle" }),
  };
}

function nameOf({ realm }: World, subject: unknown): string {
  return realm.users.find(({ id }) => id === subject)?.username ?? "nobody";
}

/** Nothing stands in what is no JWT. */
export function payloadOf(token: string): Members {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as Members;
  } catch {
    return {};
  }
}

/** A token of an exchange, or a handle. */
export function tokenIn({ answered }: Told, name: "accessToken" | "refreshToken" = "accessToken"): string {
  const { tokens } = answered.kind === "ok" ? (answered.message as AnswerMessage) : {};
  const token = tokens?.[name] ?? "";
  if (token === "") throw new Error(`no ${name} in ${JSON.stringify(answered)}`);
  return token;
}
