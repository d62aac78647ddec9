// What one row of the protocol tables is, and the messages that several rows begin with.

import type { JsonObject } from "@bufbuild/protobuf";
import type { Method } from "../../src/exchange/clients.ts";
import type { CredentialField, Reason } from "../../src/exchange/errors.ts";
import { type FakeCode, page, pageRedirectUri } from "../support/fake-stack.ts";
import type { CodeClient, StackName, World } from "./protocol-world.ts";

export type Role = "web" | "cli" | "backend" | "orders";

export interface Case {
  readonly name: string;
  readonly as: Role;
  readonly method: Method;
  /** Headers instead of those that the role sends. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly on?: StackName;
  readonly message: (world: World) => JsonObject | Promise<JsonObject>;
  /** What the answer contains at least, or why there is none. */
  readonly expected: ((world: World) => object) | Reason;
  /** Which credential is meant, where it is not the reason's usual one. */
  readonly field?: CredentialField;
  /** The instant in the error. */
  readonly expiredAt?: (world: World) => number;
  /** The plain HTTP route answers the same. */
  readonly route?: true;
}

export const codeCase = { as: "web", method: "Exchange" } as const;
export const urlCase = { method: "CreateAuthorizationUrl" } as const;

export const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/** A proper one that fits no challenge. */
export const strangeVerifier = "strange-verifier-strange-verifier-strange-verifier";
export const strangeCode = "strange-code-strange-code";

export const refreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token";

export const pageUrl = { clientId: "web", provider: "main", redirectUri: pageRedirectUri, codeChallenge: challenge };

export function exchangeOf({ code, codeVerifier, redirectUri, state }: FakeCode, clientId = "web", provider = "main"): JsonObject {
  return { clientId, provider, authorizationCode: { code, codeVerifier, redirectUri, state } };
}

export const strange = exchangeOf({ code: strangeCode, codeVerifier: strangeVerifier, redirectUri: pageRedirectUri, state: "" });

/** A refresh token as the client holds it. */
export async function handleFor(world: World, client: CodeClient): Promise<string> {
  const { usual } = world;
  const headers: Readonly<Record<string, string>> = {
    web: { origin: page },
    cli: {},
    backend: { authorization: usual.authorization("backend") },
  }[client];
  const message = exchangeOf(await world.codeFor(client), client === "backend" ? "" : client);
  const { body } = await usual.cambio.rpc("Exchange", message, headers);
  return (body["tokens"] as { readonly refreshToken: string }).refreshToken;
}
