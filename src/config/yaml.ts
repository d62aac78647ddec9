// YAML text → plain value, and where in the text a path stands. What the value must be is not known here.
// The parser's own sentences quote the text, which holds secrets: each error gets a fixed sentence by its code.

import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Document, ErrorCode, Node } from "yaml";
import type { Path } from "./mistakes.ts";

/** Enough for shared lists of scopes; too few to blow a small file up. */
const maxAliases = 32;
/** One slip in indentation can make hundreds of errors; the first ones show it. */
const maxSyntaxErrors = 10;

const sentences: Partial<Record<ErrorCode, readonly [problem: string, fix: string]>> = {
  DUPLICATE_KEY: ["a key stands twice in the same map", "Keep one of them."],
  TAG_RESOLVE_FAILED: ["a YAML tag is not supported", "Remove it; put a text that starts with ! in quotes."],
  TAB_AS_INDENT: ["a tab is used for indentation", "Indent with spaces."],
  BAD_INDENT: ["the indentation does not fit", "Align it with its neighbours."],
  MULTIPLE_DOCS: ["there is more than one YAML document", "Keep one; remove the line ---."],
  BAD_SCALAR_START: ["a text starts with a character that YAML reserves", "Put it in quotes."],
  BAD_DQ_ESCAPE: ["an escape in double quotes is not known", "Use single quotes, or double the backslash."],
  RESOURCE_EXHAUSTION: ["the nesting is too deep", "Flatten it."],
  NON_STRING_KEY: ["a key is not a text", "Write keys as plain words."],
};

export interface YamlDocument {
  /** Undefined: it could not be read; what is wrong has been reported. */
  readonly value: unknown;
  /** Line of the deepest part of the path that stands in the text. */
  readonly lineOf: (path: Path) => number | undefined;
}

/** `report` takes the line beside a mistake, as syntax errors have no path. */
export function readYaml(text: string, report: (line: number, problem: string, fix: string) => void): YamlDocument {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    schema: "core",
    resolveKnownTags: false,
    merge: false,
  });
  const line = (offset: number) => lineCounter.linePos(offset).line;
  const lineOf = (path: Path) => locate(document, path, line);

  const found = [...document.errors, ...document.warnings].map((error) => ({ offset: error.pos[0], sentence: sentences[error.code] }));
  if (found.length === 0) found.push(...wrongAliases(document));
  for (const { offset, sentence } of found.slice(0, maxSyntaxErrors)) {
    const [problem, fix] = sentence ?? [
      "this is not valid YAML",
      "Look for a missing quote, colon, bracket or space; put texts with special characters in quotes.",
    ];
    report(line(offset), problem, fix);
  }
  if (found.length > 0) return { value: undefined, lineOf };
  try {
    return { value: document.toJS({ maxAliasCount: maxAliases }), lineOf };
  } catch {
    // Few aliases, but of each other: what they stand for grows by powers.
    report(1, "its aliases stand for too much", "Write the values out.");
    return { value: undefined, lineOf };
  }
}

function wrongAliases(document: Document.Parsed) {
  const found: { offset: number; sentence: readonly [string, string] }[] = [];
  let count = 0;
  visit(document, {
    Alias: (_key, alias) => {
      count += 1;
      const offset = alias.range?.[0] ?? 0;
      if (count > maxAliases) {
        found.push({ offset, sentence: [`there are more than ${maxAliases} aliases`, "Write the values out."] });
        return visit.BREAK;
      }
      if (alias.resolve(document) === undefined) {
        found.push({ offset, sentence: ["an alias has no anchor before it", "Put a text that starts with * in quotes."] });
      }
      return undefined;
    },
  });
  return found;
}

function locate(document: Document.Parsed, path: Path, line: (offset: number) => number): number | undefined {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0];
  for (const part of path) {
    const container: unknown = isAlias(node) ? node.resolve(document) : node;
    let next: unknown;
    if (isMap(container)) {
      const pair = container.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (pair === undefined) break;
      offset = (isNode(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
      next = pair.value;
    } else if (isSeq(container) && typeof part === "number") {
      next = container.items[part];
      offset = (isNode(next) ? next.range?.[0] : undefined) ?? offset;
    }
    if (!isNode(next)) break;
    node = next;
  }
  return offset === undefined ? undefined : line(offset);
}
