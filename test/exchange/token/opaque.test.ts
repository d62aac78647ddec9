import { describe, expect, it } from "vitest";
import { Secret } from "../../../src/exchange/secret.ts";
import { isOpaque } from "../../../src/exchange/token/opaque.ts";

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const header = encoded({ alg: "RS256" });
const payload = encoded({ iss: "https://issuer.example", sub: "alice" });

describe("a token that only its issuer can read", () => {
  it.each([
    ["a random text", "9fJb3hUOqX"],
    ["one with a part in front", "ya29.a0AfH6SMBx"],
    ["one in base64 with padding", "bGVnYWN5K3Rva2Vu/+=="],
    ["an identifier", "0f3a8f1c-7a1e-4b43-9a3e-d1a1c1f6a7b1"],
    ["one of six parts", "a.b.c.d.e.f"],
    ["one character", "x"],
  ])("is %s", (_what, token) => {
    expect(isOpaque(new Secret(token))).toBe(true);
  });

  it.each([
    ["a JWT", `${header}.${payload}.c2ln`],
    ["a JWT with a forged signature", `${header}.${payload}.AAAA`],
    ["a JWT without a signature", `${header}.${payload}.`],
    ["a JWT that is cut to nothing but dots", ".."],
    ["anything of three parts", "not.a.jwt"],
    ["an encrypted one", `${header}.a.b.c.d`],
    ["an empty text", ""],
    ["one that would end a header line", "abc\r\nx-forged: 1"],
    ["one that would begin another field of a form with a space", "abc def"],
    ["one beyond ASCII", "tökèn"],
    ["one with padding in the middle", "abc=def"],
    ["nothing but padding", "=="],
    ["one with a null character", "abc\u0000"],
    ["one with a line's end at its own end", "abc\n"],
  ])("is not %s, so that it never becomes a question to the provider", (_what, token) => {
    expect(isOpaque(new Secret(token))).toBe(false);
  });
});
