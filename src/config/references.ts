// `${NAME}` and `${NAME:-default}` inside one text. It runs after parsing, so that no value can become YAML;
// what a variable holds is not looked at again, so that no value can become a reference.

/** A name; a default that holds neither `}` nor another reference. `$${` is a plain `${`. */
const reference = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:(?!\$\{)[^}])*))?\}|\$\{/g;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Resolved {
  readonly text: string;
  /** True: the text is one reference and nothing else, so that it may stand for a number or a boolean. */
  readonly whole: boolean;
  /** Variables that are not set (or empty: a forgotten value must not pass for one) and have no default. */
  readonly missing: readonly string[];
  /** True: `${` stands somewhere without a name and a closing brace. */
  readonly malformed: boolean;
}

export function resolveReferences(text: string, env: Environment): Resolved {
  const missing: string[] = [];
  let malformed = false;
  let whole = false;
  const resolved = text.replace(reference, (match: string, variable: string | undefined, fallback: string | undefined) => {
    if (match === "$${") return "${";
    if (variable === undefined) {
      malformed = true;
      return "";
    }
    whole = match.length === text.length;
    const value = Object.hasOwn(env, variable) ? env[variable] : undefined;
    if (value !== undefined && value !== "") return value;
    if (fallback === undefined) missing.push(variable);
    return fallback ?? "";
  });
  return { text: resolved, whole, missing, malformed };
}
