// What rows of the protocol table about kept sign-ins begin with: who asks, and somebody who has just signed in.

import { basic } from "../../examples/clients.ts";
import { vaultSecrets } from "../support/vault-document.ts";
import { tokensOf, type VaultClient } from "../support/vault-stack.ts";
import type { World } from "./protocol-world.ts";

const keeping = { on: "keeping" } as const;
export const asPage = { ...keeping, as: "web" } as const;
export const asPhone = { ...keeping, as: "cli" } as const;
export const asWorker = {
  ...keeping,
  as: "backend",
  headers: { authorization: basic("worker", vaultSecrets.services.worker) },
} as const;
export const asStranger = {
  ...keeping,
  as: "backend",
  headers: { authorization: basic("stranger", vaultSecrets.services.stranger) },
} as const;

let users = 1_000;
/** Of somebody who has never been here, unless it is said who. */
export async function signedIn({ keeping: stack }: World, client: VaultClient = "web", user = String((users += 1))) {
  const { body, ...rest } = await stack.signIn(client, { user });
  const userToken = { value: tokensOf({ body, ...rest })["accessToken"] ?? "" };
  return { connectionId: String(body["connectionId"]), userToken, user };
}
