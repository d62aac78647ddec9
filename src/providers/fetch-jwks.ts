// Reads an issuer's published keys (RFC 7517 §5), bounded and unread: what they are worth is decided in keys/.

import type { Clock } from "../exchange/ports.ts";
import type { HttpClient } from "../net/http-client.ts";
import { readJsonObject } from "./json-answer.ts";
import { failureOfReading, refusalOfReading } from "./upstream-errors.ts";

const maxJwksBytes = 256 * 1024;

/** @returns the set as it stands there now. The result throws ExchangeError UPSTREAM_*, DEADLINE_EXCEEDED */
export function createJwksFetch({ http, clock }: { readonly http: HttpClient; readonly clock: Clock }) {
  return async function fetchJwks(url: string, signal: AbortSignal): Promise<unknown> {
    const headers = { accept: "application/jwk-set+json, application/json" };
    const call = { endpoint: "jwks", method: "GET", url, headers, maxBodyBytes: maxJwksBytes, signal } as const;
    const response = await http.send(call).catch((failure: unknown) => {
      throw failureOfReading("jwks", failure, signal);
    });
    const keys = response.status === 200 ? await readJsonObject(response) : undefined;
    if (keys === undefined) throw refusalOfReading("jwks", response, clock());
    return keys;
  };
}
