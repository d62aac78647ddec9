// `cambio audit`: verify, show, key. Words of the command line → what to look for → exit status: 0 intact or found, 1 not, 2 not
// understood or not readable. What intact means is audit/verify.ts.

import { access } from "node:fs/promises";
import { parseArgs } from "node:util";
import { asciiText } from "../audit/ascii-json.ts";
import { pieces, readSideFile } from "../audit/disk.ts";
import type { Finding, Report } from "../audit/findings.ts";
import { showRecords } from "../audit/show.ts";
import { createSignatureCheck, createSigningKey } from "../audit/signing-key.ts";
import { verifyTrail } from "../audit/verify.ts";
import type { TrailReader } from "../audit/verify-file.ts";
import { workerTrails } from "../audit/worker-trails.ts";
import { ConfigurationError } from "../config/mistakes.ts";
import { readConfiguration } from "../config/read-configuration.ts";
import type { Output } from "./output.ts";

const auditUsage = `Usage: cambio audit COMMAND

  verify FILE...   look for records that are missing, changed, out of place or not signed; files in the order of their records
    --config CONFIG      signatures must be those of a sealing key of this configuration
    --public-key KEY     or of this key, as \`cambio audit key\` prints it; may be repeated
    --live               the last file is being written: its last lines are not judged
    --workers            the files are those of several workers, FILE.1, FILE.2 and so on, in any order: a trail for each
  show FILE...     print the records of one request, caller or kind
    --request ID  --caller CLIENT  --kind KIND
  key CONFIG       print the public keys of a configuration: id and key, the one that signs first

Without --config or --public-key, verify proves only that the files agree with themselves: whoever can write them can
write all of them anew. In a shell, FILE.*.jsonl FILE names the files of one trail in their order. Workers have a trail each: their
files are audit.1.jsonl, audit.2.jsonl and so on where audit.file is audit.jsonl.
`;

/** Keys that are believed, files and requests of one command: more words are a mistake. */
const maxWords = 10_000;
const done = 0;
const notSo = 1;
const misunderstood = 2;

/** A file that was asked for, or one beside it. */
class UnreadableFile extends Error {
  override readonly name = "UnreadableFile";
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces(path);
  } catch (failure) {
    throw unreadable(path, failure);
  }
}

const reader: TrailReader = {
  pieces: piecesOf,
  sideFile: (path) =>
    readSideFile(path).catch((failure: unknown) => {
      throw unreadable(path, failure);
    }),
  exists: (path) =>
    access(path).then(
      () => true,
      () => false,
    ),
};

export async function auditCommand(words: readonly string[], output: Output): Promise<number> {
  const asked = parse(words);
  if (asked === undefined) {
    output.error(auditUsage);
    return misunderstood;
  }
  const { command, files, values } = asked;
  try {
    if (values.help) {
      output.out(auditUsage);
      return done;
    }
    if (command === "key" && files.length === 1 && !hasOptions(values)) return printKeys(files[0] ?? "", output);
    if (command === "verify" && files.length > 0) return await verify(files, values, output);
    if (command === "show" && files.length > 0) return await show(files, values, output);
  } catch (failure) {
    if (!(failure instanceof ConfigurationError) && !(failure instanceof UnreadableFile)) throw failure;
    output.error(`${failure.message}\n`);
    return misunderstood;
  }
  output.error(auditUsage);
  return misunderstood;
}

interface Values {
  readonly config?: string | undefined;
  readonly "public-key"?: readonly string[] | undefined;
  readonly live: boolean;
  readonly workers: boolean;
  readonly request?: string | undefined;
  readonly caller?: string | undefined;
  readonly kind?: string | undefined;
  readonly help: boolean;
}

function parse(words: readonly string[]): { command: string | undefined; files: readonly string[]; values: Values } | undefined {
  if (words.length > maxWords) return undefined;
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        config: { type: "string" },
        "public-key": { type: "string", multiple: true },
        live: { type: "boolean", default: false },
        workers: { type: "boolean", default: false },
        request: { type: "string" },
        caller: { type: "string" },
        kind: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const [command, ...files] = positionals;
    return { command, files, values };
  } catch {
    return undefined;
  }
}

/** What a command does not know is not passed over: it may have been meant to forbid something. */
function hasOptions({ config, "public-key": publicKey, live, workers, request, caller, kind }: Partial<Values>): boolean {
  return live === true || workers === true || [config, publicKey, request, caller, kind].some((value) => value !== undefined);
}

async function verify(files: readonly string[], values: Values, { out, error }: Output): Promise<number> {
  const { config, "public-key": publicKeys = [], live, workers, help: _, ...others } = values;
  if (hasOptions(others)) {
    error(auditUsage);
    return misunderstood;
  }
  if (publicKeys.some((key) => createSignatureCheck(key) === undefined)) {
    error("--public-key is no public key: 43 characters of base64url, as `cambio audit key` prints them\n");
    return misunderstood;
  }
  const known = [...publicKeys, ...(config === undefined ? [] : keysOf(config).map(({ publicKey }) => publicKey))];
  if (config !== undefined && known.length === 0) {
    error(`${config}: no sealing keys, so nothing signed the trail that could be checked\n`);
    return misunderstood;
  }
  const trails = workers ? trailsOfWorkers(files) : { each: [{ name: "", files }], missing: [] };
  const chains = new Map<string, string>();
  let intact = trails.missing.length === 0;
  for (const { name, files: ofTrail } of trails.each) {
    const report = await verifyTrail({ files: ofTrail, trusted: known.length === 0 ? undefined : new Set(known), live }, reader);
    for (const note of report.notes) out(`note: ${note}\n`);
    for (const finding of report.findings) out(`${findingText(finding)}\n`);
    out(`${name}${summary(report, ofTrail.length)}\n`);
    intact &&= report.intact;
    const twin = chains.get(report.chain ?? "");
    // A copy of another worker's files is intact, and hides that this one's are gone.
    if (twin !== undefined) out(`NOT INTACT: ${name}holds the same trail as ${twin}\n`);
    intact &&= twin === undefined;
    if (report.chain !== undefined) chains.set(report.chain, asciiText(ofTrail.at(-1) ?? ""));
  }
  for (const path of trails.missing) out(`NOT INTACT: ${asciiText(path)} is missing, and workers of higher numbers have written\n`);
  if (known.length === 0) out("The keys were taken from the files themselves: this proves only that they agree with themselves.\n");
  return intact ? done : notSo;
}

/** @throws UnreadableFile where a name says of no worker whose file it is */
function trailsOfWorkers(files: readonly string[]) {
  const { trails, missing, strange } = workerTrails(files);
  const [none] = strange;
  if (none !== undefined) throw new UnreadableFile(`${asciiText(none)} has no number of a worker in its name: verify it without --workers`);
  return { each: trails.map(({ path, files: ofTrail }) => ({ name: `${asciiText(path)}: `, files: ofTrail })), missing };
}

function findingText({ file, line, problem }: Finding): string {
  return `${file}${line === undefined ? "" : ` line ${line}`}: ${problem}`;
}

function summary({ intact, records, first, last, findings }: Report, files: number): string {
  const range = first === undefined || last === undefined ? "" : ` (${first} to ${last})`;
  const counted = `${records} ${records === 1 ? "record" : "records"}${range} in ${files} ${files === 1 ? "file" : "files"}`;
  return intact ? `intact: ${counted}` : `NOT INTACT: ${findings.length} found in ${counted}`;
}

async function show(files: readonly string[], { request, caller, kind, ...others }: Values, { out, error }: Output): Promise<number> {
  if (hasOptions(others) || !hasOptions({ request, caller, kind })) {
    error(auditUsage);
    return misunderstood;
  }
  let found = 0;
  for (const file of files) {
    const shown = await showRecords({ file, wanted: { request, caller, kind }, print: out }, piecesOf);
    found += shown.found;
    if (shown.damaged > 0) error(`${asciiText(file)}: ${damagedText(shown.damaged)}; see cambio audit verify\n`);
  }
  if (found === 0) error("no such record\n");
  return found === 0 ? notSo : done;
}

function damagedText(count: number): string {
  return count === 1 ? "1 line is no record as it was written" : `${count} lines are no records as they were written`;
}

function printKeys(config: string, { out, error }: Output): number {
  const keys = keysOf(config);
  for (const { id, publicKey } of keys) out(`${id} ${publicKey}\n`);
  if (keys.length === 0) error(`${config}: no sealing keys; each process then signs with a key of its own\n`);
  return keys.length === 0 ? notSo : done;
}

function keysOf(config: string) {
  return (readConfiguration(config).sealing?.keys ?? []).map(createSigningKey);
}

/** What has no system's code is a mistake of ours, and stays what it is. */
function unreadable(path: string, failure: unknown): unknown {
  const code = failure instanceof Error && "code" in failure ? failure.code : undefined;
  return typeof code === "string" ? new UnreadableFile(`${asciiText(path)} cannot be read: ${code}`) : failure;
}
