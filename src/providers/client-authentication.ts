// How this service proves itself at a token endpoint (RFC 6749 §2.3.1). The secret is revealed here, into a request to that
// endpoint, and nowhere else.

import { type ClientAuth, ClientSecretPost, None } from "oauth4webapi";
import type { Secret } from "../exchange/secret.ts";

export interface UpstreamClient {
  readonly id: string;
  readonly secret: Secret | undefined;
  readonly authentication: "basic" | "post" | "none";
}

/** @throws Error where the secret is missing */
export function clientAuthentication(client: UpstreamClient): ClientAuth {
  if (client.authentication === "none") return None();
  const { id, secret } = client;
  if (secret === undefined) throw new Error(`client ${id} needs a secret for ${client.authentication} authentication`);
  if (client.authentication === "post")
    return (server, metadata, body, headers) => ClientSecretPost(secret.reveal())(server, metadata, body, headers);
  return (_server, _metadata, _body, headers) => {
    headers.set("authorization", `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret.reveal())}`).toString("base64")}`);
  };
}

// Escapes what the form encoding must escape and no more: oauth4webapi also escapes dashes and dots, which a provider that
// skips the decoding (they exist) would take for another client.
function formEncode(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}
