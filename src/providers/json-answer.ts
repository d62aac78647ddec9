// An HTTP answer as JSON, or nothing. Size and time were bounded in net/; what the members mean is read elsewhere.

import { type JsonLimits, type JsonValue, parseStrictJson } from "../exchange/token/strict-json.ts";

/** Of several members of one name the last; where one reading only will do, `readStrictJson` reads. */
export type JsonAnswer = Readonly<Record<string, unknown>>;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** RFC 6749 §5.1, RFC 7662 §2.2. */
function isJsonLabelled(response: Response): boolean {
  const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
  return type.trim().toLowerCase() === "application/json";
}

/** Undefined: not UTF-8. */
async function textOf(response: Response): Promise<string | undefined> {
  try {
    return strictUtf8.decode(await response.arrayBuffer());
  } catch {
    return undefined;
  }
}

/** Undefined: not labelled as JSON, not UTF-8, not JSON, or not an object. */
export async function readJsonAnswer(response: Response): Promise<JsonAnswer | undefined> {
  return isJsonLabelled(response) ? readJsonObject(response) : undefined;
}

/** As `readJsonAnswer`, whatever its label: key sets are often plain files. */
export async function readJsonObject(response: Response): Promise<JsonAnswer | undefined> {
  try {
    const value: unknown = JSON.parse((await textOf(response)) ?? "");
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * With one reading only: two readings of one answer could be about two users.
 * @param limits `maxLength` in characters
 * @returns undefined: as for `readJsonAnswer`, or beyond the limits, or a member's name repeats
 */
export async function readStrictJson(
  response: Response,
  limits: JsonLimits & { readonly maxLength: number },
): Promise<JsonValue | undefined> {
  const text = isJsonLabelled(response) ? await textOf(response) : undefined;
  if (text === undefined || text.length > limits.maxLength) return undefined;
  try {
    return parseStrictJson(text, limits);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is JsonAnswer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
