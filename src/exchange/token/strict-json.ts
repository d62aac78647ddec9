// JSON with one reading only (RFC 8725 §2.4, RFC 8259 §4): a repeated member name or deep nesting is refused, where other
// parsers keep the first or the last one. What the values mean is not known here.

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** Without a prototype: an absent member is undefined, whatever its name. */
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined;
}

export interface JsonLimits {
  /** Arrays and objects inside one another, the outermost included. */
  readonly maxDepth: number;
}

const blank = /[ \t\n\r]*/y;
const numberText = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** Each character fits one branch only, so that no text is looked at twice. JSON.parse then judges the escapes. */
const quotedText = /"(?:[^"\\\x00-\x1f]+|\\.)*"/y;
const literalText = /true|false|null/y;

/** The reading position in one text. */
interface Cursor {
  readonly text: string;
  readonly maxDepth: number;
  at: number;
}

/**
 * Reads what JSON.parse reads, in linear time, unless a member name repeats (after unescaping) or nesting passes the limit.
 * @throws SyntaxError with a fixed message: JSON.parse's own would quote the text
 */
export function parseStrictJson(text: string, limits: JsonLimits): JsonValue {
  const cursor: Cursor = { text, maxDepth: limits.maxDepth, at: 0 };
  const value = readValue(cursor, 1);
  take(cursor, blank);
  if (cursor.at !== text.length) throw refusal();
  return value;
}

function readValue(cursor: Cursor, depth: number): JsonValue {
  take(cursor, blank);
  switch (cursor.text[cursor.at]) {
    case "{":
      return readObject(cursor, depth);
    case "[":
      return readArray(cursor, depth);
    case '"':
      return readString(cursor);
    case "t":
    case "f":
    case "n":
      return JSON.parse(required(take(cursor, literalText))) as boolean | null;
    default:
      return Number(required(take(cursor, numberText)));
  }
}

function readObject(cursor: Cursor, depth: number): JsonObject {
  enter(cursor, depth);
  const object = Object.create(null) as Record<string, JsonValue>;
  if (takeMark(cursor, "}")) return object;
  do {
    take(cursor, blank);
    const name = readString(cursor);
    if (name in object) throw refusal();
    if (!takeMark(cursor, ":")) throw refusal();
    object[name] = readValue(cursor, depth + 1);
  } while (takeMark(cursor, ","));
  if (!takeMark(cursor, "}")) throw refusal();
  return object;
}

function readArray(cursor: Cursor, depth: number): JsonValue[] {
  enter(cursor, depth);
  const array: JsonValue[] = [];
  if (takeMark(cursor, "]")) return array;
  do {
    array.push(readValue(cursor, depth + 1));
  } while (takeMark(cursor, ","));
  if (!takeMark(cursor, "]")) throw refusal();
  return array;
}

function readString(cursor: Cursor): string {
  const quoted = required(take(cursor, quotedText));
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw refusal();
  }
}

/** Past an opening bracket. */
function enter(cursor: Cursor, depth: number): void {
  if (depth > cursor.maxDepth) throw refusal();
  cursor.at += 1;
}

/** Takes what the sticky pattern finds at the cursor. */
function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text)?.[0];
  cursor.at += found?.length ?? 0;
  return found;
}

function takeMark(cursor: Cursor, mark: string): boolean {
  take(cursor, blank);
  if (cursor.text[cursor.at] !== mark) return false;
  cursor.at += 1;
  return true;
}

function required(found: string | undefined): string {
  if (found === undefined) throw refusal();
  return found;
}

function refusal(): SyntaxError {
  return new SyntaxError("not strict JSON");
}
