import { describe, expect, it } from "vitest";
import { makeAuthority, makeCertificate } from "../support/certificate.ts";
import { exampleWith, expectOnlyMistake, load } from "./given.ts";

const sentinel = { master: "main", nodes: ["sentinel-1:26379", "[fd00::2]:26379"] };
const cluster = { nodes: ["redis-1:6379"] };
const redisWith = (redis: object) => load({ text: exampleWith({ redis }), files: { "/etc/cambio/ca.pem": makeAuthority().cert } }).redis;

describe("one of three", () => {
  it("the master that Sentinels name, with users and passwords for it and for them", () => {
    const password = "of-the-servers";
    const given = redisWith({
      sentinel: { ...sentinel, username: "s", password: "of-the-sentinels" },
      username: "u",
      password,
      database: 3,
    });
    expect(given?.target).toMatchObject({
      kind: "sentinel",
      master: "main",
      nodes: [
        { host: "sentinel-1", port: 26379 },
        { host: "fd00::2", port: 26379 },
      ],
      sentinel: { username: "s" },
      tls: false,
      username: "u",
      db: 3,
    });
    expect(given?.target.password?.reveal()).toBe(password);
    expect(given?.target.kind === "sentinel" && given.target.sentinel.password?.reveal()).toBe("of-the-sentinels");
  });

  it("a Cluster, over TLS, with a CA of one's own beside the configuration", () => {
    expect(redisWith({ cluster, tls: true, ca_file: "ca.pem" })).toEqual({
      target: { kind: "cluster", nodes: [{ host: "redis-1", port: 6379 }], tls: true, username: undefined, password: undefined },
      ca_file: "/etc/cambio/ca.pem",
    });
  });

  it("one server, with a CA of one's own", () => {
    expect(redisWith({ url: "rediss://redis", ca_file: "ca.pem" })).toMatchObject({
      target: { kind: "single", host: "redis", tls: true },
      ca_file: "/etc/cambio/ca.pem",
    });
  });
});

describe("what is wrong under redis is found", () => {
  const url = "redis://redis";
  const files = { "/leaf": makeAuthority().issue().cert, "/ca": makeCertificate().cert };
  expectOnlyMistake([
    { name: "none of the three", changes: { redis: { tls: true } }, path: "redis", words: "Give one of url, sentinel and cluster" },
    { name: "two of the three", changes: { redis: { url, cluster } }, path: "redis", words: "Give one of url, sentinel and cluster" },
    { name: "TLS beside a url", changes: { redis: { url, tls: true } }, path: "redis.tls", words: "rediss://" },
    { name: "a user beside a url", changes: { redis: { url, username: "u" } }, path: "redis.username", words: "in url already" },
    { name: "a password beside a url", changes: { redis: { url, password: "p" } }, path: "redis.password", words: "in url already" },
    { name: "a database beside a url", changes: { redis: { url, database: 1 } }, path: "redis.database", words: "in url already" },
    {
      name: "TLS in the file beside REDIS_URL",
      changes: { redis: { tls: true } },
      env: { REDIS_URL: url },
      path: "redis.tls",
      words: "rediss://",
    },
    { name: "a database of a Cluster", changes: { redis: { cluster, database: 1 } }, path: "redis.database", words: "no database but 0" },
    { name: "a CA without TLS", changes: { redis: { cluster, ca_file: "/ca" } }, files, path: "redis.ca_file", words: "set tls: true" },
    { name: "a CA with redis://", changes: { redis: { url, ca_file: "/ca" } }, files, path: "redis.ca_file", words: "write rediss://" },
    {
      name: "a CA that is a server's certificate",
      changes: { redis: { cluster, tls: true, ca_file: "/leaf" } },
      files,
      path: "redis.ca_file",
      words: "no certificate of a CA",
    },
    {
      name: "a CA that is not there",
      changes: { redis: { cluster, tls: true, ca_file: "/x" } },
      path: "redis.ca_file",
      words: "does not exist",
    },
    {
      name: "a user without a password",
      changes: { redis: { cluster, username: "u" } },
      path: "redis.username",
      words: "needs a password",
    },
    {
      name: "a Sentinels' user without a password",
      changes: { redis: { sentinel: { ...sentinel, username: "u" } } },
      path: "redis.sentinel.username",
      words: "needs a password",
    },
    {
      name: "a Cluster without servers",
      changes: { redis: { cluster: { nodes: [] } } },
      path: "redis.cluster.nodes",
      words: "1 entries or more",
    },
    {
      name: "a Sentinel set without a name",
      changes: { redis: { sentinel: { nodes: ["s:1"] } } },
      path: "redis.sentinel.master",
      words: "is missing",
    },
    ...["redis", "redis:", "redis:0", "redis:65536", "redis://redis:6379", "fd00::1:6379", "user@redis:6379", "[redis]:6379"].map(
      (node) => ({
        name: `a server written as ${node}`,
        changes: { redis: { cluster: { nodes: [node] } } },
        path: "redis.cluster.nodes.0",
        words: "HOST:PORT",
      }),
    ),
  ]);
});
