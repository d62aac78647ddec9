// What Better Auth answers about a session, read strictly where something depends on it: whose it is, until when, who looks through
// the user's eyes, and whether the user is banned. How it was asked is better-auth.ts.

import { type Account, informing } from "../exchange/account.ts";
import type { Session } from "../exchange/session-ports.ts";
import { isText } from "../exchange/token/claim-shapes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../exchange/token/strict-json.ts";

/** Without it: what there is to say for the log, in a word of ours. */
export type SessionReading =
  | { readonly kind: "session"; readonly session: Session }
  | { readonly kind: "ended"; readonly code: "none" | "expired" | "banned" }
  /** Not an answer of Better Auth, or not to this question. */
  | { readonly kind: "unreadable"; readonly code: string };

export interface SessionQuestion {
  /** The token that was sent, without its signature. */
  readonly id: string;
  readonly nowMs: number;
}

/** Characters: ids are made by databases and have some 36. */
const maxIdLength = 256;

export function readSessionAnswer(answer: JsonValue | undefined, question: SessionQuestion): SessionReading {
  if (answer === null) return { kind: "ended", code: "none" };
  if (!isJsonObject(answer)) return unreadable("body");
  const { session, user } = answer;
  if (!isJsonObject(session)) return unreadable("session");
  if (!isJsonObject(user)) return unreadable("user");

  // 1. It must be about this session: whatever stands in between could have kept another one's answer.
  if (session["token"] !== undefined && session["token"] !== question.id) return unreadable("session.token");
  const { id } = user;
  if (!isText(id) || id.length > maxIdLength) return unreadable("user.id");
  if (session["userId"] !== id) return unreadable("session.userId");

  // 2. It must stand now.
  const expiresAtMs = instantOf(session["expiresAt"]);
  if (expiresAtMs === undefined) return unreadable("session.expiresAt");
  if (expiresAtMs <= question.nowMs) return { kind: "ended", code: "expired" };
  const startedAtMs = session["createdAt"] === undefined ? 0 : instantOf(session["createdAt"]);
  if (startedAtMs === undefined) return unreadable("session.createdAt");
  const ban = banOf(user, question.nowMs);
  if (ban === "unreadable") return unreadable("user.banned");
  if (ban === "banned") return { kind: "ended", code: "banned" };

  // 3. Somebody else may be looking.
  const { impersonatedBy: by = null } = session;
  if (by !== null && (!isText(by) || by.length > maxIdLength)) return unreadable("session.impersonatedBy");
  // One that does not say when it began is older than every order to end what its user has.
  const startedAt = Math.floor(startedAtMs / 1_000);
  return { kind: "session", session: { account: accountOf(id, user), startedAt, expiresAtMs, impersonator: by ?? undefined } };
}

function unreadable(member: string): SessionReading {
  return { kind: "unreadable", code: `${member}:invalid` };
}

/** Signing in ends with a ban, and so do sessions; not where they are kept apart from users. */
function banOf({ banned = null, banExpires = null }: JsonObject, nowMs: number): "banned" | "free" | "unreadable" {
  if (banned === null || banned === false) return "free";
  if (banned !== true) return "unreadable";
  if (banExpires === null) return "banned";
  const untilMs = instantOf(banExpires);
  if (untilMs === undefined) return "unreadable";
  return untilMs > nowMs ? "banned" : "free";
}

function accountOf(providerUserId: string, user: JsonObject): Account {
  return {
    providerUserId,
    username: informing(user["username"]),
    displayName: informing(user["name"]),
    email: informing(user["email"]),
    emailVerified: user["emailVerified"] === true,
    avatarUrl: informing(user["image"]),
  };
}

/** As `Date` writes itself into JSON. */
function instantOf(value: JsonValue | undefined): number | undefined {
  if (typeof value !== "string" || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$/.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}
