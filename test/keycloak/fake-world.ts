// The world of tests with the fake Keycloak in it. What only the fake can do is at hand beside it.

import { type FakeKeycloak, startFakeKeycloak } from "../support/fake-keycloak.ts";
import { testRealm } from "./realm.ts";
import { type Administration, createOperator, createSignIn, outside, type World } from "./world.ts";

export interface FakeWorld extends World {
  readonly fake: FakeKeycloak;
}

export async function startFakeWorld(): Promise<FakeWorld> {
  const realm = testRealm();
  const fake = await startFakeKeycloak({ realm, outside });
  const administration: Administration = {
    client: async (id, change) => fake.realm.changeClient(id, change),
    user: async (name, change) => fake.realm.changeUser(name, change),
    realm: async ({ notBefore }) => fake.realm.changeNotBefore(notBefore),
    session: async (id) => fake.realm.endSession(id),
  };
  return {
    name: "the fake Keycloak",
    issuer: fake.issuer,
    address: fake.address,
    realm,
    fake,
    operator: createOperator(administration, realm, fake),
    token: createSignIn({ address: fake.address, realm }),
    heard: fake.heard,
    stop: fake.stop,
    start: fake.start,
    close: fake.stop,
  };
}
