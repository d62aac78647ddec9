// Reads bodies of answers. Those of the exchange and of failures are bounded: a page must not fill its memory with an error.

/** Bytes. A token has at most 16 KiB; what explains a failure has less. */
const maxBytes = 65_536;

/** The text; undefined: there is more of it than is read. */
export async function readBounded(response: Response): Promise<string | undefined> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      // Not waited for: who sent too much need not agree to stop.
      reader.cancel().catch(() => undefined);
      return undefined;
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** The value, or undefined where the text is no JSON. */
export function parseJson(text: string | undefined): unknown {
  if (text === undefined || text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a failure says: JSON as a value, other text as it is. */
export async function readFailure(response: Response): Promise<unknown> {
  const text = await readBounded(response);
  return text === "" ? undefined : (parseJson(text) ?? text);
}

/** A member of something that was parsed. */
export function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}
