// One Redis, the master that Sentinels name, or a Cluster: what stands under `redis` becomes exactly one of the three, complete.
// What an address is made of is in redis-url.ts; that a CA's file holds one is looked at in tls-files.ts.

import { z } from "zod";
import type { Secret } from "../exchange/secret.ts";

interface Node {
  readonly host: string;
  readonly port: number;
}

interface WrittenRedis<A> {
  readonly url?: A | undefined;
  readonly sentinel?:
    | {
        readonly master: string;
        readonly nodes: readonly Node[];
        readonly username?: string | undefined;
        readonly password?: Secret | undefined;
      }
    | undefined;
  readonly cluster?: { readonly nodes: readonly Node[] } | undefined;
  readonly tls?: boolean | undefined;
  readonly ca_file?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
  readonly database?: number | undefined;
}

type Mistake = readonly [key: string[], advice: string];

/** `redis.url` says these by itself. */
const saidByUrl = ["tls", "username", "password", "database"] as const;

export function completeRedis<A extends { readonly tls: boolean }>(written: WrittenRedis<A>, context: z.RefinementCtx) {
  const mistakes = [...mistakesIn(written)];
  for (const [path, message] of mistakes) context.addIssue({ code: "custom", path, message });
  const target = targetOf(written);
  if (target === undefined || mistakes.length > 0) return z.NEVER;
  return { target, ca_file: written.ca_file };
}

function targetOf<A extends { readonly tls: boolean }>({ url, sentinel, cluster, ...written }: WrittenRedis<A>) {
  const access = { tls: written.tls ?? false, username: written.username, password: written.password };
  if (url !== undefined) return { kind: "single" as const, ...url };
  if (cluster !== undefined) return { kind: "cluster" as const, ...access, nodes: cluster.nodes };
  if (sentinel === undefined) return undefined;
  const { master, nodes, username, password } = sentinel;
  return { kind: "sentinel" as const, ...access, master, nodes, sentinel: { username, password }, db: written.database ?? 0 };
}

function* mistakesIn<A extends { readonly tls: boolean }>(written: WrittenRedis<A>): Generator<Mistake> {
  const { url, sentinel, cluster } = written;
  if ([url, sentinel, cluster].filter((one) => one !== undefined).length !== 1) {
    yield [
      [],
      "give one of url, sentinel and cluster: url for one Redis, sentinel for a master that Sentinels name, cluster for a Cluster",
    ];
    return;
  }
  if (url !== undefined) {
    for (const key of saidByUrl) {
      if (written[key] !== undefined) yield [[key], "stands in url already: rediss://USER:PASSWORD@HOST:PORT/DATABASE has all of it"];
    }
  }
  if (written.ca_file !== undefined && !(url?.tls ?? written.tls ?? false)) {
    yield [["ca_file"], `is read with TLS only: ${url === undefined ? "set tls: true" : "write rediss:// in url"}, or remove it`];
  }
  if (cluster !== undefined && written.database !== undefined) yield [["database"], "a Cluster has no database but 0: remove it"];
  for (const [path, { username, password }] of [
    [[], written],
    [["sentinel"], sentinel ?? {}],
  ] as const) {
    // A user without a password would be sent as one without a name.
    if (username !== undefined && password === undefined && url === undefined)
      yield [[...path, "username"], "a user needs a password: add password or password_file"];
  }
}
