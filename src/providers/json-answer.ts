// An HTTP answer as a JSON object, or nothing. Size and time were bounded in net/; what the members mean is read elsewhere.

/** Of several members of one name the last; where one reading only will do, exchange/token/strict-json.ts reads. */
export type JsonAnswer = Readonly<Record<string, unknown>>;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** RFC 6749 §5.1, RFC 7662 §2.2. */
export function isJsonLabelled(response: Response): boolean {
  const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
  return type.trim().toLowerCase() === "application/json";
}

/** Undefined: not UTF-8. */
export async function textOf(response: Response): Promise<string | undefined> {
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

function isObject(value: unknown): value is JsonAnswer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
