// What must be true of sign-ins and handles, whatever fails: a plain account of what was handed out, and of what the provider saw.
// It knows nothing of how the service works.

import { URLSearchParams } from "node:url";
import type { Answer } from "../support/fake-stack.ts";
import type { SeenRequest } from "../support/fake-provider.ts";
import { outcomeOf, unavailable, type World } from "./world.ts";
import { maxLifetimeMs, payroll } from "./world-configuration.ts";

/** A public client's handles of one sign-in, oldest first, and what is known to be true of them. */
export interface Family {
  /** By which it signed in. */
  readonly code: string;
  readonly handles: string[];
  /** What its calls answered left nothing open: its newest handle must be good. */
  clean: boolean;
  /** It was said to be over: no handle of it is ever good again. */
  over: boolean;
  /** Something happened by which it may end although its provider lost nothing of it. */
  shaken: boolean;
  /** Somebody did not wait for what became of it. */
  left: boolean;
}

/** After these nobody but the provider knows what it answered, or whether it was asked. */
const leavesOpen: ReadonlySet<string> = new Set(["OUTCOME_UNKNOWN", "UPSTREAM_TIMEOUT"]);
export const isOpen = (answer: Answer): boolean => leavesOpen.has(outcomeOf(answer));

/**
 * True: one of its refresh tokens was answered in a way by which it may be spent, or what came with the answer is no token of the provider's.
 * Read from what the provider saw of this very sign-in; what it never saw, because it did not even read, is not known here.
 */
export function wasLost(requests: readonly SeenRequest[], { code }: Pick<Family, "code">): boolean {
  const own = new Set([code]);
  for (const request of requests) {
    if (request.endpoint !== "token") continue;
    const form = new URLSearchParams(request.body);
    const shown = form.get("code") ?? form.get("refresh_token") ?? "";
    if (!own.has(shown) || turnedAway(request)) continue;
    if (request.fault !== undefined) return true;
    if (request.gave !== undefined) own.add(request.gave);
  }
  return false;
}

/** Scopes that `web` may have, by what is in force. */
const scopesOf = { usual: ["openid", "profile", "email", "offline_access"], narrow: ["openid"] } as const;

/** @throws Error naming what is wider than it may be */
export function checkHandedOut(world: World, answer: Answer): void {
  const tokens = answer.body["tokens"] as { accessToken: string; refreshToken?: string; expiresIn?: number; scopes?: readonly string[] };
  const claims = JSON.parse(Buffer.from(tokens.accessToken.split(".")[1] ?? "", "base64url").toString()) as {
    aud: string | readonly string[];
    exp: number;
    scope: string;
  };
  const allowed: readonly string[] = world.variant() === "narrow" ? scopesOf.narrow : scopesOf.usual;
  const scopes = [...(tokens.scopes ?? []), ...claims.scope.split(" ")];
  for (const scope of scopes) if (!allowed.includes(scope)) throw new Error(`the scope ${scope} was handed out`);
  if ([claims.aud].flat().includes(payroll)) throw new Error("an audience that the client may not have was handed out");
  const lifetimesMs = [claims.exp * 1_000 - world.stack.time.nowMs, (tokens.expiresIn ?? 0) * 1_000];
  if (lifetimesMs.some((ms) => ms > maxLifetimeMs)) throw new Error("a token was handed out that lives too long");
  if (tokens.refreshToken !== undefined && world.stack.provider.issued.includes(tokens.refreshToken))
    throw new Error("a public client holds the provider's own refresh token");
}

/** Those of answers that were given; each other one says that nobody could decide, or is a refusal of these. @throws Error on any other */
export function given(answers: readonly Answer[], refusals: readonly string[]): readonly Answer[] {
  for (const outcome of answers.map(outcomeOf)) {
    if (outcome !== "200" && !unavailable.has(outcome) && !refusals.includes(outcome)) throw new Error(`the answer was ${outcome}`);
  }
  return answers.filter(({ status }) => status === 200);
}

/** Every answer was decided. */
export const allDecided = (answers: readonly Answer[]): boolean => answers.every((answer) => !unavailable.has(outcomeOf(answer)));

/** Reads on where it stopped the last time. */
export function createProviderAudit(requests: readonly SeenRequest[]) {
  let read = 0;
  const spent = new Map<string, "gone" | "kept">();

  function see(kind: string, value: string | null, kept: boolean): void {
    if (value === null) return;
    if (spent.get(value) === "gone") throw new Error(`the provider was shown the same ${kind} twice`);
    spent.set(value, kept ? "kept" : "gone");
  }

  return {
    /** @throws Error where the provider was shown something one-time for the second time */
    check(): void {
      for (; read < requests.length; read += 1) {
        const request = requests[read];
        if (request?.endpoint !== "token") continue;
        const form = new URLSearchParams(request.body);
        see("code", form.get("code"), false);
        see("code verifier", form.get("code_verifier"), false);
        see("refresh token", form.get("refresh_token"), turnedAway(request));
      }
    },
  };
}

/** The request was refused before the token was looked at, in words that say so: the token is as good as before (RFC 6749 §5.2). */
function turnedAway({ fault }: SeenRequest): boolean {
  const answered = fault?.kind === "after-work" ? fault.answer : fault;
  if (answered?.kind === "status") return answered.status === 429;
  return answered?.kind === "error-in-200" && answered.error === "invalid_request";
}
