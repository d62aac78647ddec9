import { ReplyError } from "ioredis";
import { expect, test } from "vitest";
import { classifyRedisError, codeOfCluster, RedisFailure } from "../../src/cache/redis-failure.ts";

const reply = (message: string) => new (ReplyError as unknown as new (message: string) => Error)(message);
const system = (code: string) => Object.assign(new Error("connect to secret-host failed"), { code });

test.each([
  ["READONLY You can't write against a read only replica.", "READONLY"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "OOM"],
  ["WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS"],
  ["CLUSTERDOWN The cluster is down", "CLUSTERDOWN"],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN"],
  ["LOADING Redis is loading the dataset in memory", "LOADING"],
  ["NOAUTH Authentication required.", "NOAUTH"],
  ["NOPERM this user has no permissions to run the 'eval' command", "NOPERM"],
  ["secret-value is not an integer", "ERR"],
  ["SECRET1 token", "ERR"],
])("an error reply is a refusal, known by its first word only: %s", (message, code) => {
  expect(classifyRedisError(reply(message))).toMatchObject({ code, outcome: "refused", message: code });
});

test.each([
  [system("ECONNRESET"), "ECONNRESET"],
  [new Error("Too many Cluster redirections. Last error: Error: Connection is closed."), "LOST"],
  [new Error("x Too many Cluster redirections. Last error: ReplyError: MOVED 1 h:1"), "LOST"],
  [system("no code of ours"), "LOST"],
  [new Error("Connection is closed."), "LOST"],
  ["a string", "LOST"],
])("anything else leaves the outcome unknown: %s", (error, code) => {
  expect(classifyRedisError(error)).toMatchObject({ code, outcome: "unknown", message: code });
});

test.each(["MOVED 1 10.0.0.1:6379", "ASK 1 10.0.0.1:6379", "TRYAGAIN Multiple keys request during rehashing of slot"])(
  "a command that was sent on and on by a Cluster, at last by %s, was not carried out anywhere",
  (last) => {
    const error = new Error(`Too many Cluster redirections. Last error: ReplyError: ${last}`);
    expect(classifyRedisError(error)).toMatchObject({ code: last.split(" ")[0], outcome: "refused" });
  },
);

test("why all servers of a Cluster failed is what the last of them said", () => {
  const all = Object.assign(new Error("Failed to refresh slots cache."), { lastNodeError: reply("WRONGPASS invalid") });
  expect([codeOfCluster(all), codeOfCluster(system("ECONNREFUSED")), codeOfCluster("a string")]).toEqual([
    "WRONGPASS",
    "ECONNREFUSED",
    "LOST",
  ]);
});

test("nothing of the library's error is carried along: it holds the command and its arguments", () => {
  const error = Object.assign(reply("WRONGPASS invalid"), { command: { name: "auth", args: ["hunter2"] } });
  expect(JSON.stringify(Object.entries(classifyRedisError(error)))).not.toContain("hunter2");
  expect(classifyRedisError(error).cause).toBeUndefined();
});

test("a failure that was classified already stays as it is", () => {
  const failure = new RedisFailure("AWAY", "refused");
  expect(classifyRedisError(failure)).toBe(failure);
});
