// What the texts that hold a password or a key have in common when they are taken apart: what is said of a mistake names no part of
// them, and what is percent-encoded is decoded or wrong.

export function mistake(advice: string) {
  return { kind: "mistake" as const, advice };
}

/** Undefined: it is not UTF-8, percent-encoded. */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
