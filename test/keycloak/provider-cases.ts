// The one table that real Keycloak and its stand-in both pass, and the run of it. That is how the stand-in is known to be true.
// Names in capitals are what an unwary client falls into.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { comparable } from "./comparable.ts";
import { exchangeCases } from "./exchange-cases.ts";
import { introspectionCases } from "./introspection-cases.ts";
import { lostTokenCases } from "./lost-token-cases.ts";
import { refreshCases } from "./refresh-cases.ts";
import { refusedExchangeCases } from "./refused-exchange-cases.ts";
import { ask, exchange, introspect } from "./requests.ts";
import type { World } from "./world.ts";

const tables = {
  "exchange at Keycloak": exchangeCases,
  "exchange at Keycloak, refused": refusedExchangeCases,
  "a token that counts no more": lostTokenCases,
  "refresh after an exchange": refreshCases,
  "introspection and revocation": introspectionCases,
};

export function runProviderCases(start: () => Promise<World>): void {
  let world: World;

  beforeAll(async () => {
    world = await start();
  });
  afterEach(() => world.operator.restore());
  afterAll(() => world.close());

  describe.each(Object.entries(tables))("%s", (_about, cases) => {
    it.each(cases)("$name", async ({ act, answers }) => {
      expect((await act(world)).map((answer) => comparable(world, answer))).toEqual(answers);
    });
  });

  it("publishes the issuer of the public address and a back channel of the one that was asked; revocation is not part of it", async () => {
    const document = await readJson(`${world.address}/.well-known/openid-configuration`);
    expect(document).toMatchObject({
      issuer: world.issuer,
      authorization_endpoint: `${world.issuer}/protocol/openid-connect/auth`,
      token_endpoint: `${world.address}/protocol/openid-connect/token`,
      introspection_endpoint: `${world.address}/protocol/openid-connect/token/introspect`,
      jwks_uri: `${world.address}/protocol/openid-connect/certs`,
      revocation_endpoint: `${world.issuer}/protocol/openid-connect/revoke`,
    });
  });

  it("publishes a key for signatures, by which its tokens are signed, beside one for encryption; another after a rotation", async () => {
    const before = await publishedKeys(world);
    expect(before.map(({ alg, use }) => `${alg} ${use}`).toSorted()).toEqual(["RS256 sig", "RSA-OAEP enc"]);
    await world.operator.rotateKeys();
    const after = (await publishedKeys(world)).find(({ use }) => use === "sig");
    const { accessToken } = await world.token("alice", "storefront");
    const header = JSON.parse(Buffer.from(accessToken.split(".")[0] ?? "", "base64url").toString("utf8")) as { kid: string };
    expect(header.kid).toBe(after?.kid);
    expect(before.map(({ kid }) => kid)).not.toContain(header.kid);
  });

  it("says what is wrong with the method and the realm in JSON", async () => {
    const token = `${world.address}/protocol/openid-connect/token`;
    const elsewhere = token.replace(world.realm.realm, "none");
    expect([(await fetch(token)).status, (await fetch(elsewhere, { method: "POST" })).status]).toEqual([405, 404]);
  });

  it("refuses connections while it is away, and knows all that it knew when it is back", async () => {
    const { accessToken } = await world.token("alice", "storefront");
    await world.stop();
    await expect(ask(world, "/token", {})).rejects.toThrow("fetch failed");
    await world.start();
    expect((await exchange(world, accessToken)).status).toBe(200);
    expect((await introspect(world, accessToken)).body).toMatchObject({ active: true });
  });
}

interface PublishedKey {
  readonly kid: string;
  readonly alg: string;
  readonly use: string;
}

async function publishedKeys({ address }: World): Promise<readonly PublishedKey[]> {
  return ((await readJson(`${address}/protocol/openid-connect/certs`)) as { keys: readonly PublishedKey[] }).keys;
}

async function readJson(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}
