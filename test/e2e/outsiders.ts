// Callers without the right to what they call, and how each is refused: by what they show, or by what their message says.

import type { JsonObject } from "@bufbuild/protobuf";
import { type Method, methods } from "../../src/exchange/clients.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { basic } from "../../examples/clients.ts";
import { backendRedirectUri, page } from "../support/fake-stack.ts";
import { strange } from "./protocol-case.ts";

/** Nobody may validate who has not proved himself: there is no client in the message. */
export const forPublic = methods.filter((name) => name !== "ValidateCrossClient");

const code = { ...strange, clientId: "" };
/** One message for each guarded method with which nothing is wrong but its caller. Whoever adds a method says it here. */
export const goodMessages: Readonly<Record<Method, JsonObject>> = {
  Exchange: code,
  Refresh: { provider: "main", refreshToken: "refresh-of-nobody" },
  ValidateCrossClient: { token: { value: "e30.e30.e30" } },
  CreateAuthorizationUrl: { provider: "main", redirectUri: backendRedirectUri },
  Revoke: { provider: "main", token: { value: "token-of-nobody" } },
  GetAccount: { token: { value: "e30.e30.e30" } },
};

export interface Outsider {
  readonly who: string;
  readonly headers?: () => Readonly<Record<string, string | string[]>>;
  /** Named in the message; default: nobody. */
  readonly clientId?: string;
  /** Default: all. */
  readonly methods?: readonly Method[];
  readonly reason: Reason;
}

const secret = (id: string) => () => ({ authorization: basic(id, "backend-secret-canary-0123456789") });
const except = (...names: readonly Method[]) => methods.filter((name) => !names.includes(name));

/** Refused by what is shown, so that not a byte of the body matters. */
export const atTheGate: readonly Outsider[] = [
  {
    who: "a service with a wrong secret",
    headers: () => ({ authorization: basic("everything", "wrong-wrong-wrong-wrong") }),
    reason: "CALLER_UNAUTHENTICATED",
  },
  { who: "a service that does not exist", headers: secret("nobody"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service under the id of a page", headers: secret("web"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service under the id of a command-line tool", headers: secret("cli"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "an empty header", headers: () => ({ authorization: "" }), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a scheme that nobody knows", headers: () => ({ authorization: "Digest username=everything" }), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a token of anybody", headers: () => ({ authorization: "Bearer e30.e30.e30" }), reason: "CALLER_UNAUTHENTICATED" },
  {
    who: "a good secret twice",
    headers: () => ({ authorization: [secret("everything")().authorization, secret("everything")().authorization] }),
    reason: "CALLER_UNAUTHENTICATED",
  },
  { who: "a service that may do nothing", headers: secret("idle-backend"), reason: "CALLER_NOT_ALLOWED" },
  { who: "a service that is disabled", headers: secret("off-backend"), reason: "CALLER_NOT_ALLOWED" },
  {
    who: "a service without that method",
    headers: () => ({ authorization: basic("orders", "orders-secret-canary-0123456789") }),
    methods: except("ValidateCrossClient"),
    reason: "CALLER_NOT_ALLOWED",
  },
  {
    who: "another service without that method",
    headers: secret("backend"),
    methods: ["ValidateCrossClient"],
    reason: "CALLER_NOT_ALLOWED",
  },
  {
    who: "a page that found a service's secret",
    headers: () => ({ ...secret("everything")(), origin: page }),
    reason: "ORIGIN_NOT_ALLOWED",
  },
  { who: "nobody", methods: ["ValidateCrossClient"], reason: "CALLER_UNAUTHENTICATED" },
  { who: "a page", headers: () => ({ origin: page }), methods: ["ValidateCrossClient"], reason: "CALLER_UNAUTHENTICATED" },
];

/** Refused by what the message says, right after it was decoded. */
export const byTheirMessage: readonly Outsider[] = [
  { who: "nobody", reason: "CALLER_UNAUTHENTICATED" },
  { who: "a client that does not exist", clientId: "nobody", reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service's name without its proof", clientId: "everything", reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service under the name of a page", clientId: "web", headers: secret("everything"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service under another's name", clientId: "backend", headers: secret("everything"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a page that may do nothing", clientId: "idle-web", headers: () => ({ origin: page }), reason: "CALLER_NOT_ALLOWED" },
  { who: "a tool that may do nothing", clientId: "idle-cli", reason: "CALLER_NOT_ALLOWED" },
  { who: "a page that is disabled", clientId: "off-web", headers: () => ({ origin: page }), reason: "CALLER_NOT_ALLOWED" },
  { who: "a tool that is disabled", clientId: "off-cli", reason: "CALLER_NOT_ALLOWED" },
  { who: "a page of another origin", clientId: "web", headers: () => ({ origin: "https://evil.example" }), reason: "ORIGIN_NOT_ALLOWED" },
  { who: "a page without an address", clientId: "web", headers: () => ({ origin: "null" }), reason: "ORIGIN_NOT_ALLOWED" },
  { who: "a page in the name of a tool", clientId: "cli", headers: () => ({ origin: page }), reason: "ORIGIN_NOT_ALLOWED" },
  { who: "a script in the name of a page", clientId: "web", methods: ["CreateAuthorizationUrl"], reason: "ORIGIN_NOT_ALLOWED" },
];
