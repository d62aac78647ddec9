// What is known of a Cluster: whether it takes commands at all, and which of its servers are away. A Cluster that has stopped itself
// (CLUSTERDOWN) is asked until it goes on, so that nothing else needs to try.

import type { Cluster, Redis } from "ioredis";
import { classifyRedisError, codeOfCluster } from "./redis-failure.ts";
import type { LineOptions } from "./redis-line.ts";
import type { RedisNode } from "./redis-target.ts";

const probeEveryMs = 100;

export interface ClusterState {
  ready(): boolean;
  /** A server refused a command because the Cluster has stopped: is that so? */
  doubt(): void;
  watch(node: Redis, onLost: () => void): void;
  close(): void;
}

export interface ClusterStateOptions extends Pick<LineOptions, "log"> {
  /** Stands for the whole in what is told. */
  readonly first: RedisNode;
}

export function createClusterState(cluster: Cluster, { log, first }: ClusterStateOptions): ClusterState {
  let works = false;
  let closed = false;
  let reported: "redis_ready" | "redis_away" | undefined;
  let lastCode = "LOST";
  let probing: NodeJS.Timeout | undefined;
  /** Servers that were told to be away, by address. A Cluster has some tens. */
  const away = new Set<string>();
  const ready = () => works && cluster.status === "ready" && !closed;

  function report(kind: "redis_ready" | "redis_away"): void {
    if (reported === kind || closed) return;
    reported = kind;
    const { host, port } = first;
    log(kind === "redis_ready" ? { kind, host, port } : { kind, host, port, code: lastCode });
  }

  function stop(code: string): void {
    works = false;
    lastCode = code;
    report("redis_away");
  }

  function probeSoon(): void {
    if (closed) return;
    probing ??= setTimeout(() => {
      probing = undefined;
      void probe();
    }, probeEveryMs);
  }

  /**
   * Used once every server that has slots was reached or given up: while it connects, commands for it are refused. And while most
   * of them say that the Cluster goes on: one that was cut off from the others says that it does not.
   */
  async function probe(): Promise<void> {
    const masters = cluster.nodes("master");
    if (closed || cluster.status !== "ready") return;
    if (masters.length === 0 || (!works && masters.some(({ status }) => status !== "ready"))) return probeSoon();
    const said = await Promise.all(masters.map(goesOn));
    if (closed || cluster.status !== "ready") return;
    if (2 * said.filter(Boolean).length <= said.length) {
      stop("CLUSTERDOWN");
      return probeSoon();
    }
    works = true;
    lastCode = "LOST";
    report("redis_ready");
  }

  cluster.on("ready", () => void probe());
  cluster.on("close", () => stop(lastCode));
  const note = (error: unknown) => {
    const code = codeOfCluster(error);
    if (code !== "LOST") lastCode = code;
  };
  // Without a listener the library prints to the console.
  cluster.on("error", note);
  cluster.on("node error", note);

  return {
    ready,
    doubt: probeSoon,
    watch(node, onLost) {
      const { host = "", port = 0 } = node.options;
      const name = `${host}:${port}`;
      let code = "LOST";
      node.on("error", (error: unknown) => {
        code = codeOfCluster(error);
      });
      node.on("ready", () => {
        if (away.delete(name)) log({ kind: "redis_node_ready", host, port });
        if (!works) void probe();
      });
      node.on("close", () => {
        // One that the library let go, as it has no slots any more, is not among them.
        if (closed || !cluster.nodes().includes(node)) return;
        onLost();
        if (away.has(name)) return;
        away.add(name);
        log({ kind: "redis_node_away", host, port, code });
      });
    },
    close() {
      closed = true;
      clearTimeout(probing);
    },
  };
}

/** Who may not ask finds out by its commands. */
async function goesOn(master: Redis): Promise<boolean> {
  try {
    return (await master.cluster("INFO")).includes("cluster_state:ok");
  } catch (error) {
    const { outcome, code } = classifyRedisError(error);
    return outcome === "refused" && code !== "CLUSTERDOWN";
  }
}
