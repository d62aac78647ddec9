// Whom a request is addressed to (RFC 9110 §7.2): present and possible, or the request is refused before anything looks at it.
// Libraries build a URL from it outside any try; one impossible value would end the process. Nothing is decided by its value.

import type { PortRequest } from "./one-port.ts";

/** The one that was found possible last: the same is asked for again and again, and to parse it takes longer than all the rest here. */
let possible: string | undefined;

/** Whether `Host` or `:authority` names a host, with a port at most. */
export function hasPossibleAuthority(req: PortRequest): boolean {
  const authority = "authority" in req ? req.authority : req.headers.host;
  if (typeof authority !== "string" || authority === "") return false;
  if (authority === possible) return true;
  // User information, a path or a query would make it another address than the one that it begins with.
  for (const mark of "@/\\?#") if (authority.includes(mark)) return false;
  if (!URL.canParse(`http://${authority}`)) return false;
  possible = authority;
  return true;
}
