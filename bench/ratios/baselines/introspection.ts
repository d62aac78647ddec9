// Baseline: what a team would ask instead, a provider's introspection endpoint (RFC 7662): oidc-provider with its tokens in memory. The
// client proves itself by HTTP Basic; the token is opaque. Its answer carries what Cambio's does, in a claim that fills it up.

import { createServer } from "node:http";
import { answerOfCambio, listen } from "./listening.ts";

const [, , , clientId = "", clientSecret = ""] = process.argv;
/** What its own members of the answer take: the claim makes up for the rest. */
const ownBytes = 150;

const { info, warn } = console;
// It prints advice about production while it is loaded and made.
Object.assign(console, { info: () => undefined, warn: () => undefined });
const { default: Provider } = await import("oidc-provider");
const provider = new Provider("http://127.0.0.1", {
  clients: [
    { client_id: clientId, client_secret: clientSecret, redirect_uris: [], response_types: [], grant_types: ["client_credentials"] },
  ],
  scopes: ["orders:read"],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    devInteractions: { enabled: false },
  },
  extraTokenClaims: () => ({ filled: "f".repeat(Math.max(1, answerOfCambio().length - ownBytes)) }),
  ttl: { ClientCredentials: 3_600 },
});
Object.assign(console, { info, warn });
const handle = provider.callback();
listen(createServer((request, response) => void handle(request, response)));
