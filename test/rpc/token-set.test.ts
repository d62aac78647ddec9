import { timestampMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { encodeTokenSet, secondsLeft } from "../../src/rpc/token-set.ts";

const nowMs = 1_800_000_000_000;
const clock = () => nowMs;
const least: TokenSet = {
  accessToken: new Secret("access"),
  tokenType: "Bearer",
  expiresAtMs: undefined,
  refreshToken: undefined,
  idToken: undefined,
  scopes: undefined,
  issuer: "https://id.example",
};

describe("tokens as a message", () => {
  it("carry everything that the provider gave", () => {
    const tokens = {
      ...least,
      expiresAtMs: nowMs + 90_400,
      refreshToken: new Secret("refresh"),
      idToken: new Secret("id"),
      scopes: ["a", "b"],
    };
    const message = encodeTokenSet(tokens, clock);
    expect(message).toMatchObject({
      accessToken: "access",
      tokenType: "Bearer",
      expiresIn: 90,
      refreshToken: "refresh",
      idToken: "id",
      scopes: ["a", "b"],
      issuedTokenType: "urn:ietf:params:oauth:token-type:access_token",
      issuer: "https://id.example",
    });
    expect(message.expiresAt && timestampMs(message.expiresAt)).toBe(nowMs + 90_400);
  });

  it("leave empty what the provider did not give", () => {
    expect(encodeTokenSet(least, clock)).toMatchObject({ expiresIn: 0, refreshToken: "", idToken: "", scopes: [] });
    expect(encodeTokenSet(least, clock).expiresAt).toBeUndefined();
  });

  it.each([
    [undefined, undefined],
    [nowMs + 1_000, 1],
    [nowMs + 999, 1],
    [nowMs + 500, 1],
    [nowMs + 499, 0],
    [nowMs, 0],
    [nowMs - 5_000, 0],
  ])("that expire at %s have %s seconds left, to the nearest, and never fewer than none", (expiresAtMs, expected) => {
    expect(secondsLeft({ ...least, expiresAtMs }, clock)).toBe(expected);
  });
});
