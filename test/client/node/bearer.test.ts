import { expect, it } from "vitest";
import { readBearer } from "../../../src/client/node/bearer.ts";

const longest = "a".repeat(16_384);

it.each([
  { what: "a token", headers: ["Bearer abc.DEF-123_~+/=="], kind: "token", token: "abc.DEF-123_~+/==" },
  { what: "the scheme in any case", headers: ["bEARER abc"], kind: "token", token: "abc" },
  { what: "the longest token", headers: [`Bearer ${longest}`], kind: "token", token: longest },
  { what: "no header", headers: [], kind: "none" },
  { what: "an empty header", headers: [""], kind: "none" },
  { what: "another scheme", headers: ["Basic YTpi"], kind: "none" },
  { what: "a scheme that begins alike", headers: ["BearerX abc"], kind: "none" },
  { what: "the scheme alone", headers: ["Bearer"], kind: "malformed" },
  { what: "the scheme and a space", headers: ["Bearer "], kind: "malformed" },
  { what: "two tokens", headers: ["Bearer abc def"], kind: "malformed" },
  { what: "two headers joined by a proxy", headers: ["Bearer abc, Bearer def"], kind: "malformed" },
  { what: "two headers", headers: ["Bearer abc", "Bearer abc"], kind: "repeated" },
  { what: "a header of each scheme", headers: ["Basic YTpi", "Bearer abc"], kind: "repeated" },
  { what: "a token that is too long", headers: [`Bearer ${longest}a`], kind: "malformed" },
  { what: "an endless header", headers: [`Bearer ${" ".repeat(1_000_000)}a`], kind: "malformed" },
  { what: "a line break", headers: ["Bearer abc\r\nx: y"], kind: "malformed" },
  { what: "padding in the middle", headers: ["Bearer a=b"], kind: "malformed" },
  { what: "letters of other alphabets", headers: ["Bearer аbс"], kind: "malformed" },
])("$what is read as $kind", ({ headers, kind, token }) => {
  expect(readBearer(headers)).toEqual(token === undefined ? { kind } : { kind, token });
});
