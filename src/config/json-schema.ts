// The JSON Schema that editors check a configuration file with: the shape of shape.ts, and beside it the forms that
// the environment and files bring: `${NAME}` wherever a text is not free anyway, `x_file` for a secret `x`.

import { childShape, inputShape, isSecret, secretKeys } from "./shape.ts";
import type { Shape } from "./shape.ts";

const reference: Shape = { $ref: "#/definitions/reference" };

export function jsonSchema(): Shape {
  const { $schema, ...shape } = inputShape();
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: "Cambio configuration",
    definitions: {
      reference: {
        type: "string",
        pattern: "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}",
        description: "A text with ${NAME} or ${NAME:-default} from the environment.",
      },
    },
    ...accepting(shape),
  };
}

/** As it is committed and served: cambio.schema.json. */
export function jsonSchemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}

function accepting(shape: Shape): Shape {
  if (shape.oneOf !== undefined) return acceptingAny(shape, shape.oneOf);
  if (shape.type === "object") return acceptingMap(shape);
  if (shape.type === "array") {
    const item = childShape(shape, 0);
    return item === undefined ? shape : { ...shape, items: isSecret(item) ? secretOrFile(item) : accepting(item) };
  }
  return acceptingReference(shape);
}

/** As `anyOf`: a reference in place of `kind` may stand for each of them. */
function acceptingAny({ description }: Shape, shapes: readonly Shape[]): Shape {
  return { ...(description === undefined ? {} : { description }), anyOf: shapes.map(accepting) };
}

function acceptingMap(shape: Shape): Shape {
  const entry = shape.additionalProperties;
  if (shape.properties === undefined) return typeof entry === "object" ? { ...shape, additionalProperties: accepting(entry) } : shape;
  const properties: Record<string, Shape> = {};
  for (const key of Object.keys(shape.properties)) properties[key] = accepting(childShape(shape, key) ?? {});
  const secrets = secretKeys(shape);
  for (const key of secrets)
    properties[`${key}_file`] = { type: "string", minLength: 1, description: `File that holds ${key} and nothing else.` };

  const neededSecrets = secrets.filter((key) => shape.required?.includes(key));
  const required = (shape.required ?? []).filter((key) => !neededSecrets.includes(key));
  const either = neededSecrets.map((key): Shape => ({ oneOf: [holding(key), holding(`${key}_file`)] }));
  const { required: _before, ...rest } = shape;
  return { ...rest, properties, ...(required.length > 0 ? { required } : {}), ...(either.length > 0 ? { allOf: either } : {}) };
}

function holding(key: string): Shape {
  return { type: "object", properties: { [key]: { type: "string" } }, required: [key] };
}

function acceptingReference(shape: Shape): Shape {
  const { description, default: fallback, ...rule } = shape;
  const free =
    shape.type === "string" && shape.enum === undefined && shape.pattern === undefined && (shape.format === undefined || isSecret(shape));
  if (free) return shape;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rule, reference],
  };
}

function secretOrFile(item: Shape): Shape {
  const file: Shape = { type: "string", minLength: 1, description: "File that holds the secret and nothing else." };
  return { anyOf: [item, { type: "object", properties: { file }, required: ["file"], additionalProperties: false }] };
}
