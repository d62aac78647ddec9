import { expect, test } from "vitest";
import { parseMasterKeys } from "../../src/cache/master-keys.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { masterKey } from "./fixtures.ts";

const good = masterKey("a").key.toString("base64url");
const configured = (key: string, id = "k1") => ({ id, key: new Secret(key) });

test("a key of 43 base64url characters becomes 32 bytes", () => {
  expect(parseMasterKeys([configured(good)])).toEqual([{ id: "k1", key: masterKey("a").key }]);
});

test.each([
  ["31 bytes", masterKey("a").key.subarray(1).toString("base64url")],
  ["33 bytes", Buffer.concat([masterKey("a").key, Buffer.of(1)]).toString("base64url")],
  ["padded", `${good}=`],
  ["in the other alphabet", Buffer.alloc(32, 0xfb).fill(1, 0, 1).toString("base64").slice(0, 43)],
  ["with a line end", `${good}\n`],
  ["with stray bits at the end", `${good.slice(0, 42)}${String.fromCharCode(good.charCodeAt(42) + 1)}`],
  ["all zero", Buffer.alloc(32).toString("base64url")],
  ["one byte repeated", Buffer.alloc(32, 0x41).toString("base64url")],
  ["empty", ""],
])("a key that is %s stops the start, and the message does not show it", (_, key) => {
  const attempt = () => parseMasterKeys([configured(key)]);
  expect(attempt).toThrow(/sealing key k1/);
  expect(attempt).not.toThrow(key || "no message has this");
});

test("no keys, nine keys, or one id twice stop the start", () => {
  expect(() => parseMasterKeys([])).toThrow("1 to 8");
  expect(() => parseMasterKeys(Array.from({ length: 9 }, (_, index) => configured(good, `k${index}`)))).toThrow("1 to 8");
  expect(() => parseMasterKeys([configured(good), configured(good)])).toThrow("twice");
});
