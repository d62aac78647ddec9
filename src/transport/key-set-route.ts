// The route at which everybody finds the public halves of this service's signing keys (RFC 7517 §5). It is open to everyone, carries
// nothing that is not public, and answers an empty set where nothing is signed.

import { createHash } from "node:crypto";
import type { PlainRoute } from "./http-routes.ts";
import { jsonResponse } from "./plain-response.ts";

export const keySetPath = "/.well-known/jwks.json";

/** Ten minutes: short beside the time for which a key is announced before it signs, and long enough for any cache in between. */
const cacheControl = "public, max-age=600";

export function keySetRoute(publicKeys: () => { readonly keys: readonly object[] }): PlainRoute {
  return {
    method: "GET",
    path: keySetPath,
    async handle({ headers }) {
      const response = jsonResponse(200, publicKeys());
      const etag = `"${createHash("sha256").update(response.body).digest("base64url")}"`;
      const caching = { "cache-control": cacheControl, etag };
      if (isKnown(headers["if-none-match"], etag)) return { status: 304, headers: caching, body: "" };
      return { ...response, headers: { ...response.headers, ...caching } };
    },
  };
}

/** RFC 9110 §13.1.2: compared weakly. */
function isKnown(known: string | undefined, etag: string): boolean {
  return known !== undefined && known.split(",").some((one) => ["*", etag, `W/${etag}`].includes(one.trim()));
}
