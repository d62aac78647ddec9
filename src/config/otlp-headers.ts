// The headers that a collector wants, written as OpenTelemetry's own variable has them: NAME=VALUE,NAME=VALUE with values
// percent-encoded. What is said of a mistake names no part of them: they hold a key.

import { Secret } from "../exchange/secret.ts";
import { mistake, percentDecoded } from "./secret-text.ts";

const maxHeaders = 16;

/** What belongs to the request itself (RFC 9110 §7.6.1, §8). */
const ownHeaders: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export function parseOtlpHeaders(text: Secret) {
  const written = text.reveal().split(",");
  if (written.length > maxHeaders) return mistake(`write ${maxHeaders} headers at most`);
  const headers = new Map<string, Secret>();
  for (const one of written) {
    const [, name = "", value = ""] = /^\s*([!#$%&'*+.^_`|~A-Za-z0-9-]+)\s*=\s*(.*?)\s*$/.exec(one) ?? [];
    const decoded = percentDecoded(value);
    if (name === "" || decoded === undefined || !/^[\x20-\x7e]+$/.test(decoded))
      return mistake("write NAME=VALUE with commas between them, values percent-encoded");
    const lower = name.toLowerCase();
    if (ownHeaders.has(lower)) return mistake("leave out headers that belong to the request itself, such as Content-Type");
    if (headers.has(lower)) return mistake("name each header once");
    headers.set(lower, new Secret(decoded));
  }
  return { kind: "headers" as const, headers: [...headers] };
}
