// The part of the protocol table about what is kept of sign-ins: connections, by whom they may be named, and the accounts behind them.

import { expect } from "vitest";
import { basic } from "../../examples/clients.ts";
import { page } from "../support/fake-stack.ts";
import { tokensOf, type VaultClient } from "../support/vault-stack.ts";
import { vaultIssuer, vaultSecrets } from "../support/vault-document.ts";
import type { Case } from "./protocol-case.ts";
import { disabledUser, type World } from "./protocol-world.ts";

const keeping = { on: "keeping" } as const;
const asPage = { ...keeping, as: "web" } as const;
const asPhone = { ...keeping, as: "cli" } as const;
const asWorker = {
  ...keeping,
  as: "backend",
  headers: { authorization: basic("worker", vaultSecrets.services.worker) },
} as const;
const asStranger = { ...keeping, as: "backend", headers: { authorization: basic("stranger", vaultSecrets.services.stranger) } } as const;

let users = 1_000;
/** Of somebody who has never been here, unless it is said who. */
async function signedIn({ keeping: stack }: World, client: VaultClient = "web", user = String((users += 1))) {
  const { body, ...rest } = await stack.signIn(client, { user });
  const userToken = { value: tokensOf({ body, ...rest })["accessToken"] ?? "" };
  return { connectionId: String(body["connectionId"]), userToken, user };
}

const minted = {
  tokens: {
    accessToken: expect.stringMatching(/^ey[^.]+\.[^.]+\.[^.]+$/),
    tokenType: "Bearer",
    expiresIn: 900,
    issuedTokenType: "urn:ietf:params:oauth:token-type:access_token",
    issuer: vaultIssuer,
  },
  issuance: "ISSUANCE_MINTED",
};
const ofDiscord = {
  tokens: {
    accessToken: expect.stringMatching(/^access-/),
    tokenType: "Bearer",
    scopes: ["identify", "email"],
    issuer: "https://discord.com",
  },
  issuance: "ISSUANCE_PASSTHROUGH",
};
const account = {
  id: expect.stringMatching(/^discord:[0-9a-f-]{36}$/),
  provider: "discord",
  providerUserId: expect.stringMatching(/^\d+$/),
  username: expect.stringMatching(/^user-\d+$/),
  displayName: "Nelly",
};
const ofAccount = () => ({ account });
/** The provider has heard of it before the caller has its answer. */
const ended = () => expect.not.objectContaining({ upstreamPending: true }) as object;
const missing = "AAAAAAAAAAAAAAAAAAAAAA";

const going: readonly Case[] = [
  {
    ...asPage,
    method: "Exchange",
    name: "a page signs a user in, and the sign-in is kept",
    message: async ({ keeping: stack }) => ({ clientId: "web", ...(await stack.begin("web", { user: "1" })) }),
    expected: () => ({ ...minted, account, connectionId: expect.stringMatching(/^[\w-]{22}$/) }),
  },
  {
    ...asPage,
    method: "Refresh",
    name: "a page by a connection, with a token of its user",
    message: async (world) => {
      const { connectionId, userToken } = await signedIn(world);
      return { clientId: "web", connectionId, userToken };
    },
    expected: () => minted,
  },
  {
    ...asPhone,
    method: "Refresh",
    name: "a native client by a connection, with a token of its user",
    message: async (world) => {
      const { connectionId, userToken } = await signedIn(world, "phone");
      return { clientId: "phone", connectionId, userToken };
    },
    expected: () => minted,
  },
  {
    ...asWorker,
    method: "Refresh",
    name: "a service by a page's connection, without proof",
    message: async (world) => ({ connectionId: (await signedIn(world)).connectionId }),
    expected: () => ofDiscord,
  },
  {
    ...asWorker,
    method: "Refresh",
    name: "a service by a page's connection, with proof",
    message: async (world) => {
      const { connectionId, userToken } = await signedIn(world);
      return { connectionId, userToken };
    },
    expected: () => ofDiscord,
  },
  ...(["as it is kept", "as its provider has it"] as const).flatMap((how): readonly Case[] => {
    const fresh = how === "as it is kept" ? {} : { fresh: true };
    return [
      {
        ...asPage,
        method: "GetAccount",
        name: `a page reads the account ${how}`,
        message: async (world) => ({ clientId: "web", token: (await signedIn(world)).userToken, ...fresh }),
        expected: ofAccount,
      },
      {
        ...asPhone,
        method: "GetAccount",
        name: `a native client reads the account ${how}`,
        message: async (world) => ({ clientId: "phone", token: (await signedIn(world, "phone")).userToken, ...fresh }),
        expected: ofAccount,
      },
      {
        ...asWorker,
        method: "GetAccount",
        name: `a service that is called with the token reads the account ${how}`,
        message: async (world) => ({ token: (await signedIn(world)).userToken, ...fresh }),
        expected: ofAccount,
      },
    ];
  }),
  {
    ...asPage,
    method: "Revoke",
    name: "a page ends a connection, with a token of its user",
    message: async (world) => {
      const { connectionId, userToken } = await signedIn(world);
      return { clientId: "web", connectionId, userToken };
    },
    expected: ended,
  },
  {
    ...asWorker,
    method: "Revoke",
    name: "a service ends a page's connection",
    message: async (world) => ({ connectionId: (await signedIn(world)).connectionId }),
    expected: ended,
  },
  {
    ...asStranger,
    method: "Revoke",
    name: "a connection that is not the caller's has ended already",
    message: async (world) => ({ connectionId: (await signedIn(world)).connectionId }),
    expected: ended,
  },
];

const refused: readonly Case[] = [
  {
    ...asPage,
    method: "Exchange",
    name: "a code of a user whose account is disabled",
    message: async ({ keeping: stack }) => ({ clientId: "web", ...(await stack.begin("web", { user: disabledUser })) }),
    expected: "ACCOUNT_DISABLED",
  },
  {
    ...asWorker,
    method: "Refresh",
    name: "a connection of an account that is disabled",
    message: ({ disabled }) => ({ connectionId: String(disabled.body["connectionId"]) }),
    expected: "ACCOUNT_DISABLED",
  },
  {
    ...asPage,
    method: "Refresh",
    name: "a connection that there is not",
    message: async (world) => ({ clientId: "web", connectionId: missing, userToken: (await signedIn(world)).userToken }),
    expected: "CONNECTION_NOT_FOUND",
  },
  {
    ...asPage,
    method: "Refresh",
    name: "a connection of another user",
    message: async (world) => ({
      clientId: "web",
      connectionId: (await signedIn(world)).connectionId,
      userToken: (await signedIn(world)).userToken,
    }),
    expected: "CONNECTION_NOT_FOUND",
  },
  {
    ...asStranger,
    method: "Refresh",
    name: "a connection that is not the service's to use",
    message: async (world) => ({ connectionId: (await signedIn(world)).connectionId }),
    expected: "CONNECTION_NOT_FOUND",
  },
  {
    ...asPage,
    method: "Refresh",
    name: "a connection without proof of its user",
    message: async (world) => ({ clientId: "web", connectionId: (await signedIn(world)).connectionId }),
    expected: "MALFORMED_REQUEST",
  },
  {
    ...asPage,
    method: "Refresh",
    name: "a connection with a proof that is no token",
    message: async (world) => ({ clientId: "web", connectionId: (await signedIn(world)).connectionId, userToken: { value: "made-up" } }),
    expected: "TOKEN_MALFORMED",
    field: "USER_TOKEN",
  },
  {
    ...asPage,
    method: "Refresh",
    name: "a connection with a token of its user that was issued to another client",
    message: async (world) => {
      const { connectionId, user } = await signedIn(world);
      return { clientId: "web", connectionId, userToken: (await signedIn(world, "site", user)).userToken };
    },
    expected: "TARGET_NOT_ALLOWED",
    field: "USER_TOKEN",
  },
  {
    ...asPage,
    method: "Refresh",
    name: "a connection with a session, which nobody keeps whose connections are here",
    message: async (world) => ({ clientId: "web", connectionId: (await signedIn(world)).connectionId, session: { token: "made-up" } }),
    expected: "SESSION_INVALID",
  },
  {
    ...asPage,
    method: "Revoke",
    name: "a connection with a proof that is no token",
    message: async (world) => ({ clientId: "web", connectionId: (await signedIn(world)).connectionId, userToken: { value: "made-up" } }),
    expected: "TOKEN_MALFORMED",
    field: "USER_TOKEN",
  },
  {
    ...asWorker,
    method: "GetAccount",
    name: "an account at another provider than the token's",
    message: async (world) => ({ provider: "openai", token: (await signedIn(world)).userToken }),
    expected: "ACCOUNT_NOT_FOUND",
  },
  {
    ...asPage,
    method: "GetAccount",
    name: "the account of a user who has taken back what he granted, as its provider has it",
    message: async (world) => {
      const { userToken, user } = await signedIn(world);
      world.keeping.discord.end(user);
      return { clientId: "web", token: userToken, fresh: true };
    },
    expected: "REAUTHENTICATION_REQUIRED",
  },
  {
    ...asPage,
    method: "GetAccount",
    name: "an account whose sign-in was ended, as its provider has it",
    message: async (world) => {
      const { connectionId, userToken } = await signedIn(world);
      await world.keeping.cambio.rpc("Revoke", { clientId: "web", connectionId, userToken }, { origin: page });
      return { clientId: "web", token: userToken, fresh: true };
    },
    expected: "CONNECTION_NOT_FOUND",
  },
];

export const connectionCases: readonly Case[] = [...going, ...refused];
