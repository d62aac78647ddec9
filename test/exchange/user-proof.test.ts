import { expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { createUserProof } from "../../src/exchange/user-proof.ts";
import type { Connection, KeptAccount } from "../../src/exchange/vault-ports.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { clientOf, grantOf, silentTrail } from "./fixtures.ts";

const former = "https://former.example";
const user = { providerUserId: "123", username: "", displayName: "", email: "", emailVerified: false, avatarUrl: "" };
const account: KeptAccount = { id: "account-1", provider: "main", issuer: former, user, disabled: false };
const connection: Connection = {
  id: "connection-1",
  clientId: "web",
  provider: "main",
  accountId: account.id,
  subject: undefined,
  startedAt: 1_000,
  terms: undefined,
  issue: undefined,
  generation: 0,
  tokens: () => expect.unreachable(),
  end: () => expect.unreachable(),
};
const client = clientOf({ id: "web", kind: "browser", providers: new Map([["main", grantOf({})]]) });

/** A genuine token of that issuer, which has the provider's name now. */
async function owns(issuer: string): Promise<boolean> {
  const claims = {
    issuer,
    subject: "123",
    clientId: "cambio",
    audiences: [],
    scopes: [],
    issuedAt: 1,
    expiresAt: 2,
    tokenId: "",
    actors: [],
  };
  const said = { ...claims, name: "", preferredUsername: "", email: "" };
  const verification = {
    claims: said,
    provider: "main",
    source: "LOCAL_KEYS",
    keyId: "k",
    revocationId: "jti:1",
    validUntilMs: 1,
  } as const;
  const proveUser = createUserProof({
    verifySubject: async () => ({ verification, cached: false }),
    decide: createDecide(new Map()),
    audiences: new Map(),
    providers: new Map([["main", { issuer, clientId: "cambio" }]]),
    revocations: { check: () => undefined },
    subjects: { find: async () => undefined },
    accounts: { find: async () => account },
  });
  const proof = { kind: "token", token: new Secret("a.b.c") } as const;
  return (await proveUser({ client, proof, trail: silentTrail() }, AbortSignal.timeout(10_000)))(connection);
}

it("a user of an issuer that was given another one's name proves nothing of that one's user of the same id", async () => {
  expect([await owns(former), await owns("https://another.example")]).toEqual([true, false]);
});
