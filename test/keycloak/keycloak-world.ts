// The world of tests with a real Keycloak in it: a realm of its own on the server of the run, behind a proxy that can take it away; or
// on a server of its own, which can be killed and frozen.

import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type AdminCredentials, createKeycloakAdmin } from "../support/keycloak-admin.ts";
import { startKeycloak } from "../support/keycloak-server.ts";
import type { OutageWorld } from "./outage-world.ts";
import { testRealm } from "./realm.ts";
import { type Administration, createOperator, createSignIn, outside, type World } from "./world.ts";

export interface KeycloakWorld extends World {
  /** Between the tests and Keycloak; the administrator goes past it. */
  readonly proxy: FaultProxy;
}

export async function startKeycloakWorld(): Promise<KeycloakWorld> {
  const server = inject("keycloak");
  const proxy = await startFaultProxy(Number(new URL(server.address).port));
  return {
    ...(await makeRealm(server, `http://${proxy.host}:${proxy.port}`)),
    proxy,
    heard: () => proxy.passed("request"),
    async stop() {
      proxy.refuse();
      proxy.resetAll();
    },
    start: proxy.accept,
    close: proxy.close,
  };
}

export async function startOwnKeycloakWorld(): Promise<OutageWorld> {
  const server = await startKeycloak({ outside });
  return {
    ...(await makeRealm(server, server.address)),
    // Nobody counts there.
    heard: () => 0,
    stop: server.kill,
    start: server.start,
    freeze: server.pause,
    thaw: server.resume,
    close: server.close,
  };
}

interface Server {
  readonly address: string;
  readonly operator: AdminCredentials;
}

/** @param reachedAt by which address tests and Cambio reach the server */
async function makeRealm(
  server: Server,
  reachedAt: string,
): Promise<Pick<World, "name" | "issuer" | "address" | "realm" | "operator" | "token">> {
  const admin = createKeycloakAdmin(server.address, server.operator);
  const realm = { ...testRealm(), realm: `corp-${randomUUID()}` };
  await admin.createRealm(realm);
  const path = `/realms/${realm.realm}`;
  const address = reachedAt + path;
  const administration: Administration = {
    client: (id, change) => admin.updateClient(realm.realm, id, change),
    user: (name, change) => admin.updateUser(realm.realm, name, change),
    realm: (change) => admin.updateRealm(realm.realm, change),
    session: (id) => admin.endSession(realm.realm, id),
  };
  const keys = {
    addKey: () => admin.newKey(realm.realm, "keep the old"),
    rotateKeys: () => admin.newKey(realm.realm, "drop the old"),
  };
  return {
    name: "Keycloak",
    issuer: outside + path,
    address,
    realm,
    operator: createOperator(administration, realm, keys),
    token: createSignIn({ address, realm }),
  };
}
