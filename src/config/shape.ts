// The configuration's shape as plain data (JSON Schema of what may be written), for all that walks a file beside the schema.
// Reading values is not done here.

import { z } from "zod";
import { configurationSchema } from "./schema.ts";

export type Shape = z.core.JSONSchema.JSONSchema;

/** Made anew on each call, so that a caller may change it. What has several shapes, told apart by `kind`, is described by all their keys. */
export function inputShape(): Shape {
  return withAllKeys(z.toJSONSchema(configurationSchema, { io: "input", target: "draft-7" }));
}

/** A key that several shapes have is the same in all of them but for `kind`, whose values are gathered. `oneOf` stays. */
function withAllKeys(shape: Shape): Shape {
  const properties = Object.entries(shape.properties ?? {}).map(([key, inner]) => [key, withAllKeys(asShape(inner) ?? {})] as const);
  const entry = asShape(shape.additionalProperties);
  const item = asShape(shape.items);
  const walked: Shape = {
    ...shape,
    ...(shape.properties === undefined ? {} : { properties: Object.fromEntries(properties) }),
    ...(entry === undefined ? {} : { additionalProperties: withAllKeys(entry) }),
    ...(item === undefined ? {} : { items: withAllKeys(item) }),
  };
  if (shape.oneOf === undefined) return walked;
  const oneOf = shape.oneOf.map(withAllKeys);
  const kinds = oneOf.map((one) => childShape(one, "kind")).filter((one) => one !== undefined);
  const kind: Shape = {
    type: "string",
    enum: kinds.flatMap((one) => one.enum ?? []),
    description: kinds.map((one) => one.description ?? "").join(" "),
  };
  const all = Object.fromEntries(oneOf.toReversed().flatMap((one) => Object.entries(one.properties ?? {})));
  return { ...walked, type: "object", properties: { ...all, kind }, oneOf };
}

/** Of several shapes the one whose `kind` the value has; of one, that. */
export function shapeOf(shape: Shape, value: unknown): Shape {
  if (shape.oneOf === undefined || typeof value !== "object" || value === null || !("kind" in value)) return shape;
  const { kind } = value;
  return shape.oneOf.find((one) => childShape(one, "kind")?.enum?.some((known) => known === kind) === true) ?? shape;
}

export function isSecret(shape: Shape | undefined): boolean {
  return shape?.format === "password";
}

/** The shape under a key or list position; undefined: nothing is known there. */
export function childShape(shape: Shape | undefined, key: string | number): Shape | undefined {
  if (shape === undefined) return undefined;
  if (typeof key === "number") return asShape(shape.items);
  if (shape.properties !== undefined) return Object.hasOwn(shape.properties, key) ? asShape(shape.properties[key]) : undefined;
  return asShape(shape.additionalProperties);
}

export function shapeAt(shape: Shape, path: readonly (string | number)[]): Shape | undefined {
  return path.reduce<Shape | undefined>(childShape, shape);
}

function asShape(value: Shape["items"] | Shape["additionalProperties"] | Shape[]): Shape | undefined {
  return typeof value === "object" && !Array.isArray(value) ? value : undefined;
}

/** For each secret key `x` there is `x_file`. */
export function secretKeys(shape: Shape): readonly string[] {
  return Object.keys(shape.properties ?? {}).filter((key) => isSecret(childShape(shape, key)));
}
