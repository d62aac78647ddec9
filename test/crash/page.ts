// A page that keeps refreshing: several times at once with the same handle, over all replicas, and again elsewhere where an answer was
// lost. It counts; what the counts must be is the suite's business.

import type { Random } from "../../bench/random.ts";
import { type Answer, page, reasonOf, registerTokens } from "../support/fake-stack.ts";
import type { Canary } from "../support/canary.ts";
import { placeCount, type Replicas } from "./replicas.ts";
import { count, type Tally } from "./tally.ts";

/** Well below the 64 tokens that a family may have at a time: none of them expires during a run. */
const generationsPerFamily = 40;
const mostAtOnce = 5;
/** Far more than there can be kills in a row: whoever gets there hangs. */
const maxTries = 50;

/** Nothing was decided, and the same may be asked again. */
const undecided: ReadonlySet<string> = new Set([
  "STORE_UNAVAILABLE",
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_TIMEOUT",
  "DEADLINE_EXCEEDED",
  "OVERLOADED",
]);

export interface PageDeps {
  readonly replicas: Replicas;
  readonly random: Random;
  readonly tally: Tally;
  readonly canary: Canary;
}

/** What a page holds of a family: the handle that is good next. */
export interface Held {
  handle: string;
  generation: number;
}

export interface Page {
  /** Begins family after family until told to end. @returns all of them */
  live(cookie: string, isOver: () => boolean): Promise<readonly Held[]>;
  signIn(cookie: string): Promise<Held>;
  /** So many at once with the handle. Undefined: it was refused. */
  refreshAtOnce(held: Held, times: number): Promise<Raced | undefined>;
}

export interface Raced {
  readonly accessTokens: ReadonlySet<string>;
  readonly handles: ReadonlySet<string>;
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export function createPage({ replicas, random, tally, canary }: PageDeps): Page {
  const anyPlace = () => Math.floor(random() * placeCount);

  /** Until somebody answers. Whose answer was lost, or who was turned away, asks the next replica. */
  async function ask(method: "Exchange" | "Refresh", question: Question, first: number): Promise<Answer> {
    for (let place = first; place < first + maxTries; place += 1) {
      const replica = replicas.at(place % placeCount);
      tally.calls += 1;
      const answer = await call(`${replica.url}/cambio.v1.TokenExchangeService/${method}`, question).catch((failure: unknown) => {
        if (!replica.isKilled()) throw failure;
        return undefined;
      });
      const reason = answer === undefined ? undefined : reasonOf(answer);
      if (answer === undefined) tally.answersLost += 1;
      else if (reason !== undefined && undecided.has(reason)) count(tally.turnedAway, reason);
      else return answer;
    }
    throw new Error(`no answer in ${maxTries} tries`);
  }

  async function signIn(cookie: string): Promise<Held> {
    const message = { clientId: "shop", session: {}, audiences: ["backend"], requestedTokenType: refreshTokenType };
    const answer = await ask("Exchange", { message, headers: { cookie } }, anyPlace());
    const tokens = tokensOf(answer);
    if (tokens === undefined) throw new Error(`a session was refused: ${answer.status} ${reasonOf(answer)}`);
    tally.families += 1;
    return { handle: tokens.refreshToken, generation: 0 };
  }

  async function refreshAtOnce(held: Held, times: number): Promise<Raced | undefined> {
    const first = anyPlace();
    const question = { message: { clientId: "shop", refreshToken: held.handle }, headers: {} };
    const answers = await Promise.all(Array.from({ length: times }, (_, number) => ask("Refresh", question, first + number)));
    const given = answers.flatMap((answer) => tokensOf(answer) ?? []);
    for (const answer of answers.filter((one) => tokensOf(one) === undefined))
      count(tally.grantsLost, reasonOf(answer) ?? String(answer.status));
    const [one] = given;
    if (one === undefined) return undefined;
    registerTokens(canary, one);
    const raced = {
      accessTokens: new Set(given.map(({ accessToken }) => accessToken)),
      handles: new Set(given.map(({ refreshToken }) => refreshToken)),
    };
    count(tally.successors, Math.max(raced.accessTokens.size, raced.handles.size));
    held.handle = one.refreshToken;
    held.generation += 1;
    return raced;
  }

  return {
    signIn,
    refreshAtOnce,
    async live(cookie, isOver) {
      const families: Held[] = [];
      while (!isOver()) {
        const held = await signIn(cookie);
        families.push(held);
        while (!isOver() && held.generation < generationsPerFamily) {
          const times = 2 + Math.floor(random() * (mostAtOnce - 1));
          if ((await refreshAtOnce(held, times)) === undefined) break;
        }
      }
      return families;
    },
  };
}

const refreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token";

interface Question {
  readonly message: object;
  readonly headers: Readonly<Record<string, string>>;
}

async function call(url: string, { message, headers }: Question): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", origin: page, ...headers },
    body: JSON.stringify(message),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}

function tokensOf({ body }: Answer): Tokens | undefined {
  const { accessToken, refreshToken } = (body["tokens"] ?? {}) as Partial<Tokens>;
  return accessToken === undefined || refreshToken === undefined ? undefined : { accessToken, refreshToken };
}
