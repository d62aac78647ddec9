// What an address may be, judged by its text alone. Nothing is resolved or fetched.

/** localhost, 127.0.0.0/8 and ::1: what is sent there does not leave the machine. Numeric forms are normalised by URL. */
export function isLoopback(address: URL): boolean {
  return address.hostname === "localhost" || address.hostname === "[::1]" || /^127(\.[0-9]{1,3}){3}$/.test(address.hostname);
}

export function isHttpsOrLoopback(text: string): boolean {
  const address = URL.parse(text);
  return address !== null && (address.protocol === "https:" || (address.protocol === "http:" && isLoopback(address)));
}

/** A scheme after a domain name, such as `com.example.app:` (RFC 8252 §7.1). The dot keeps `javascript:` and `data:` out. */
export function isPrivateUse(text: string): boolean {
  return /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/i.test(text);
}
