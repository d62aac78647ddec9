import { describe, expect, test } from "vitest";
import { decodeVerification, encodeVerification } from "../../src/cache/verification-codec.ts";
import { verification } from "./fixtures.ts";

const written = () => JSON.parse(Buffer.from(encodeVerification("k", verification())).toString());
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test("what was encoded comes back equal, every field of it", () => {
  expect(decodeVerification("k", encodeVerification("k", verification()))).toEqual(verification());
});

describe("is no verification:", () => {
  const changed = (change: (value: ReturnType<typeof written>) => void) => {
    const value = written();
    change(value);
    return bytes(value);
  };
  test.each([
    ["one made for another key", encodeVerification("other", verification())],
    ["no bytes", Buffer.alloc(0)],
    ["half of one", encodeVerification("k", verification()).subarray(0, 100)],
    ["null", bytes(null)],
    ["a list", bytes([])],
    ["one without its instant", changed((value) => delete value.verification.validUntilMs)],
    ["one with its instant as text", changed((value) => (value.verification.validUntilMs = "1800000060000"))],
    ["one with a fractional instant", changed((value) => (value.verification.validUntilMs += 0.5))],
    ["one with a claim missing", changed((value) => delete value.verification.claims.subject)],
    ["one with an unknown claim", changed((value) => (value.verification.claims.admin = true))],
    ["one with an audience that is no text", changed((value) => value.verification.claims.audiences.push(1))],
    ["one with an actor of another shape", changed((value) => value.verification.claims.actors.push({ subject: "x" }))],
  ])("%s", (_, value) => {
    expect(decodeVerification("k", value)).toBeUndefined();
  });
});
