// Which pages may read answers (Fetch standard, "CORS protocol"): exact origins out of configuration, never the request's own word
// and never `null`. Whether a client may call from an origin is the operation's to decide; this only tells browsers.

import { cors as connectCors } from "@connectrpc/connect";
import type { PortResponse } from "./one-port.ts";

export interface Cors {
  /** Marks an answer. Every answer varies by origin, also those that name none: a cache must not mix them. */
  mark(origin: string | undefined, res: PortResponse): void;
  /** Answers a preflight for a path that takes these methods; 403 without a word about CORS for an origin that is not listed. */
  preflight(origin: string, methods: readonly string[], res: PortResponse): void;
}

/** Seconds; what Chromium keeps a preflight's answer for at most. */
const maxAge = "7200";

const allowedHeaders = [...connectCors.allowedHeaders, "Authorization", "X-Request-Id", "Traceparent"].join(", ");
const exposedHeaders = [...connectCors.exposedHeaders, "X-Request-Id", "Retry-After", "Www-Authenticate"].join(", ");

export interface ListedOrigins {
  readonly origins: ReadonlySet<string>;
  /** Those of them whose pages may send cookies along. */
  readonly credentialOrigins: ReadonlySet<string>;
}

/** @param listed asked for every answer: the configuration may have been reloaded */
export function createCors(listed: () => ListedOrigins): Cors {
  const isListed = (origin: string): boolean => origin !== "null" && listed().origins.has(origin);
  return {
    mark(origin, res) {
      res.setHeader("vary", "Origin");
      if (origin === undefined || !isListed(origin)) return;
      res.setHeader("access-control-allow-origin", origin);
      res.setHeader("access-control-expose-headers", exposedHeaders);
      if (listed().credentialOrigins.has(origin)) res.setHeader("access-control-allow-credentials", "true");
    },
    preflight(origin, methods, res) {
      if (!isListed(origin)) {
        res.statusCode = 403;
        res.end();
        return;
      }
      res.setHeader("access-control-allow-methods", methods.join(", "));
      res.setHeader("access-control-allow-headers", allowedHeaders);
      res.setHeader("access-control-max-age", maxAge);
      res.statusCode = 204;
      res.end();
    },
  };
}
