// The world of tests with a real Keycloak in it: a realm of its own on the server of the run, behind a proxy that can take it away.

import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { createKeycloakAdmin } from "../support/keycloak-admin.ts";
import { testRealm } from "./realm.ts";
import { type Administration, createOperator, createSignIn, outside, type World } from "./world.ts";

export interface KeycloakWorld extends World {
  /** Between the tests and Keycloak; the administrator goes past it. */
  readonly proxy: FaultProxy;
}

export async function startKeycloakWorld(): Promise<KeycloakWorld> {
  const server = inject("keycloak");
  const admin = createKeycloakAdmin(server.address, server.operator);
  const realm = { ...testRealm(), realm: `corp-${randomUUID()}` };
  await admin.createRealm(realm);
  const proxy = await startFaultProxy(Number(new URL(server.address).port));
  const path = `/realms/${realm.realm}`;
  const address = `http://${proxy.host}:${proxy.port}${path}`;
  const administration: Administration = {
    client: (id, change) => admin.updateClient(realm.realm, id, change),
    user: (name, change) => admin.updateUser(realm.realm, name, change),
    realm: (change) => admin.updateRealm(realm.realm, change),
    session: (id) => admin.endSession(realm.realm, id),
  };
  return {
    name: "Keycloak",
    issuer: outside + path,
    address,
    realm,
    proxy,
    operator: createOperator(administration, realm, {
      addKey: () => admin.newKey(realm.realm, "keep the old"),
      rotateKeys: () => admin.newKey(realm.realm, "drop the old"),
    }),
    token: createSignIn({ address, realm }),
    heard: () => proxy.passed("request"),
    async stop() {
      proxy.refuse();
      proxy.resetAll();
    },
    start: proxy.accept,
    close: proxy.close,
  };
}
