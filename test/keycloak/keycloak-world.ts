// The world of tests with a real Keycloak in it, and a realm of its own there.

import { type KeycloakServer, startKeycloak } from "../support/keycloak-server.ts";
import { testRealm } from "./realm.ts";
import { type Administration, createOperator, createSignIn, outside, type World } from "./world.ts";

export interface KeycloakWorld extends World {
  readonly server: KeycloakServer;
}

export async function startKeycloakWorld(): Promise<KeycloakWorld> {
  const realm = testRealm();
  const server = await startKeycloak({ outside });
  const path = `/realms/${realm.realm}`;
  const { admin } = server;
  try {
    await admin.createRealm(realm);
  } catch (error) {
    await server.close();
    throw error;
  }
  const administration: Administration = {
    client: (id, change) => admin.updateClient(realm.realm, id, change),
    user: (name, change) => admin.updateUser(realm.realm, name, change),
    realm: (change) => admin.updateRealm(realm.realm, change),
    session: (id) => admin.endSession(realm.realm, id),
  };
  return {
    name: "Keycloak",
    issuer: outside + path,
    address: server.address + path,
    realm,
    server,
    operator: createOperator(administration, realm, () => admin.rotateKeys(realm.realm)),
    token: createSignIn({ address: server.address + path, realm }),
    exchanges: () => undefined,
    introspections: () => undefined,
    stop: server.stop,
    start: server.start,
    close: server.close,
  };
}
