// A Redis Cluster. The client library finds the server of each key and follows MOVED and ASK, which a server says instead of doing
// anything. All that it would send again after it may have been done, or keep for later, is switched off; who owns which slot is
// then asked here: at a pace, and at once where something fails.

import { Cluster, type Redis } from "ioredis";
import { createClusterState } from "./cluster-state.ts";
import type { RedisFailure } from "./redis-failure.ts";
import type { OpenLine } from "./redis-line.ts";
import { clientOptions, retryDelayMs } from "./redis-options.ts";
import type { ClusterNodes } from "./redis-target.ts";

/** Who owns which slot is asked for anew this often, and brings back servers that were lost. */
const refreshEveryMs = 2_000;
/** The same after a failure. Every question is a connection. */
const refreshGapMs = 200;
/** A server that is asked for the others and says nothing. */
const refreshLimitMs = 500;
/** A slot moves once; it is on its way twice at most. */
const maxRedirections = 4;
/** While a slot moves, scripts over several keys may have to wait for the last of them. */
const tryAgainMs = 20;
/** A cluster that has ended its connections does so in no time. */
const closeLimitMs = 500;

export const openCluster: OpenLine<ClusterNodes> = ({ nodes, ...access }, { log, random }) => {
  const cluster = new Cluster(
    nodes.map(({ host, port }) => ({ host, port })),
    {
      // Here and not below: for a server's own client the library sets it.
      enableOfflineQueue: false,
      // It asks a server that may still be connecting, and starts over if it is.
      enableReadyCheck: false,
      // Both wait and then send again what a broken connection may have carried.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      retryDelayOnTryAgain: tryAgainMs,
      maxRedirections,
      slotsRefreshTimeout: refreshLimitMs,
      slotsRefreshInterval: refreshEveryMs,
      clusterRetryStrategy: (attempt) => retryDelayMs(attempt, random),
      // A name that was resolved here would be compared with the certificate as an address.
      dnsLookup: (address, done) => done(null, address),
      redisOptions: clientOptions(access, { random, onLeave: () => undefined }),
    },
  );
  const state = createClusterState(cluster, { log, first: nodes[0] ?? { host: "", port: 0 } });
  let refreshed = 0;
  let refreshing: NodeJS.Timeout | undefined;

  function refreshSoon(): void {
    const wait = Math.max(0, refreshed + refreshGapMs - performance.now());
    refreshing ??= setTimeout(() => {
      refreshing = undefined;
      refreshed = performance.now();
      if (cluster.status === "ready") cluster.refreshSlotsCache();
    }, wait);
    refreshing.unref();
  }

  cluster.on("+node", (node: Redis) => {
    hearRejections(node);
    state.watch(node, refreshSoon);
    // Not by the first command, which would be kept until it is there, although its caller may have given up by then.
    node.connect().catch(() => undefined);
  });

  return {
    client: cluster,
    ready: () => state.ready(),
    // One server that is silent must not keep commands from the others. Its connection ends by itself, and then nothing waits for it.
    overdue: refreshSoon,
    settled(failure: RedisFailure | undefined) {
      if (failure === undefined) return;
      if (failure.code === "CLUSTERDOWN") state.doubt();
      if (failure.code === "CLUSTERDOWN" || failure.outcome === "unknown") refreshSoon();
    },
    async close() {
      clearTimeout(refreshing);
      state.close();
      // Between two attempts there is no server, whose end would be its own.
      if (cluster.status === "end" || cluster.nodes().length === 0) return cluster.disconnect();
      const ended = Promise.withResolvers<void>();
      const timer = setTimeout(ended.resolve, closeLimitMs);
      cluster.once("end", () => ended.resolve());
      cluster.disconnect();
      await ended.promise;
      clearTimeout(timer);
    },
  };
};

/** The library sends ASKING and hears of no failure: a connection that breaks then would end the process. */
function hearRejections(node: Redis): void {
  const asking = node.asking.bind(node);
  node.asking = () => {
    const answer = asking();
    answer.catch(() => undefined);
    return answer;
  };
}
