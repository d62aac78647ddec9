// What counts as this machine itself: where plain http leaks nothing, and where listening needs no TLS.
// Judged by the name alone; nothing is resolved. Which hosts a redirect URI may have is redirect-uri.ts.

/**
 * localhost, 127.0.0.0/8 and ::1. Not `*.localhost`: a resolver may ask the network about those (RFC 6761 §6.3 is not kept everywhere).
 * @param hostname as `URL.hostname` spells it (addresses are canonical there, IPv6 stands in brackets), or as one listens on it
 */
export function isLoopbackHost(hostname: string): boolean {
  return ["localhost", "::1", "[::1]"].includes(hostname) || /^127(\.[0-9]{1,3}){3}$/.test(hostname);
}
