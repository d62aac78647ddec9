// The master that Sentinels name: found at every attempt to connect, and left as soon as they have made another server the master,
// although the old one may still answer and, cut off from them, still take writes.

import { Redis } from "ioredis";
import type { OpenLine } from "./redis-line.ts";
import { type ClientHooks, clientOptions } from "./redis-options.ts";
import { createSentinels, type NamedMaster } from "./redis-sentinels.ts";
import { type OpenedClient, openLine } from "./redis-single.ts";
import type { SentinelSet } from "./redis-target.ts";

/** How long a master that was replaced may go on being written to. */
const lookEveryMs = 500;

export const openSentinel: OpenLine<SentinelSet> = (set, options) => openLine(options, (hooks) => openSentinelClient(set, hooks));

/** Also for a subscriber. Add a listener for `error`. */
export function openSentinelClient(set: SentinelSet, hooks: ClientHooks): OpenedClient {
  const sentinels = createSentinels(set, hooks.random);
  const [first = { host: "", port: 0 }] = set.nodes;
  let at: NamedMaster | undefined;
  let looking = false;
  const source = {
    next: async () => (at = (await sentinels.master()) ?? at) ?? sentinels.trouble(),
    // A server that does not say so is none: its user needs INFO.
    refuse: ({ role }: { role?: string | undefined }) => (role === "master" ? undefined : "NOT_MASTER"),
  };
  const client = new Redis({ ...clientOptions(set, hooks, source), db: set.db });

  async function look(): Promise<void> {
    if (looking || client.status !== "ready") return;
    looking = true;
    const named = await sentinels.master();
    looking = false;
    // Only a later decision moves it: a Sentinel that was cut off from the others still names the one before.
    if (named === undefined || at === undefined || named.epoch <= at.epoch) return;
    const moved = named.host !== at.host || named.port !== at.port;
    if (!moved) at = named;
    // A reconnection that is under way asks by itself; to break it off would end the client for good.
    else if (client.status === "ready") {
      hooks.onLeave();
      client.disconnect(true);
    }
  }

  const timer = setInterval(() => void look(), lookEveryMs);
  timer.unref();
  return {
    client,
    at: () => at ?? first,
    async close() {
      clearInterval(timer);
      await sentinels.close();
    },
  };
}
