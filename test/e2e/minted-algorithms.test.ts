import { decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Minted, startMinting } from "../callers-elsewhere/minted.ts";

let minted: Minted;
beforeAll(async () => {
  minted = await startMinting();
});
afterAll(() => minted.close());

it.each(["ES256", "EdDSA", "RS256"])("an audience that names %s gets tokens under a published key of that kind", async (algorithm) => {
  const { alg, kid } = decodeProtectedHeader(await minted.withPublishedKey(algorithm));
  const { keys } = (await (await fetch(minted.jwksUrl)).json()) as { keys: readonly Record<string, unknown>[] };
  expect(alg).toBe(algorithm);
  expect(keys.find((key) => key["kid"] === kid)).toMatchObject({ alg: algorithm, use: "sig" });
});

it("an audience that shares a secret gets tokens under no key", async () => {
  expect(decodeProtectedHeader(await minted.withSharedSecret())).toEqual({ alg: "HS256", typ: "JWT" });
});
