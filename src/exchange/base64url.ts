// base64url with one spelling per value (RFC 4648 §3.5, §5): no padding, no other alphabet, no stray bits at the end.
// The runtime's own decoder takes all of these silently. What the bytes mean is the callers' business.

/** The bytes, or undefined unless `text` is exactly how they are written. No bytes at all are undefined too: nothing here is ever empty. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return text !== "" && bytes.toString("base64url") === text ? bytes : undefined;
}
