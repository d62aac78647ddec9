import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type FakeStack, reasonOf, startFakeStack } from "../support/fake-stack.ts";

let stack: FakeStack;
let token: string;
beforeAll(async () => {
  stack = await startFakeStack();
  token = await stack.token();
});
afterAll(() => stack.close());

const base64url = fc.constantFrom(...Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"));
const anything = fc.oneof(
  { weight: 3, arbitrary: base64url },
  fc.constantFrom(".", "=", "+", "/", " ", "\n", "\t", "\u0000", "%", "é", "😀"),
);
const position = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

type Mutation = (original: string) => string;

const at = (text: string, where: number): number => Math.floor(where * text.length);

const spelling: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(position, anything).map(
    ([where, with_]) =>
      (text: string) =>
        text.slice(0, at(text, where)) + with_ + text.slice(at(text, where) + 1),
  ),
  fc.tuple(position, anything).map(
    ([where, with_]) =>
      (text: string) =>
        text.slice(0, at(text, where)) + with_ + text.slice(at(text, where)),
  ),
  position.map((where) => (text: string) => text.slice(0, at(text, where)) + text.slice(at(text, where) + 1)),
  position.map((where) => (text: string) => text.slice(0, at(text, where))),
  position.map((where) => (text: string) => text.slice(at(text, where))),
  fc.tuple(fc.constantFrom("", " ", "=", "==", ".", "\n", "Bearer "), fc.constantFrom("", " ", "=", "==", ".", "\n", ".x")).map(
    ([before, after]) =>
      (text: string) =>
        before + text + after,
  ),
  fc.constantFrom<Mutation>(
    (text) => text.toUpperCase(),
    (text) => text.split(".").toReversed().join("."),
    (text) =>
      text
        .split(".")
        .map((part) => `${part}=`)
        .join("."),
    (text) => encodeURIComponent(`${text} `),
    (text) => Buffer.from(text).toString("base64url"),
    (text) => JSON.stringify({ payload: text.split(".")[1], protected: text.split(".")[0], signature: text.split(".")[2] }),
    (text) => `${text}.${text}`,
  ),
);

/** Another header or payload under the same signature. */
const content: fc.Arbitrary<Mutation> = fc
  .record({
    part: fc.constantFrom(0, 1),
    member: fc.constantFrom(
      "alg",
      "kid",
      "typ",
      "crit",
      "b64",
      "jwk",
      "jku",
      "x5c",
      "zip",
      "sub",
      "aud",
      "exp",
      "iat",
      "client_id",
      "scope",
      "iss",
      "act",
      "cnf",
    ),
    value: fc.oneof(
      fc.constantFrom("none", "None", "HS256", "ES256", "RS512", "eve", "https://orders.example", ["exp"], true, null, 4_000_000_000, {}),
      fc.jsonValue({ maxDepth: 2 }),
    ),
    signature: fc.constantFrom("kept", "kept", "empty"),
  })
  .map(({ part, member, value, signature }) => (text: string) => {
    const parts = text.split(".");
    const decoded = JSON.parse(Buffer.from(parts[part] ?? "", "base64url").toString()) as Record<string, unknown>;
    parts[part] = Buffer.from(JSON.stringify({ ...decoded, [member]: value })).toString("base64url");
    if (signature === "empty") parts[2] = "";
    return parts.join(".");
  });

/** The same JSON in other words. */
const wording: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.constantFrom(0, 1),
    fc.constantFrom<Mutation>(
      (json) => ` ${json}`,
      (json) => `${json}\n`,
      (json) => json.replace('{"', '{"\\u0061lg":"none","'),
      (json) => json.replace(/^\{/, '{"exp":4000000000,'),
      (json) => `\uFEFF${json}`,
      (json) => json.replace(":", " : "),
    ),
  )
  .map(([part, change]) => (text: string) => {
    const parts = text.split(".");
    parts[part] = Buffer.from(change(Buffer.from(parts[part] ?? "", "base64url").toString())).toString("base64url");
    return parts.join(".");
  });

const refusals: ReadonlySet<string | undefined> = new Set(["MALFORMED_REQUEST", "TOKEN_MALFORMED", "TOKEN_INVALID", "ISSUER_NOT_TRUSTED"]);

it("no other spelling and no other content of a valid token is accepted, whether the token itself is remembered or not", async () => {
  expect((await stack.cambio.validate(token)).status).toBe(200);
  await fc.assert(
    fc.asyncProperty(fc.oneof(spelling, content, wording), async (mutate) => {
      const mutant = mutate(token);
      fc.pre(mutant !== token);
      const answer = await stack.cambio.validate(mutant);
      expect(refusals.has(reasonOf(answer))).toBe(true);
    }),
    { numRuns: 1_500 },
  );
  expect((await stack.cambio.validate(token)).body["cached"]).toBe(true);
});
