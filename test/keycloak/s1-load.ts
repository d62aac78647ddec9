// Calls without a pause, of all kinds, and what each answer is worth: right, undecided, or wrong. An outage may turn the first into the
// second, and nothing into the third.

import { randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { payloadOf, reasonOf } from "./s1-answer.ts";
import type { Members, S1Stack, Told } from "./s1-stack.ts";
import { refresh } from "./requests.ts";
import type { World } from "./world.ts";

export interface OneCall {
  readonly kind: Kind;
  readonly verdict: "right" | "undecided" | "wrong";
  readonly said: string;
  readonly tookMs: number;
}

/** What is asked, and where: of a Cambio that goes by keys alone, or of one that asks Keycloak about every token. */
export const kinds = [
  "known by keys",
  "known by asking",
  "new by keys",
  "new by asking",
  "forged",
  "ended",
  "swap",
  "swap of ended",
] as const;
export type Kind = (typeof kinds)[number];

export interface Cambios {
  readonly byKeys: S1Stack;
  readonly byAsking: S1Stack;
}

export interface Tokens {
  /** Shown to both before the outage. */
  readonly known: readonly string[];
  /** Shown to nobody before. */
  readonly fresh: readonly string[];
  readonly forged: readonly string[];
  /** Their session has ended; shown to nobody before. */
  readonly ended: readonly string[];
}

const workers = 8;
/** Where the end is not a number of calls: enough of them, and a machine that has time for what they wait for. */
const paceMs = 10;

/** So many calls, of each kind as many, or for as long as `until` runs. */
export async function load(cambios: Cambios, tokens: Tokens, until: number | Promise<unknown>): Promise<readonly OneCall[]> {
  const calls: OneCall[] = [];
  let next = 0;
  let over = false;
  if (typeof until !== "number")
    void until.then(
      () => (over = true),
      () => (over = true),
    );
  const isOver = () => (typeof until === "number" ? calls.length >= until : over);
  async function work(): Promise<void> {
    while (!isOver()) {
      next = (next + 1) % kinds.length;
      calls.push(await callOnce(cambios, tokens, kinds[next] ?? "forged"));
      if (typeof until !== "number") await pause(paceMs);
    }
  }
  await Promise.all(Array.from({ length: workers }, work));
  return calls;
}

export async function callOnce(cambios: Cambios, tokens: Tokens, kind: Kind): Promise<OneCall> {
  const startedAt = performance.now();
  const told = await asks[kind](cambios, tokens);
  return { kind, ...judge(kind, told), tookMs: performance.now() - startedAt };
}

const asks: Readonly<Record<Kind, (cambios: Cambios, tokens: Tokens) => Promise<Told>>> = {
  "known by keys": ({ byKeys }, { known }) => byKeys.validate(anyOf(known)),
  "known by asking": ({ byAsking }, { known }) => byAsking.validate(anyOf(known)),
  "new by keys": ({ byKeys }, { fresh }) => byKeys.validate(anyOf(fresh)),
  "new by asking": ({ byAsking }, { fresh }) => byAsking.validate(anyOf(fresh)),
  forged: ({ byKeys }, { forged }) => byKeys.validate(anyOf(forged)),
  ended: ({ byAsking }, { ended }) => byAsking.validate(anyOf(ended)),
  swap: ({ byKeys }, { fresh }) => byKeys.exchange(anyOf(fresh)),
  "swap of ended": ({ byKeys }, { ended }) => byKeys.exchange(anyOf(ended)),
};

const denials: Readonly<Partial<Record<Kind, string>>> = {
  forged: "TOKEN_INVALID",
  ended: "TOKEN_REVOKED",
  "swap of ended": "TOKEN_REVOKED",
};
const undecided = ["UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "UPSTREAM_INVALID_RESPONSE", "OVERLOADED", "DEADLINE_EXCEEDED"];

function judge(kind: Kind, { answered, token }: Told): Pick<OneCall, "verdict" | "said"> {
  const said = answered.kind === "ok" ? "yes" : reasonOf(answered.details);
  if (undecided.includes(said)) return { verdict: "undecided", said };
  const isRight = answered.kind === "ok" ? denials[kind] === undefined && isAbout(answered.message, token) : said === denials[kind];
  return { verdict: isRight ? "right" : "wrong", said };
}

/** The user of the token that was sent, and nobody else. */
function isAbout({ claims, tokens }: Members, token: string): boolean {
  const { sub } = payloadOf(token);
  const swapped = payloadOf(String((tokens as Members | undefined)?.["accessToken"]));
  return claims === undefined ? swapped["sub"] === sub && swapped["aud"] === "inventory" : (claims as Members)["subject"] === sub;
}

function anyOf(list: readonly string[]): string {
  return list[randomInt(list.length)] ?? "";
}

/** Of two users. A sign-in costs Keycloak much, a refresh little. */
export async function manyTokens(world: World, count: number): Promise<readonly string[]> {
  const made: string[] = [];
  for (const user of ["alice", "bob"]) {
    let { accessToken, refreshToken } = await world.token(user, "storefront");
    for (let more = 0; more < count / 2; more += 1) {
      made.push(accessToken);
      const answer = await refresh(world, refreshToken, { client_id: "storefront" }, {});
      ({ access_token: accessToken, refresh_token: refreshToken } = answer.body as { access_token: string; refresh_token: string });
    }
  }
  return made;
}

export async function endedTokens(world: World): Promise<readonly string[]> {
  return Promise.all(
    ["alice", "bob"].map(async (user) => {
      const { accessToken, sessionId } = await world.token(user, "storefront");
      await world.operator.logout(sessionId);
      return accessToken;
    }),
  );
}

/** One user's signature under the other's words. */
export function forgeries([one = "", ...others]: readonly string[]): readonly string[] {
  return others.map((other) => [...other.split(".").slice(0, 2), one.split(".")[2]].join("."));
}
