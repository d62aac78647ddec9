import { inspect } from "node:util";
import { expect, test } from "vitest";
import { parseSealingKey } from "../../src/config/sealing-key.ts";
import { Secret } from "../../src/exchange/secret.ts";

const bytes = Buffer.from(Array.from({ length: 32 }, (_, index) => (index + 97) % 256));
const good = bytes.toString("base64url");

test("43 base64url characters become 32 bytes, which printing does not show", () => {
  const parsed = parseSealingKey(new Secret(good));
  if (parsed.kind !== "key") throw new Error("the key was refused");
  expect(parsed.key.export()).toEqual(bytes);
  expect(`${inspect(parsed.key, { showHidden: true })}${JSON.stringify(parsed.key)}`).not.toMatch(/61[ ,]*62|97[ ,]*98/);
});

test.each([
  ["31 bytes", bytes.subarray(1).toString("base64url")],
  ["33 bytes", Buffer.concat([bytes, Buffer.of(1)]).toString("base64url")],
  ["padded", `${good}=`],
  ["in the other alphabet", Buffer.alloc(32, 0xfb).fill(1, 0, 1).toString("base64").slice(0, 43)],
  ["with a line end", `${good}\n`],
  ["with stray bits at the end", `${good.slice(0, 42)}${String.fromCharCode(good.charCodeAt(42) + 1)}`],
  ["empty", ""],
])("a key that is %s is a mistake", (_, text) => {
  expect(parseSealingKey(new Secret(text))).toEqual({ kind: "mistake", advice: expect.stringContaining("any other length") });
});

test.each([
  ["zeros", Buffer.alloc(32)],
  ["one byte repeated", Buffer.alloc(32, 0x41)],
])("a key of %s is a mistake", (_, weak) => {
  expect(parseSealingKey(new Secret(weak.toString("base64url")))).toMatchObject({
    kind: "mistake",
    advice: expect.stringContaining("over and over"),
  });
});
