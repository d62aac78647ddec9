// Whether a header was sent more than once, read from the headers as they came: Node joins some, and keeps the first of others
// silently. Which of two a proxy in front has looked at is unknown.

export function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  let seen = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i];
    if (header === undefined || header.length !== name.length || header.toLowerCase() !== name) continue;
    if (seen) return true;
    seen = true;
  }
  return false;
}

export function hasRepeatedAuthorization(rawHeaders: readonly string[]): boolean {
  return isRepeated(rawHeaders, "authorization");
}
