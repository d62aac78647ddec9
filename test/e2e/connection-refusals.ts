// The part of the protocol table in which connections, and the accounts behind them, are refused.

import { page } from "../support/fake-stack.ts";
import { asPage, asStranger, asWorker, signedIn } from "./connection-case.ts";
import type { Case } from "./protocol-case.ts";
import { disabledUser } from "./protocol-world.ts";

const missing = "AAAAAAAAAAAAAAAAAAAAAA";

export const connectionRefusals: readonly Case[] = [
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
