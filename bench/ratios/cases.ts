// What of Cambio is measured: one call over and over by h2load, in each protocol; and calls that all differ, over gRPC, by frames-load.ts.
// Two replicas share a Redis: what the first has verified, the second finds there. Each round is held against the service's own counters,
// so that a series is what its name says.

import { createCaller } from "../caller.ts";
import { closedLoop } from "../closed-loop.ts";
import type { Surroundings } from "../surroundings.ts";
import { createFramesLoad, type FramesLoad } from "./frames-load.ts";
import { exchangePath, headersOf, type Protocol, redemption, validatePath, validation } from "./protocols.ts";
import { repeatedSeries } from "./repeated.ts";
import type { Series } from "./series.ts";
import { type ServedCambio, serveCambio } from "./served-cambio.ts";

export const caseNames = {
  hit: {
    gRPC: "gRPC hit",
    "gRPC-Web": "gRPC-Web hit",
    "Connect+proto": "Connect+proto hit",
    "Connect+JSON": "Connect+JSON hit",
  },
  ownAgain: "own token again",
  again: "hit, tokens differ",
  missRs256: "miss, RS256",
  missEs256: "miss, ES256",
  redis: "hit in Redis",
  ownFirst: "own token, first",
  exchangeMiss: "miss, with exchange",
  code: "Exchange of a code",
} as const;

export interface RoundSizes {
  /** Beside the one that is not counted. */
  readonly count: number;
  /** Of a call over and over. */
  readonly ms: number;
  /** In a round of calls that all differ. */
  readonly calls: number;
}

export interface Cases extends AsyncDisposable {
  readonly series: readonly Series[];
  /** A token that it knows, and the bytes of its answer about it. */
  readonly token: string;
  readonly answer: Buffer;
  /** What Redis is asked for each answer that is found there. */
  redisCommandsPerAnswer(): number;
  /** Of both replicas. */
  failedCalls(): Promise<number>;
}

export async function startCases(surroundings: Surroundings, { count, ms, calls }: RoundSizes): Promise<Cases> {
  const { caller, folder, redis } = surroundings;
  const parts = new AsyncDisposableStack();
  try {
    const [first, second] = [parts.use(await serveCambio(surroundings)), parts.use(await serveCambio(surroundings, "audit-of-the-second"))];
    const connect = async ({ url }: ServedCambio, path: string): Promise<FramesLoad> => {
      const load = await createFramesLoad(url, path, headersOf("gRPC", caller));
      parts.defer(() => load.close());
      return load;
    };
    const [near, far, codes] = [
      await connect(first, validatePath),
      await connect(second, validatePath),
      await connect(first, exchangePath),
    ];
    const rounds = count + 1;
    const rs256 = await surroundings.mint("corporate", rounds * calls);
    const exchanged = await surroundings.mint("corporate", rounds * calls);
    const es256 = await surroundings.mint("corporate", rounds * calls, "ES256");
    const own = await issueOwn(surroundings, first.url, rounds * calls);
    const [token = ""] = await surroundings.mint("corporate", 1);
    const [ownToken = ""] = own;
    const answer = await answerTo(first.url, token, caller);

    const turn = (tokens: readonly string[], round: number) => tokens.slice(round * calls, (round + 1) * calls);
    const messages =
      (tokens: readonly string[], exchange = false) =>
      (round: number) =>
        turn(tokens, round).map((one) => validation("gRPC", one, exchange));
    const over = (protocol: Protocol, shown: string, name: string) =>
      watched(
        first,
        "memory",
        undefined,
        repeatedSeries(
          {
            name,
            pid: first.pid,
            url: first.url + validatePath,
            http: protocol === "Connect+JSON" ? "1.1" : "2",
            headers: headersOf(protocol, caller),
            body: validation(protocol, shown),
            ...(protocol === "gRPC" ? { grpc: near } : {}),
          },
          folder,
          ms,
        ),
      );

    let redisCommands = 0;
    let redisAnswers = 0;
    const raw = redis.raw();
    const shownAgain = differing(caseNames.redis, far, second, messages(rs256));
    const counted: Series = {
      ...shownAgain,
      async play() {
        const before = valueCommandsOf(await raw.info("commandstats"));
        const burst = await shownAgain.play();
        redisCommands += valueCommandsOf(await raw.info("commandstats")) - before;
        redisAnswers += calls;
        return burst;
      },
    };
    const hit = Object.keys(caseNames.hit).map((protocol) => {
      // The names of the table are the protocols.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const one = protocol as Protocol;
      return over(one, token, caseNames.hit[one]);
    });
    const running = parts.move();
    return {
      series: [
        ...hit,
        over("gRPC", ownToken, caseNames.ownAgain),
        watched(first, "none", calls, differing(caseNames.missRs256, near, first, messages(rs256))),
        watched(first, "memory", calls, differing(caseNames.again, near, first, messages(rs256))),
        watched(second, "redis", calls, counted),
        watched(first, "none", calls, differing(caseNames.missEs256, near, first, messages(es256))),
        watched(first, "none", calls, differing(caseNames.ownFirst, near, first, messages(own))),
        watched(first, "none", calls, differing(caseNames.exchangeMiss, near, first, messages(exchanged, true))),
        differing(caseNames.code, codes, first, (round) =>
          Array.from({ length: calls }, (_one, index) => redemption(`code-${round}-${index}`)),
        ),
      ],
      token,
      answer,
      redisCommandsPerAnswer: () => redisCommands / redisAnswers,
      failedCalls: async () => (await first.metrics()).failedCalls + (await second.metrics()).failedCalls,
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

/** @param messagesOf a round; none is sent in two of them */
function differing(name: string, load: FramesLoad, { pid }: ServedCambio, messagesOf: (round: number) => readonly Buffer[]): Series {
  let round = 0;
  return {
    name,
    pid,
    async play() {
      const messages = messagesOf(round);
      round += 1;
      const ms = await load.closedLoop(messages);
      if (load.failures() > 0) throw new Error(`${name}: ${load.failures()} calls failed`);
      return { calls: messages.length, perSecond: (messages.length * 1_000) / ms };
    },
  };
}

/** A remembered token is over after a minute, and then some calls miss. */
const fromElsewhere = 0.02;

/** @param calls undefined: as many as the service counts */
function watched(cambio: ServedCambio, tier: "memory" | "redis" | "none", calls: number | undefined, series: Series): Series {
  const { name } = series;
  return {
    ...series,
    async play() {
      const before = await cambio.metrics();
      const burst = await series.play();
      const after = await cambio.metrics();
      const asked = calls ?? after.calls - before.calls;
      const memory = after.lookups.memory - before.lookups.memory;
      const redis = after.lookups.redis - before.lookups.redis;
      // A token of Cambio's own that is not remembered is not looked for any further, and counts as none of these.
      const found = { memory, redis, none: asked - memory - redis }[tier];
      if (found < asked * (1 - fromElsewhere)) throw new Error(`${name}: of ${asked} calls only ${found} were answered from there`);
      return burst;
    },
  };
}

/** Tokens of Cambio's own, each another one, out of one token of the provider `house`. */
async function issueOwn(surroundings: Surroundings, url: string, count: number): Promise<readonly string[]> {
  const [house = ""] = await surroundings.mint("house", 1);
  const caller = createCaller(url, surroundings.caller);
  const own = new Set<string>();
  await closedLoop(Array.from({ length: count }), async () => {
    const token = await caller.mint(house, "orders");
    if (token !== undefined) own.add(token);
  });
  const failures = caller.failures();
  caller.close();
  if (own.size < count) throw new Error(`${count} tokens were to be issued, and ${own.size} were: ${failures}`);
  return [...own];
}

async function answerTo(url: string, token: string, caller: Surroundings["caller"]): Promise<Buffer> {
  const response = await fetch(url + validatePath, {
    method: "POST",
    headers: Object.fromEntries(headersOf("Connect+proto", caller)),
    body: new Uint8Array(validation("Connect+proto", token)),
  });
  if (!response.ok) throw new Error(`a call failed with status ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

/** What the background does there are scripts. */
function valueCommandsOf(info: string): number {
  const counts = [...info.matchAll(/^cmdstat_(?:get|getrange|mget|set):calls=(\d+)/gm)];
  return counts.reduce((sum, [, calls]) => sum + Number(calls), 0);
}
