// The configuration's shape as plain data (JSON Schema of what may be written), for all that walks a file beside the schema.
// Reading values is not done here.

import { z } from "zod";
import { configurationSchema } from "./schema.ts";

export type Shape = z.core.JSONSchema.JSONSchema;

/** Made anew on each call, so that a caller may change it. */
export function inputShape(): Shape {
  return z.toJSONSchema(configurationSchema, { io: "input", target: "draft-7" });
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
