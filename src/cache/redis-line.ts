// What a topology gives to the connection: the client that takes commands, whether it would take one now, and its end. And what
// becomes known of it, told once per change, never per attempt.

import type { RedisCommander } from "ioredis";
import type { RedisFailure } from "./redis-failure.ts";
import type { RedisTarget } from "./redis-target.ts";

/** Single commands and scripts, the same over all topologies. The keys of one command share a slot. */
export type RedisClient = RedisCommander;

export type RedisEvent =
  | { readonly kind: "redis_ready"; readonly host: string; readonly port: number }
  | { readonly kind: "redis_away"; readonly host: string; readonly port: number; readonly code: string }
  /** Of a Cluster, whose other servers go on. */
  | { readonly kind: "redis_node_ready"; readonly host: string; readonly port: number }
  | { readonly kind: "redis_node_away"; readonly host: string; readonly port: number; readonly code: string };

export interface LineOptions {
  readonly log: (event: RedisEvent) => void;
  /** 0 to 1, spreads the replicas' attempts to come back. */
  readonly random: () => number;
}

export interface RedisLine {
  readonly client: RedisClient;
  ready(): boolean;
  /** A command is past its time limit. */
  overdue(): void;
  /** A command was settled, late or not. */
  settled(failure: RedisFailure | undefined): void;
  close(): Promise<void>;
}

export type OpenLine<T extends RedisTarget> = (target: T, options: LineOptions) => RedisLine;
