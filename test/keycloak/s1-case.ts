// A row of the S1 table: what is done in the realm and asked of Cambio, and what Cambio must answer. Names for the answers are here as
// well, and how a real answer is brought into their form: subjects by name, tokens as what stands in them, instants as what they are.

import { Code } from "@connectrpc/connect";
import type { Configuration } from "../../src/config/schema.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { expectedErrors } from "../e2e/expected-errors.ts";
import type { Answered } from "../e2e/protocol-callers.ts";
import type { Members, S1Options, S1Stack, Told } from "./s1-stack.ts";
import type { World } from "./world.ts";

export interface S1Case extends S1Options {
  readonly name: string;
  /** All answers that matter, in order. */
  readonly act: (cambio: S1Stack, world: World) => Promise<readonly Told[]>;
  /** As `readable` makes them. */
  readonly answers: readonly Members[];
  /** What the log says of the last call, among other things. */
  readonly logged?: Members;
}

/** Alice's token of the storefront, as Cambio tells the orders service of it. */
export function accepted(changed: Members = {}, claims: Members = {}): Members {
  const usual = {
    issuer: "the realm",
    subject: "alice",
    clientId: "storefront",
    audiences: ["cambio", "orders"],
    scopes: ["orders:read", "profile"],
    preferredUsername: "alice",
    ...claims,
  };
  return { claims: usual, source: "LOCAL_KEYS", cached: false, ...changed };
}

/** What the orders service gets for the inventory service. */
export function given(token: Members = {}, more: Members = {}): Members {
  return { issuance: "PROVIDER_EXCHANGE", tokens: { ...exchangedToken(token), ...more } };
}

export function exchangedToken(token: Members = {}): Members {
  return { accessToken: { sub: "alice", azp: "orders", aud: "inventory", scope: "", lives: 180, ...token }, type: "access_token" };
}

/** With its code, its HTTP status where that can be seen, and its field, as the contract has them. */
export function refused(reason: Reason, more: Members = {}): Members {
  const { code, field } = expectedErrors[reason];
  const expiry = reason === "TOKEN_EXPIRED" ? { expiredAt: "its exp" } : {};
  return { reason, code: Code[code], ...(field === undefined ? {} : { field }), ...expiry, ...more };
}

export function readable(world: World, { answered, token }: Told): Members {
  if (answered.kind === "failed") return readFailure(answered, token);
  const { claims, tokens, source, cached, issuance } = answered.message as Members;
  return {
    ...(claims === undefined ? {} : { claims: readClaims(world, claims as Members) }),
    ...(source === undefined ? {} : { source: String(source).replace("VALIDATION_SOURCE_", ""), cached: cached ?? false }),
    ...(issuance === undefined ? {} : { issuance: String(issuance).replace("ISSUANCE_", "") }),
    ...(tokens === undefined || tokens === null ? {} : { tokens: readTokens(world, tokens as Members) }),
  };
}

function readFailure({ code, details, httpStatus }: Extract<Answered, { kind: "failed" }>, token: string): Members {
  const [detail = {}] = details as readonly Members[];
  const reason = String(detail["reason"]).replace("ERROR_REASON_", "") as Reason;
  if (httpStatus !== undefined && httpStatus !== expectedErrors[reason].http) throw new Error(`${reason} with status ${httpStatus}`);
  const field = detail["field"] === undefined ? "" : String(detail["field"]).replace("ERROR_FIELD_", "");
  const expiredAt = detail["expiredAt"];
  const said = typeof expiredAt === "string" ? Date.parse(expiredAt) / 1000 : undefined;
  return {
    reason,
    code: Code[code],
    ...(["", "UNSPECIFIED"].includes(field) ? {} : { field }),
    ...(said === undefined ? {} : { expiredAt: said === payloadOf(token)["exp"] ? "its exp" : said }),
  };
}

function readClaims(world: World, claims: Members): Members {
  const { issuer, subject, clientId, audiences = [], scopes = [], preferredUsername } = claims;
  const named = preferredUsername === undefined || preferredUsername === "" ? {} : { preferredUsername };
  const sorted = (list: unknown) => (list as readonly string[]).toSorted();
  return {
    issuer: issuer === world.issuer ? "the realm" : issuer,
    subject: nameOf(world, subject),
    clientId,
    audiences: sorted(audiences),
    scopes: sorted(scopes),
    ...named,
  };
}

function readTokens(world: World, { accessToken, refreshToken = "", issuedTokenType }: Members): Members {
  const { sub, azp, aud, scope, exp, iat } = payloadOf(String(accessToken));
  const lives = Number(exp) - Number(iat);
  return {
    accessToken: { sub: nameOf(world, sub), azp, aud: Array.isArray(aud) ? aud.toSorted() : aud, scope, lives },
    ...(issuedTokenType === undefined || issuedTokenType === "" ? {} : { type: String(issuedTokenType).split(":").at(-1) }),
    ...(refreshToken === "" ? {} : { refreshToken: String(refreshToken).includes(".") ? "the provider's own" : "a handle" }),
  };
}

function nameOf({ realm }: World, subject: unknown): string {
  return realm.users.find(({ id }) => id === subject)?.username ?? "nobody";
}

export function payloadOf(token: string): Members {
  const payload = token.split(".")[1];
  if (payload === undefined) return {};
  try {
    return JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Members;
  } catch {
    return {};
  }
}

/** A token of an exchange, or a handle. */
export function tokenIn({ answered }: Told, name: "accessToken" | "refreshToken" = "accessToken"): string {
  const tokens = answered.kind === "ok" ? ((answered.message["tokens"] ?? {}) as Members) : {};
  const token = tokens[name];
  if (typeof token !== "string" || token === "") throw new Error(`no ${name} in ${JSON.stringify(answered)}`);
  return token;
}

/** For configurations that differ in one provider or audience. */
export function changeProvider(change: (provider: Configuration["providers"][string]) => Configuration["providers"][string]) {
  return (configuration: Configuration): Configuration => {
    const { corp } = configuration.providers;
    if (corp === undefined) throw new Error("the example has a provider corp");
    return { ...configuration, providers: { ...configuration.providers, corp: change(corp) } };
  };
}
