// Where Redis is: one server, the master that Sentinels name, or a Cluster. Plain values; who reads them from a file is config/.

import type { Secret } from "../exchange/secret.ts";

export interface RedisNode {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** How every server of a target is spoken to. */
export interface RedisAccess {
  readonly tls: boolean;
  /** PEM: the only authorities that count. Undefined: those that Node trusts. */
  readonly ca?: string | undefined;
  /** A user of Redis' ACL. Undefined: its default user. */
  readonly username: string | undefined;
  readonly password: Secret | undefined;
}

export interface RedisAddress extends RedisNode, RedisAccess {
  readonly kind: "single";
  readonly db: number;
}

export interface SentinelSet extends RedisAccess {
  readonly kind: "sentinel";
  /** The name under which the Sentinels know the master. */
  readonly master: string;
  readonly nodes: readonly RedisNode[];
  /** What the Sentinels themselves ask for; the servers ask for the other. */
  readonly sentinel: Pick<RedisAccess, "username" | "password">;
  readonly db: number;
}

export interface ClusterNodes extends RedisAccess {
  readonly kind: "cluster";
  /** Some that are asked for the others. */
  readonly nodes: readonly RedisNode[];
}

export type RedisTarget = RedisAddress | SentinelSet | ClusterNodes;
