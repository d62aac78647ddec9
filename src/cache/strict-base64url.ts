// base64url with one spelling per value (RFC 4648 §3.5, §5): no padding, no other alphabet, no stray bits at the end.
// Node's own decoder takes all of these silently.

/** The bytes, or undefined unless `text` is exactly how they are written. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
