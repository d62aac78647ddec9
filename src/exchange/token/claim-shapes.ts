// The shapes in which claims come (RFC 7519 §2, §4.1). A wrong shape is told apart from an absent claim;
// what either means is decided by the rules of the token's kind.

import type { JsonValue } from "./strict-json.ts";

/** 9999-12-31T23:59:59Z: the last instant that a protobuf Timestamp can say. */
const lastInstant = 253_402_300_799;

/** Whole seconds since the epoch. Fractions and strings are not instants here. */
export function isInstant(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= lastInstant;
}

/** A string that says something. A lone surrogate has no UTF-8 form: two different names would leave here as one. */
export function isText(value: JsonValue | undefined): value is string {
  return typeof value === "string" && value !== "" && value.isWellFormed();
}

/** `aud`: one string or several (RFC 7519 §4.1.3). Absent: none. Undefined: another shape. */
export function readAudiences(aud: JsonValue | undefined): readonly string[] | undefined {
  if (aud === undefined) return [];
  const audiences: readonly JsonValue[] = Array.isArray(aud) ? aud : [aud];
  return audiences.every(isText) ? audiences : undefined;
}

/** A media type without `application/`, in lower case (RFC 7515 §4.1.9, RFC 2045 §5.1). */
export function plainMediaType(type: string): string {
  return type.toLowerCase().replace(/^application\//, "");
}
