// The session that a browser shows by its cookie: of the provider that is meant, for browser clients only.

import type { Client } from "../exchange/clients.ts";
import { Secret } from "../exchange/secret.ts";
import type { SessionProvider, ShownSession } from "../exchange/session-ports.ts";
import { readCookie } from "./cookies.ts";
import { bounds } from "./rules.ts";

/** @param header the request's `Cookie` */
export function sessionInCookie(client: Client, header: string | null | undefined) {
  return ({ cookieName }: Pick<SessionProvider, "cookieName">): ShownSession | undefined => {
    // Whoever is no browser has no cookies: one that it sends was somebody's.
    const value = client.kind === "browser" ? readCookie(header, cookieName) : undefined;
    return value === undefined || value.length > bounds.session ? undefined : { token: new Secret(value), from: "cookie" };
  };
}
