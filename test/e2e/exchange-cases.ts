// The part of the protocol table in which a service exchanges the token of a user, and asks for more than it may have.

import { expect } from "vitest";
import type { Case } from "./protocol-case.ts";
import type { World } from "./protocol-world.ts";

const byService = { as: "orders", on: "swapping" } as const;
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";

const usersToken = async ({ swapping }: World) => ({
  value: await swapping.token({ scope: "openid orders:read" }),
  type: accessTokenType,
});

const issued = {
  accessToken: expect.stringMatching(/^ey[^.]+\.[^.]+\.[^.]+$/),
  tokenType: "Bearer",
  scopes: ["orders:read"],
  issuedTokenType: accessTokenType,
};

export const exchangeCases: readonly Case[] = [
  {
    ...byService,
    method: "Exchange",
    name: "a service exchanges a user's token for one that another service accepts",
    message: async (world) => ({ subjectToken: await usersToken(world), audiences: ["stock"], scopes: ["orders:read"] }),
    expected: ({ swapping }) => ({
      tokens: { ...issued, issuer: swapping.provider.issuer },
      issuance: "ISSUANCE_PROVIDER_EXCHANGE",
    }),
  },
  {
    ...byService,
    method: "ValidateCrossClient",
    name: "a service has a user's token validated and exchanged for its own",
    message: async (world) => ({ token: await usersToken(world), requiredScopes: ["orders:read"], exchange: true }),
    expected: ({ swapping }) => ({
      claims: expect.objectContaining({ subject: "alice", issuer: swapping.provider.issuer }) as object,
      source: "VALIDATION_SOURCE_PROVIDER_EXCHANGE",
      tokens: expect.objectContaining(issued) as object,
    }),
  },
  {
    ...byService,
    method: "Exchange",
    name: "a service that would act for the user under its own name",
    message: async (world) => ({ subjectToken: await usersToken(world), actorToken: await usersToken(world), audiences: ["stock"] }),
    expected: "DELEGATION_NOT_ALLOWED",
  },
  {
    ...byService,
    method: "Exchange",
    name: "a service that asks for a token for an audience that is not its target",
    message: async (world) => ({ subjectToken: await usersToken(world), audiences: ["payroll"] }),
    expected: "TARGET_NOT_ALLOWED",
  },
];
