// The part of the protocol table in which what is kept of sign-ins is used: connections, by whoever may name them, and accounts.

import { expect } from "vitest";
import { vaultIssuer } from "../support/vault-document.ts";
import { asPage, asPhone, asStranger, asWorker, signedIn } from "./connection-case.ts";
import type { Case } from "./protocol-case.ts";

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

export const connectionCases: readonly Case[] = [
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
