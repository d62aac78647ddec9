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

/** What ends a number or true, false, null. */
const wordEnds = ' \t\n\r,:]}[{"';

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
  skipBlanks(cursor);
  if (cursor.at !== text.length) throw refusal();
  return value;
}

function readValue(cursor: Cursor, depth: number): JsonValue {
  skipBlanks(cursor);
  switch (cursor.text[cursor.at]) {
    case "{":
      return readObject(cursor, depth);
    case "[":
      return readArray(cursor, depth);
    case '"':
      return readString(cursor);
    default:
      return readBareWord(cursor);
  }
}

function readObject(cursor: Cursor, depth: number): JsonObject {
  enter(cursor, depth);
  const object: Record<string, JsonValue> = Object.create(null);
  if (takeMark(cursor, "}")) return object;
  do {
    skipBlanks(cursor);
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

/** Past an opening bracket. */
function enter(cursor: Cursor, depth: number): void {
  if (depth > cursor.maxDepth) throw refusal();
  cursor.at += 1;
}

/** Finds the end by hand: a pattern that is quick on good strings goes back and forth on unfinished ones. */
function readString(cursor: Cursor): string {
  const { text, at: start } = cursor;
  if (text[start] !== '"') throw refusal();
  let end = start + 1;
  for (; text[end] !== '"'; end += 1) {
    if (end >= text.length) throw refusal();
    if (text[end] === "\\") end += 1;
  }
  cursor.at = end + 1;
  const value = parseScalar(text.slice(start, end + 1));
  if (typeof value !== "string") throw refusal();
  return value;
}

/** A number or true, false, null: whatever stands before the next mark or blank. */
function readBareWord(cursor: Cursor): JsonValue {
  const { text, at: start } = cursor;
  while (cursor.at < text.length && !wordEnds.includes(text.charAt(cursor.at))) cursor.at += 1;
  return parseScalar(text.slice(start, cursor.at));
}

/** A value without parts has one reading, so JSON.parse decides whether it is one. */
function parseScalar(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    throw refusal();
  }
}

function skipBlanks(cursor: Cursor): void {
  while (isBlank(cursor.text[cursor.at])) cursor.at += 1;
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\n" || character === "\r" || character === "\t";
}

function takeMark(cursor: Cursor, mark: string): boolean {
  skipBlanks(cursor);
  if (cursor.text[cursor.at] !== mark) return false;
  cursor.at += 1;
  return true;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refusal(): SyntaxError {
  return new SyntaxError("not strict JSON");
}
