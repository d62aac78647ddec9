// Tokens that Cambio mints, where they are shown: verified by other people's libraries, by the published keys or a shared secret.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Minted, startMinting } from "./minted.ts";
import { run, sharedSecretVerifiers, verifiers } from "./programs.ts";

let minted: Minted;
beforeAll(async () => {
  minted = await startMinting();
});
afterAll(() => minted.close());

describe.each(verifiers)("$name, by the published keys", (program) => {
  const verify = async (algorithm: string, wanted: { token?: string; issuer?: string; audience?: string } = {}) =>
    run(program, {
      arguments: [algorithm, minted.jwksUrl, wanted.issuer ?? minted.issuer, wanted.audience ?? minted.audienceOf(algorithm)],
      standardInput: wanted.token ?? (await minted.withPublishedKey(algorithm)),
    });

  it.each(program.algorithms)("believes a token signed by %s", async (algorithm) => {
    expect(await verify(algorithm)).toEqual({ status: 0, output: `${minted.subject}\n` });
  });

  it("refuses one for another audience, from another issuer, or whose signature was changed", async () => {
    const [header, payload, signature = ""] = (await minted.withPublishedKey("ES256")).split(".");
    const changed = [header, payload, (signature.startsWith("A") ? "B" : "A") + signature.slice(1)].join(".");
    for (const wrong of [{ audience: "https://else.example" }, { issuer: "https://else.example" }, { token: changed }]) {
      expect(await verify("ES256", wrong)).toEqual({ status: 1, output: "" });
    }
  });
});

describe.each(sharedSecretVerifiers)("$name, by a shared secret", (program) => {
  it("believes a token, expecting nothing but the signature", async () => {
    const standardInput = await minted.withSharedSecret();
    expect(await run(program, { standardInput, env: { JWT_SECRET: minted.secret } })).toEqual({ status: 0, output: `${minted.subject}\n` });
  });

  it("refuses one that was signed with another secret", async () => {
    const standardInput = await minted.withSharedSecret();
    const env = { JWT_SECRET: "another-secret-canary-0123456789abcdef" };
    expect(await run(program, { standardInput, env })).toEqual({ status: 1, output: "" });
  });

  it("refuses one that is signed with a published key", async () => {
    const standardInput = await minted.withPublishedKey("RS256");
    expect(await run(program, { standardInput, env: { JWT_SECRET: minted.secret } })).toEqual({ status: 1, output: "" });
  });
});
