// The body of a request to a strict fake provider, form or JSON, and everything that a careful reader objects to in it.

import type { UpstreamCall } from "./fake-upstream-server.ts";

export interface BodyRule {
  readonly format: "form" | "json";
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

const types = {
  form: /^application\/x-www-form-urlencoded(; ?charset=utf-8)?$/i,
  json: /^application\/json(; ?charset=utf-8)?$/i,
};

/** @returns undefined where it is neither a form nor a JSON object */
export function parsedBody(text: string, contentType = ""): Readonly<Record<string, unknown>> | undefined {
  if (types.form.test(contentType)) return Object.fromEntries(new URLSearchParams(text));
  if (!types.json.test(contentType)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Says names, never values. */
export function objectionsTo(call: UpstreamCall, rule: BodyRule): string[] {
  const { headers } = call;
  const found: string[] = [];
  if (call.method !== "POST") found.push(`method ${call.method}`);
  if (call.query.size > 0) found.push("parameters in the address");
  const accept = headers.accept ?? "*/*";
  if (!accept.includes("application/json") && !accept.includes("*/*")) found.push("does not accept JSON");
  if (!types[rule.format].test(headers["content-type"] ?? "")) return [...found, `content-type ${headers["content-type"]}`];
  if (call.body === undefined) return [...found, "a body that is no JSON object"];
  return [...found, ...objectionsToNames(call, rule), ...objectionsToValues(call.body, rule)];
}

function objectionsToNames({ text }: UpstreamCall, rule: BodyRule): string[] {
  const names = rule.format === "form" ? [...new URLSearchParams(text).keys()] : memberNames(text);
  const unknown = new Set(names.filter((name) => !rule.required.includes(name) && !rule.optional.includes(name)));
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...[...unknown].map((name) => `unknown parameter ${name}`), ...[...repeated].map((name) => `repeated parameter ${name}`)];
}

function objectionsToValues(body: Readonly<Record<string, unknown>>, rule: BodyRule): string[] {
  return [
    ...rule.required.filter((name) => !Object.hasOwn(body, name)).map((name) => `missing parameter ${name}`),
    ...Object.keys(body)
      .filter((name) => body[name] === "")
      .map((name) => `empty parameter ${name}`),
    ...Object.keys(body)
      .filter((name) => typeof body[name] !== "string")
      .map((name) => `parameter ${name} is no string`),
  ];
}

/** Of an object of strings, as they are written: a parser keeps only the last of two. */
function memberNames(json: string): string[] {
  return [...json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g)]
    .filter((match) => match[2] !== undefined)
    .map((match) => String(JSON.parse(match[1] ?? "")));
}
