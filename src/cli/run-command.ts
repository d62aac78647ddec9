// Words of the command line → one command → exit status: 0 done, 1 failed, 2 not understood.
// What a command does is elsewhere; `serve` is loaded only when it is asked for, as it brings the whole service along.

import { parseArgs } from "node:util";
import packageFile from "../../package.json" with { type: "json" };
import { jsonSchemaText } from "../config/json-schema.ts";
import { ConfigurationError } from "../config/mistakes.ts";
import { readConfiguration } from "../config/read-configuration.ts";
import type { Configuration } from "../config/schema.ts";

export interface Output {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

const defaultFile = "./cambio.yaml";

const usage = `Usage: cambio COMMAND

  serve [CONFIG]   run the service until SIGTERM or SIGINT
  check [CONFIG]   look for mistakes in a configuration; starts nothing and connects to nothing
  schema           print the JSON Schema of configurations, for editors
  help             print this; --version prints the version

CONFIG is a YAML file, ${defaultFile} by default. cambio.example.yaml is one to start from.
`;

export async function runCommand(words: readonly string[], output: Output): Promise<number> {
  const parsed = parse(words);
  if (parsed === undefined) return misunderstood(output);
  const { command, file, help, version } = parsed;
  if (version) {
    output.out(`cambio ${packageFile.version}\n`);
    return 0;
  }
  if (help || command === "help") {
    output.out(usage);
    return 0;
  }
  if (command === "check") return check(file ?? defaultFile, output);
  if (command === "serve") {
    const { runProcess } = await import("../main.ts");
    return runProcess(file ?? defaultFile);
  }
  if (command === "schema") {
    if (file !== undefined) return misunderstood(output);
    output.out(jsonSchemaText());
    return 0;
  }
  return misunderstood(output, command);
}

interface Words {
  readonly command: string | undefined;
  readonly file: string | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

function parse(words: readonly string[]): Words | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { help: { type: "boolean", short: "h", default: false }, version: { type: "boolean", default: false } },
    });
    const [command, file, ...more] = positionals;
    return more.length === 0 ? { command, file, ...values } : undefined;
  } catch {
    return undefined;
  }
}

/** @param unknown what stood where a command belongs. It may be a secret, or a terminal's control sequence: only a plain word is repeated. */
function misunderstood({ error }: Output, unknown?: string): number {
  if (unknown !== undefined) error(`unknown command${/^[a-z-]{1,20}$/.test(unknown) ? `: ${unknown}` : ""}\n`);
  error(usage);
  return 2;
}

function check(file: string, { out, error }: Output): number {
  try {
    out(`ok: ${summary(readConfiguration(file))}\n`);
    return 0;
  } catch (failure) {
    if (!(failure instanceof ConfigurationError)) throw failure;
    error(`${failure.message}\n`);
    return 1;
  }
}

function summary({ providers, audiences, clients, routes }: Configuration): string {
  return [count(providers, "provider"), count(audiences, "audience"), count(clients, "client"), count(routes.exchange, "route")].join(", ");
}

function count(things: object, thing: string): string {
  const number = Object.keys(things).length;
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
