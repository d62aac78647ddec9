import * as fc from "fast-check";
import { expect, it } from "vitest";
import { decodeBase64url } from "../../src/exchange/base64url.ts";

it("decodes what was encoded", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
      expect(decodeBase64url(Buffer.from(bytes).toString("base64url"))).toEqual(Buffer.from(bytes));
    }),
  );
});

it.each([
  ["padding", "AQ=="],
  ["the other alphabet", "-_+/"],
  ["a line end", "AQID\n"],
  ["a space inside", "AQ ID"],
  ["stray bits at the end", "AR"],
  ["a character too many", "AQIDA"],
  ["a character beyond ASCII", "AQIDé"],
  ["nothing", ""],
])("refuses %s, so that one value has one spelling", (_name, text) => {
  expect(decodeBase64url(text)).toBeUndefined();
});
