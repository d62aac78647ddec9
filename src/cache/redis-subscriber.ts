// A connection of its own on which one channel is heard. It subscribes anew whenever it is connected, asks now and then whether
// somebody is still there, and follows failovers. In a Cluster every server passes on what is published at any of them.

import { Redis } from "ioredis";
import { type ClientHooks, clientOptions, closeClient, openServer } from "./redis-options.ts";
import { openSentinelClient } from "./redis-sentinel.ts";
import type { OpenedClient } from "./redis-single.ts";
import type { ClusterNodes, RedisTarget } from "./redis-target.ts";

/** A subscriber mostly listens. Asking it something now and then shows that somebody is still there. */
const askEveryMs = 1_000;

export interface Subscriber {
  /** Once. */
  listen(hear: (message: Buffer) => void): void;
  close(): Promise<void>;
}

export function openSubscriber(target: RedisTarget, { channel, random }: { channel: string; random: () => number }): Subscriber {
  const opened = open(target, { random, onLeave: () => undefined });
  const { client } = opened;
  // That Redis is away is told by the connection that sends.
  client.on("error", () => undefined);
  const subscribe = () => void client.subscribe(channel).catch(() => undefined);
  const asking = setInterval(() => {
    if (client.status === "ready") client.ping().catch(() => undefined);
  }, askEveryMs);
  asking.unref();
  return {
    listen(hear) {
      client.on("messageBuffer", (_channel: Buffer, message: Buffer) => hear(message));
      client.on("ready", subscribe);
      if (client.status === "ready") subscribe();
    },
    async close() {
      clearInterval(asking);
      await Promise.all([closeClient(client), opened.close()]);
    },
  };
}

function open(target: RedisTarget, hooks: ClientHooks): Pick<OpenedClient, "client" | "close"> {
  switch (target.kind) {
    case "single":
      return { client: openServer(target, hooks), close: async () => undefined };
    case "sentinel":
      return openSentinelClient(target, hooks);
    case "cluster":
      return { client: openClusterServer(target, hooks), close: async () => undefined };
  }
}

/** At one of the configured servers, at another one with every attempt. */
function openClusterServer({ nodes, ...access }: ClusterNodes, hooks: ClientHooks): Redis {
  let attempt = Math.floor(hooks.random() * nodes.length);
  const source = {
    next: async () => nodes[attempt++ % nodes.length] ?? "NO_NODE",
    refuse: () => undefined,
  };
  return new Redis(clientOptions(access, hooks, source));
}
