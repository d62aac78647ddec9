// Proves a service by HTTP Basic (RFC 7617), its id and secret each form-encoded (RFC 6749 §2.3.1). Constant time: neither
// the secret nor whether the client exists can be told from how long a refusal takes.

import { hash, timingSafeEqual } from "node:crypto";
import type { Client } from "../exchange/clients.ts";
import type { Secret } from "../exchange/secret.ts";
import { refusedProof } from "./refused-proof.ts";

export interface ServiceSecrets {
  readonly client: Client;
  /** None, one or, while one is being replaced, two. */
  readonly secrets: readonly Secret[];
}

/** More than any configured id and secret can need, form-encoded and in base64. */
const maxHeaderLength = 12_288;

/**
 * @returns whose id and secret an `authorization` header holds
 * @throws ExchangeError CALLER_UNAUTHENTICATED, the same for every way to be wrong
 */
export function createBasic(services: readonly ServiceSecrets[]): (authorization: string) => Client {
  const known = new Map(
    services.map(({ client, secrets }) => [client.id, { client, digests: secrets.map((secret) => digest(secret.reveal())) }]),
  );
  const nobody = [digest("")];

  return function proveBySecret(authorization) {
    const credentials = parseBasic(authorization);
    if (credentials === undefined) throw refusedProof("basic", "malformed");
    const service = known.get(credentials.id);
    const shown = digest(credentials.secret);
    // Every digest is compared, so that the number of comparisons does not depend on which one fits.
    const fits = (service?.digests ?? nobody).map((expected) => timingSafeEqual(expected, shown));
    if (service === undefined || !fits.includes(true)) throw refusedProof("basic", "credentials");
    return service.client;
  };
}

function digest(text: string): Buffer {
  // By way of text: a buffer made by the hash itself costs more than the hash.
  return Buffer.from(hash("sha256", text, "latin1"), "latin1");
}

function parseBasic(header: string): { id: string; secret: string } | undefined {
  if (header.length > maxHeaderLength) return undefined;
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const pair = Buffer.from(encoded, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  if (colon < 1) return undefined;
  const id = formDecode(pair.slice(0, colon));
  const secret = formDecode(pair.slice(colon + 1));
  return id === undefined || secret === undefined || secret === "" ? undefined : { id, secret };
}

function formDecode(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
