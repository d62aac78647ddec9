// Around a run of `make test-keycloak`: one Keycloak for all files, since its start is what takes long. Each file makes a realm of its
// own there (keycloak-world.ts); who wants to stop a server starts another one.

import type { TestProject } from "vitest/node";
import { startKeycloak } from "../support/keycloak-server.ts";
import { outside } from "./world.ts";

declare module "vitest" {
  // oxlint-disable-next-line typescript/consistent-type-definitions
  export interface ProvidedContext {
    readonly keycloak: { readonly address: string; readonly operator: { readonly clientId: string; readonly secret: string } };
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.stdout.write("starting Keycloak (about 10 seconds)\n");
  const server = await startKeycloak({ outside });
  project.provide("keycloak", { address: server.address, operator: server.operator });
  return server.close;
}
