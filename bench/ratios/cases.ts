// What of Cambio is measured: one call over and over by h2load, in each protocol; and calls that all differ, over gRPC, by frames-load.ts.
// Two replicas share a Redis: what the first has verified, the second finds there.

import { createCaller } from "../caller.ts";
import { closedLoop } from "../closed-loop.ts";
import type { Surroundings } from "../surroundings.ts";
import { createFramesLoad, type FramesLoad } from "./frames-load.ts";
import { exchangePath, headersOf, type Protocol, redemption, validatePath, validation } from "./protocols.ts";
import { repeatedSeries } from "./repeated.ts";
import type { Series } from "./series.ts";
import { type ServedCambio, serveCambio } from "./served-cambio.ts";
import { countingRedis, watched } from "./watched.ts";

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
  /** Beside what goes before the first. */
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

/** One replica, and connections to it. */
interface Replica {
  readonly cambio: ServedCambio;
  readonly validate: FramesLoad;
  readonly exchange: FramesLoad;
}

/** Tokens enough for all rounds, each for itself. */
interface Material {
  readonly rs256: readonly string[];
  readonly exchanged: readonly string[];
  readonly es256: readonly string[];
  readonly own: readonly string[];
  /** For the calls over and over. */
  readonly repeated: { readonly token: string; readonly own: string };
}

export async function startCases(surroundings: Surroundings, sizes: RoundSizes): Promise<Cases> {
  const parts = new AsyncDisposableStack();
  try {
    const start = async (trail: string): Promise<Replica> => {
      const cambio = parts.use(await serveCambio(surroundings, { replica: trail }));
      const connect = async (path: string) => {
        const load = await createFramesLoad(cambio.url, path, headersOf("gRPC", surroundings.caller));
        parts.defer(() => load.close());
        return load;
      };
      return { cambio, validate: await connect(validatePath), exchange: await connect(exchangePath) };
    };
    const [first, second] = [await start("audit"), await start("audit-of-the-second")];
    const material = await prepare(surroundings, first.cambio.url, (sizes.count + 1) * sizes.calls);
    const { token } = material.repeated;
    const answer = await answerTo(first.cambio.url, token, surroundings.caller);
    const inRedis = countingRedis(
      surroundings.redis,
      differing(caseNames.redis, { cambio: second.cambio, load: second.validate }, messagesOf(material.rs256, sizes.calls)),
    );
    const running = parts.move();
    return {
      series: [
        ...repeatedCases(first, material.repeated, surroundings, sizes.ms),
        ...differingCases(first, material, sizes.calls, watched(second.cambio, "redis", inRedis.series)),
      ],
      token,
      answer,
      redisCommandsPerAnswer: () => inRedis.commandsPerCall(),
      failedCalls: async () => (await first.cambio.metrics()).failedCalls + (await second.cambio.metrics()).failedCalls,
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

async function prepare(surroundings: Surroundings, url: string, count: number): Promise<Material> {
  const [token = "", ...rs256] = await surroundings.mint("corporate", count + 1);
  const exchanged = await surroundings.mint("corporate", count);
  const es256 = await surroundings.mint("corporate", count, "ES256");
  const [ownToken = "", ...own] = await issueOwn(surroundings, url, count + 1);
  return { rs256, exchanged, es256, own, repeated: { token, own: ownToken } };
}

function repeatedCases(
  { cambio, validate }: Replica,
  { token, own }: Material["repeated"],
  { caller, folder }: Surroundings,
  ms: number,
): readonly Series[] {
  const over = (name: string, protocol: Protocol, shown: string) => {
    const call = {
      name,
      pid: cambio.pid,
      url: cambio.url + validatePath,
      http: protocol === "Connect+JSON" ? "1.1" : "2",
      headers: headersOf(protocol, caller),
      body: validation(protocol, shown),
      ...(protocol === "gRPC" ? { grpc: validate } : {}),
    } as const;
    return watched(cambio, "memory", repeatedSeries(call, folder, ms));
  };
  const { hit } = caseNames;
  return [
    over(hit.gRPC, "gRPC", token),
    over(hit["gRPC-Web"], "gRPC-Web", token),
    over(hit["Connect+proto"], "Connect+proto", token),
    over(hit["Connect+JSON"], "Connect+JSON", token),
    over(caseNames.ownAgain, "gRPC", own),
  ];
}

/** @param inRedis must come after the misses of the same tokens */
function differingCases(
  { cambio, validate, exchange }: Replica,
  { rs256, es256, exchanged, own }: Material,
  calls: number,
  inRedis: Series,
): readonly Series[] {
  const at = { cambio, load: validate };
  const codes = (round: number) => Array.from({ length: calls }, (_one, index) => redemption(`code-${round}-${index}`));
  return [
    watched(cambio, "none", differing(caseNames.missRs256, at, messagesOf(rs256, calls))),
    watched(cambio, "memory", differing(caseNames.again, at, messagesOf(rs256, calls))),
    inRedis,
    watched(cambio, "none", differing(caseNames.missEs256, at, messagesOf(es256, calls))),
    watched(cambio, "none", differing(caseNames.ownFirst, at, messagesOf(own, calls))),
    watched(cambio, "none", differing(caseNames.exchangeMiss, at, messagesOf(exchanged, calls, true))),
    differing(caseNames.code, { cambio, load: exchange }, codes),
  ];
}

function messagesOf(tokens: readonly string[], calls: number, exchange = false): (round: number) => readonly Buffer[] {
  return (round) => tokens.slice(round * calls, (round + 1) * calls).map((token) => validation("gRPC", token, exchange));
}

/** @param messages of a round; none is sent in two of them */
function differing(
  name: string,
  { cambio, load }: { readonly cambio: ServedCambio; readonly load: FramesLoad },
  messages: (round: number) => readonly Buffer[],
): Series {
  let round = 0;
  return {
    name,
    pid: cambio.pid,
    async play() {
      const sent = messages(round);
      round += 1;
      const ms = await load.closedLoop(sent);
      if (load.failures() > 0) throw new Error(`${name}: ${load.failures()} calls failed`);
      return { calls: sent.length, perSecond: (sent.length * 1_000) / ms };
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
