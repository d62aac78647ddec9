// One server at a time: a client that connects in the background, gives up and comes back by itself. Where that server is, whether
// fixed or named by Sentinels, is the business of who opens the client.

import type { Redis } from "ioredis";
import { classifyRedisError } from "./redis-failure.ts";
import type { LineOptions, OpenLine, RedisEvent, RedisLine } from "./redis-line.ts";
import { type ClientHooks, closeClient, openServer } from "./redis-options.ts";
import type { RedisAddress, RedisNode } from "./redis-target.ts";

export const openSingle: OpenLine<RedisAddress> = (address, options) =>
  openLine(options, (hooks) => ({ client: openServer(address, hooks), at: () => address, close: async () => undefined }));

/** A client, where it is connected to or tries to be, and the end of what belongs to it. */
export interface OpenedClient {
  readonly client: Redis;
  readonly at: () => RedisNode;
  readonly close: () => Promise<void>;
}

export function openLine({ log, random }: LineOptions, open: (hooks: ClientHooks) => OpenedClient): RedisLine {
  // True from the decision to connect anew until the old socket is closed: the library still calls that state ready.
  let leaving = false;
  // True while a command is overdue: further ones would only queue behind it, each for its full time limit.
  let overdue = false;
  const { client, at, close } = open({
    random,
    onLeave() {
      leaving = true;
    },
  });
  const { noteTimeout } = watchState(client, { at, log });
  client.on("close", () => {
    overdue = false;
    leaving = false;
  });
  return {
    client,
    ready: () => client.status === "ready" && !overdue && !leaving,
    overdue() {
      overdue = true;
      noteTimeout();
    },
    /** A reply shows that this connection answers; a connection that was lost has been reset by `close`. */
    settled() {
      overdue = false;
    },
    async close() {
      await Promise.all([closeClient(client), close()]);
    },
  };
}

/** Reports changes of state. Without a listener for `error` the library prints to the console. */
function watchState(client: Redis, { at, log }: Pick<OpenedClient, "at"> & Pick<LineOptions, "log">): { readonly noteTimeout: () => void } {
  let reported: RedisEvent["kind"] | undefined;
  let lastCode = "LOST";
  client.on("error", (error: unknown) => {
    const { code } = classifyRedisError(error);
    if (code !== "LOST") lastCode = code;
  });
  client.on("ready", () => {
    lastCode = "LOST";
    if (reported === "redis_ready") return;
    reported = "redis_ready";
    const { host, port } = at();
    log({ kind: reported, host, port });
  });
  client.on("close", () => {
    if (reported === "redis_away") return;
    reported = "redis_away";
    const { host, port } = at();
    log({ kind: reported, host, port, code: lastCode });
  });
  return {
    noteTimeout() {
      lastCode = "TIMEOUT";
    },
  };
}
