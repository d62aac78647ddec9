import { ReplyError } from "ioredis";
import { expect, test } from "vitest";
import { classifyRedisError, RedisFailure } from "../../src/cache/redis-failure.ts";

const reply = (message: string) => new (ReplyError as unknown as new (message: string) => Error)(message);
const system = (code: string) => Object.assign(new Error("connect to secret-host failed"), { code });

test.each([
  ["READONLY You can't write against a read only replica.", "READONLY"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "OOM"],
  ["WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS"],
  ["secret-value is not an integer", "ERR"],
  ["SECRET1 token", "ERR"],
])("an error reply is a refusal, known by its first word only: %s", (message, code) => {
  expect(classifyRedisError(reply(message))).toMatchObject({ code, outcome: "refused", message: code });
});

test.each([
  [system("ECONNRESET"), "ECONNRESET"],
  [system("no code of ours"), "LOST"],
  [new Error("Connection is closed."), "LOST"],
  ["a string", "LOST"],
])("anything else leaves the outcome unknown: %s", (error, code) => {
  expect(classifyRedisError(error)).toMatchObject({ code, outcome: "unknown", message: code });
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
