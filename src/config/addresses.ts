// What an address may be, judged by its text alone. Nothing is resolved or fetched.

import { isLoopbackHost } from "../exchange/loopback.ts";

export function isHttpsOrLoopback(text: string): boolean {
  const address = URL.parse(text);
  return address !== null && (address.protocol === "https:" || (address.protocol === "http:" && isLoopbackHost(address.hostname)));
}

/** Where a native client may listen for its answer (RFC 8252 §7.3, §8.3), spelled as requests are compared with it: byte for byte. */
export function isNativeLoopback(text: string): boolean {
  return /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(:[0-9]{1,5})?(\/|$)/.test(text);
}

export function isHttps(text: string): boolean {
  return URL.parse(text)?.protocol === "https:";
}

/** A scheme after a domain name, such as `com.example.app:` (RFC 8252 §7.1). The dot keeps `javascript:` and `data:` out. */
export function isPrivateUse(text: string): boolean {
  return /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/i.test(text);
}
