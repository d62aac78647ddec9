import { describe, expect, it } from "vitest";
import { checkStanding } from "../../src/exchange/accepted-token.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { RevocableToken } from "../../src/exchange/ports.ts";
import { verification } from "../cache/fixtures.ts";
import { refusal } from "./fixtures.ts";

/** @param ended provider and id of what was revoked */
function revocationsOf(...ended: readonly string[]) {
  const asked: string[] = [];
  const check = ({ provider, id }: RevocableToken) => {
    asked.push(`${provider} ${id}`);
    if (ended.includes(`${provider} ${id}`)) throw new ExchangeError("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" });
  };
  return { asked, check };
}

const shown = (provider: string) => verification({ provider, keyId: "key-1", revocationId: "jti:1" });

describe("a token", () => {
  it("of a key of our own that was ended is refused, on a replica that still has the key as well", () => {
    expect(() => checkStanding(revocationsOf("cambio kid:key-1"), shown("cambio"))).toThrow(refusal("TOKEN_REVOKED"));
    expect(() => checkStanding(revocationsOf("cambio kid:key-2"), shown("cambio"))).not.toThrow();
  });

  it("of a provider is asked about by its own id, whatever its key is called", () => {
    const revocations = revocationsOf("main kid:key-1");
    checkStanding(revocations, shown("main"));
    expect(revocations.asked).toEqual(["main jti:1"]);
  });

  it("that was revoked itself is refused, whoever issued it", () => {
    for (const provider of ["cambio", "main"])
      expect(() => checkStanding(revocationsOf(`${provider} jti:1`), shown(provider))).toThrow(refusal("TOKEN_REVOKED"));
  });
});
