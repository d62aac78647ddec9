// What a request at the loopback listener is: the one callback that is waited for (RFC 6749 §4.1.2), or anybody's. Any page that the
// user has open can send requests here (RFC 8252 §8.3, DNS rebinding), so whatever does not fit is answered alike and changes nothing.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export type Callback =
  | { readonly kind: "code"; readonly code: string; readonly issuer: string }
  /** `error` as the provider says it (RFC 6749 §4.1.2.1): anybody's text. */
  | { readonly kind: "refused"; readonly error: string; readonly description: string };

export type Judgement = { readonly kind: "callback"; readonly callback: Callback } | { readonly kind: "other"; readonly status: 400 | 404 };

export interface Expected {
  /** Host and port as browsers write them into `Host`. */
  readonly host: string;
  readonly path: string;
  readonly state: string;
}

type Seen = Pick<IncomingMessage, "method" | "url" | "headersDistinct">;

const notHere: Judgement = { kind: "other", status: 404 };
const notSo: Judgement = { kind: "other", status: 400 };

/** As many bytes as the contract takes of each. */
const maxLength = 2_048;

export function judge({ method, url = "", headersDistinct }: Seen, expected: Expected): Judgement {
  const [host, ...others] = headersDistinct["host"] ?? [];
  if (host !== expected.host || others.length > 0) return notSo;
  const [path, ...query] = url.split("?");
  if (method !== "GET" || path !== expected.path) return notHere;
  const parameters = new URLSearchParams(query.join("?"));
  const names = ["state", "code", "iss", "error", "error_description"] as const;
  if (names.some((name) => parameters.getAll(name).length > 1)) return notSo;
  const {
    state,
    code,
    iss,
    error,
    error_description: description,
  } = Object.fromEntries(names.map((name) => [name, parameters.get(name) ?? ""]));
  if (!same(state ?? "", expected.state)) return notSo;
  if (!printable(iss)) return notSo;
  if (code !== "" && error === "" && printable(code))
    return { kind: "callback", callback: { kind: "code", code: code ?? "", issuer: iss ?? "" } };
  if (code === "" && error !== "")
    return { kind: "callback", callback: { kind: "refused", error: error ?? "", description: description ?? "" } };
  return notSo;
}

function printable(text = ""): boolean {
  return text.length <= maxLength && /^[\x20-\x7e]*$/.test(text);
}

/** In a time that does not tell how much of it was right. */
function same(shown: string, kept: string): boolean {
  return timingSafeEqual(digest(shown), digest(kept));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
