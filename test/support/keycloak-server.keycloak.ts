// The server that tests run: what it survives, and where it says that it is.

import { afterAll, beforeAll, expect, it } from "vitest";
import { type KeycloakServer, startKeycloak } from "./keycloak-server.ts";

let server: KeycloakServer;

beforeAll(async () => {
  server = await startKeycloak();
});
afterAll(() => server.close());

const issuerOf = async (realm: string): Promise<unknown> =>
  ((await (await fetch(`${server.address}/realms/${realm}/.well-known/openid-configuration`)).json()) as { issuer: unknown }).issuer;

it("knows after a kill what it knew before, on the same port and under its own address", async () => {
  await server.admin.createRealm({ realm: "kept", enabled: true });
  await server.kill();
  await expect(issuerOf("kept")).rejects.toThrow("fetch failed");
  await server.start();
  expect(await issuerOf("kept")).toBe(`${server.address}/realms/kept`);
});

it("keeps a request waiting while it is frozen", async () => {
  server.pause();
  let answered = false;
  const asked = issuerOf("master").finally(() => (answered = true));
  await expect(fetch(server.address, { signal: AbortSignal.timeout(300) })).rejects.toThrow("timeout");
  expect(answered).toBe(false);
  server.resume();
  expect(await asked).toBe(`${server.address}/realms/master`);
});
