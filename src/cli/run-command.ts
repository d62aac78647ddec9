// Words of the command line → one command → exit status: 0 done, 1 failed, 2 not understood.
// What a command does is elsewhere; each is loaded only when it is asked for, as some bring the whole service along.

import { setTimeout as sleep } from "node:timers/promises";
import packageFile from "../../package.json" with { type: "json" };
import { ConfigurationError } from "../config/mistakes.ts";
import type { Configuration } from "../config/schema.ts";
import type { Output } from "./output.ts";

const defaultFile = "./cambio.yaml";

const usage = `Usage: cambio COMMAND

  serve [CONFIG]    run the service until SIGTERM or SIGINT; SIGHUP reloads the configuration
    --workers N|auto  as N processes that share the port, or as many as there are cores; SIGUSR2 replaces one after the other
  check [CONFIG]    look for mistakes in a configuration; starts nothing and connects to nothing
  explain CONFIG …  say rule by rule how a call would be decided (cambio explain --help)
  migrate [CONFIG]  bring the database's tables up to date
  reseal [CONFIG]   seal what the database holds anew under the first sealing key, while the service runs
  revoke [CONFIG] … end a token, or all tokens of a subject (cambio revoke --help)
  keys …            list, rotate and retire this service's own signing keys (cambio keys --help)
  login PROVIDER …  sign in from a shell at a running service, for developers (cambio login --help)
  accounts …        list accounts, disable, enable and forget them (cambio accounts --help)
  connections …     list connections, refresh and revoke them (cambio connections --help)
  audit …           verify the audit trail, show its records, print its public keys (cambio audit --help)
  schema            print the JSON Schema of configurations, for editors
  help              print this; --version prints the version

CONFIG is a YAML file, ${defaultFile} by default. cambio.example.yaml is one to start from.
`;

type Command = (words: readonly string[], output: Output) => Promise<number>;

const commands: Readonly<Record<string, Command>> = {
  async serve(words, output) {
    const { serveCommand } = await import("./serve.ts");
    return (await serveCommand(words, output, { defaultFile })) ?? misunderstood(output);
  },
  async check(words, output) {
    const { summary } = await import("./check.ts");
    return withConfiguration(words, output, async (configuration) => {
      output.out(`ok: ${summary(configuration)}\n`);
      return 0;
    });
  },
  async explain(words, output) {
    const { explainCommand } = await import("./explain.ts");
    return explainCommand(words, { ...output, input: process.stdin, clock: Date.now });
  },
  async migrate(words, output) {
    const { migrateCommand } = await import("./migrate.ts");
    return withConfiguration(words, output, (configuration) => migrateCommand(configuration, output));
  },
  async reseal(words, output) {
    const { resealCommand } = await import("./reseal.ts");
    return withConfiguration(words, output, (configuration) => resealCommand(configuration, output));
  },
  async revoke(words, output) {
    const { revokeCommand } = await import("./revoke.ts");
    return revokeCommand(words, output, { defaultFile, clock: Date.now });
  },
  async keys(words, output) {
    const { keysCommand } = await import("./keys.ts");
    return keysCommand(words, output, { defaultFile, clock: Date.now });
  },
  async login(words, output) {
    const [{ loginCommand }, { openBrowser }] = await Promise.all([import("./login.ts"), import("./open-browser.ts")]);
    const interruption = new AbortController();
    const interrupt = () => interruption.abort();
    // Once: what does not end by the first Ctrl-C ends by the second.
    process.once("SIGINT", interrupt);
    try {
      return await loginCommand(words, output, { defaultFile, interrupted: interruption.signal, openBrowser });
    } finally {
      process.off("SIGINT", interrupt);
    }
  },
  async accounts(words, output) {
    const { accountsCommand } = await import("./accounts.ts");
    return accountsCommand(words, output, { defaultFile, clock: Date.now });
  },
  async connections(words, output) {
    const { connectionsCommand } = await import("./connections.ts");
    return connectionsCommand(words, output, { defaultFile, clock: Date.now, wait: (ms) => sleep(ms) });
  },
  async audit(words, output) {
    const { auditCommand } = await import("./audit.ts");
    return auditCommand(words, output);
  },
  async schema(words, output) {
    if (words.length > 0) return misunderstood(output);
    const { jsonSchemaText } = await import("../config/json-schema.ts");
    output.out(jsonSchemaText());
    return 0;
  },
};

/** Commands with words of their own. */
const helpsItself: ReadonlySet<string> = new Set(["explain", "revoke", "keys", "login", "accounts", "connections", "audit"]);

export async function runCommand([name, ...words]: readonly string[], output: Output): Promise<number> {
  if (name === undefined) return misunderstood(output);
  if ([name, ...words].includes("--version")) {
    output.out(`cambio ${packageFile.version}\n`);
    return 0;
  }
  const asksForHelp = ["--help", "-h"].some((word) => name === word || (!helpsItself.has(name) && words.includes(word)));
  if (name === "help" || asksForHelp) {
    output.out(usage);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return command === undefined ? misunderstood(output, name) : command(words, output);
}

async function withConfiguration(
  words: readonly string[],
  output: Output,
  work: (configuration: Configuration) => Promise<number>,
): Promise<number> {
  const file = onlyFile(words);
  if (file === undefined) return misunderstood(output);
  const { readConfiguration } = await import("../config/read-configuration.ts");
  let configuration: Configuration;
  try {
    configuration = readConfiguration(file);
  } catch (failure) {
    if (!(failure instanceof ConfigurationError)) throw failure;
    output.error(`${failure.message}\n`);
    return 1;
  }
  return work(configuration);
}

/** The only word, or the default; undefined: there are more, or options that nobody knows. */
function onlyFile(words: readonly string[]): string | undefined {
  const [file = defaultFile, ...more] = words;
  return more.length > 0 || file.startsWith("-") ? undefined : file;
}

/** @param unknown what stood where a command belongs. It may be a secret, or a terminal's control sequence: only a plain word is repeated. */
function misunderstood({ error }: Output, unknown?: string): number {
  if (unknown !== undefined) error(`unknown command${/^[a-z-]{1,20}$/.test(unknown) ? `: ${unknown}` : ""}\n`);
  error(usage);
  return 2;
}
