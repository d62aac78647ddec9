// What the schema found → mistakes in our words. The schema library's sentences are used only where they are ours (fields.ts).

import type { z } from "zod";
import { isMap } from "./expand.ts";
import type { Path, Report } from "./mistakes.ts";
import { secretKeys, shapeAt, shapeOf } from "./shape.ts";
import type { Shape } from "./shape.ts";

type Issue = z.core.$ZodIssue;

const kinds: Readonly<Record<string, string>> = {
  string: "a text; put numbers and words like true in quotes",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a map of keys",
  record: "a map of names",
  array: "a list",
};

export function reportIssue(issue: Issue, context: { value: unknown; shape: Shape; report: Report }): void {
  const path = issue.path.filter((part) => typeof part !== "symbol");
  const described = shapeAt(context.shape, path)?.description ?? "";
  const hint = (advice: string) => [advice, described].filter((part) => part !== "").join(" ");
  switch (issue.code) {
    case "unrecognized_keys":
      for (const key of issue.keys) reportUnknownKey([...path, key], context);
      return;
    case "invalid_type":
      if (valueAt(context.value, path) === undefined) return context.report(path, "is missing", hint("Add it."));
      return context.report(path, "is of the wrong type", hint(`Write ${kinds[issue.expected] ?? issue.expected}.`));
    case "invalid_union":
      // By its `kind` it is none of several shapes; of other unions there is nothing to tell.
      if (issue.discriminator === undefined) return context.report(path, "is not valid", hint("Write another value."));
      if (valueAt(context.value, path) === undefined) return context.report(path, "is missing", hint("Add it."));
      return context.report(path, "is not one of the possible values", hint(`Write one of ${choices(context.shape, path)}.`));
    case "invalid_value":
      return context.report(path, "is not one of the possible values", hint(`Write one of ${issue.values.map(String).join(", ")}.`));
    case "invalid_key":
      return context.report(path, "is not a possible name", sentence(issue.issues[0]?.message ?? "choose another one"));
    case "too_small":
    case "too_big":
      return context.report(path, `is too ${size(issue)}`, hint(`Allowed: ${bound(issue)}.`));
    case "invalid_format":
    case "custom":
      return context.report(path, "is not written as it must be", hint(sentence(issue.message)));
    default:
      return context.report(path, "is not valid", hint("Write another value."));
  }
}

function choices(shape: Shape, path: Path): string {
  return (shapeAt(shape, path)?.enum ?? []).map(String).join(", ");
}

function reportUnknownKey(path: Path, { value, shape, report }: { value: unknown; shape: Shape; report: Report }): void {
  const described = shapeAt(shape, path.slice(0, -1));
  const parent = described === undefined ? undefined : shapeOf(described, valueAt(value, path.slice(0, -1)));
  const known = [...Object.keys(parent?.properties ?? {}), ...(parent === undefined ? [] : secretKeys(parent).map((key) => `${key}_file`))];
  // A forgotten colon or brace can make a key of a secret: what does not look like one of our keys is not shown.
  const last = String(path.at(-1));
  const shown = /^[a-z][a-z_]{0,39}$/.test(last) ? path : path.slice(0, -1);
  report(shown, shown === path ? "is not a known key" : "has a key that is not known", `Remove it, or write one of ${known.join(", ")}.`);
}

type SizeIssue = z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig;

function size({ code, origin }: SizeIssue): string {
  if (origin === "string" || origin === "array") return code === "too_small" ? "short" : "long";
  return code === "too_small" ? "small" : "large";
}

function bound(issue: SizeIssue): string {
  const unit = { string: " characters", array: " entries" }[issue.origin as string] ?? "";
  return issue.code === "too_small" ? `${issue.minimum}${unit} or more` : `${issue.maximum}${unit} at most`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner)) return inner[Number(key)];
    return isMap(inner) ? inner[key] : undefined;
  }, value);
}
