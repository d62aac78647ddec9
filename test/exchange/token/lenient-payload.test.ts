import { describe, expect, it } from "vitest";
import { Secret } from "../../../src/exchange/secret.ts";
import { readLeniently } from "../../../src/exchange/token/lenient-payload.ts";

const part = (text: string) => Buffer.from(text).toString("base64url");
const read = (token: string) => readLeniently(new Secret(token));

describe("a token that a provider hands out", () => {
  it("tells its claims and what was signed, also where a strict reader refuses it", () => {
    const payload = part('{"a":1,"a":2}');
    expect(read(`h.${payload}.s`)).toEqual({ signingInput: `h.${payload}`, claims: { a: 2 } });
    expect(read(`.${payload}=.`)?.claims).toEqual({ a: 2 });
  });

  it.each(["{", "null", "1", '"text"', ""])("has no claims where its payload is %o", (payload) => {
    expect(read(`h.${part(payload)}.s`)?.claims).toEqual({});
  });

  it.each(["opaque", "", "a.b", "a.b.c.d"])("is opaque without three parts: %o", (token) => {
    expect(read(token)).toBeUndefined();
  });
});
