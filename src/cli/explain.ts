// `cambio explain`: how a call would be decided, and by which rules. This is the command: words, files, exit status. The steps
// are explained-call.ts and explained-token.ts.

import { readProblem } from "../config/expand.ts";
import { ConfigurationError } from "../config/mistakes.ts";
import { readConfiguration, readFile } from "../config/read-configuration.ts";
import type { Clock } from "../exchange/ports.ts";
import { maxJsonDepth } from "../exchange/token/compact.ts";
import { isJsonObject, type JsonObject, parseStrictJson } from "../exchange/token/strict-json.ts";
import { createSheet, meaningOf } from "./explain-sheet.ts";
import type { Output } from "./output.ts";
import { explainUsage, readWords } from "./explain-words.ts";
import { explainCall } from "./explained-call.ts";

export interface ExplainTerminal extends Output {
  /** Standard input, for `--claims -`. */
  readonly input: AsyncIterable<Uint8Array>;
  readonly clock: Clock;
}

/** The payload of the largest token that is taken has 12 KiB; the rest is room for how people lay out JSON. */
const maxClaimsBytes = 65_536;

/**
 * @param words behind `explain`
 * @returns exit status: 0 allowed, 1 refused, 2 not understood
 */
export async function explainCommand(words: readonly string[], terminal: ExplainTerminal): Promise<number> {
  const { out, error, input, clock } = terminal;
  const misunderstood = (text: string) => {
    error(`${text}\n`);
    return 2;
  };
  const asked = readWords(words);
  if (asked === "help") {
    out(explainUsage);
    return 0;
  }
  if ("problem" in asked) return misunderstood(`${asked.problem}\n\n${explainUsage}`);
  try {
    const configuration = readConfiguration(asked.file);
    const claimsIn = async (file: string | undefined) => (file === undefined ? undefined : readClaims(await textOf(file, input)));
    const claims = await claimsIn(asked.claimsFile);
    const actor = await claimsIn(asked.actorFile);
    const reason = explainCall(configuration, { ...asked, claims, actor, nowMs: asked.nowMs ?? clock() }, createSheet(out));
    out(reason === undefined ? "\nallowed\n" : `\nrefused: ${reason}\n${meaningOf(reason)}\n`);
    return reason === undefined ? 0 : 1;
  } catch (failure) {
    if (failure instanceof ConfigurationError || failure instanceof ClaimsProblem) return misunderstood(failure.message);
    throw failure;
  }
}

/** Its message quotes nothing of the claims. */
class ClaimsProblem extends Error {
  override readonly name = "ClaimsProblem";
}

async function textOf(file: string, input: AsyncIterable<Uint8Array>): Promise<string> {
  try {
    return file === "-" ? await textFrom(input) : readFile(file, maxClaimsBytes);
  } catch (failure) {
    throw new ClaimsProblem(`the claims cannot be read: the file ${readProblem(failure)}`);
  }
}

async function textFrom(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    length += chunk.length;
    if (length > maxClaimsBytes) throw Object.assign(new Error("input too long"), { code: "EFBIG" });
    chunks.push(chunk);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
}

function readClaims(text: string): JsonObject {
  // The mistake that everybody makes once; whoever makes it must not find a token of theirs in a message.
  if (/^\s*[\w-]+\.[\w-]+\.[\w-]*\s*$/.test(text)) {
    throw new ClaimsProblem("this is a whole token; the claims are its part between the dots, decoded");
  }
  try {
    const value = parseStrictJson(text, { maxDepth: maxJsonDepth });
    if (isJsonObject(value)) return value;
  } catch {
    // The parser says no more than the sentence below.
  }
  throw new ClaimsProblem("the claims are not one JSON object, each member once, as in a token's payload");
}
