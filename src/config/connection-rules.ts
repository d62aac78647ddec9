// What a grant says of connections, and what that needs: sign-ins are kept for accounts, in a database, and no answer of a refresh may be
// lost that is kept for others. Who may use another's connections is listed with a client that makes some.

import type { Path, Report } from "./mistakes.ts";
import { checkName, own, type RuleInput } from "./rule-input.ts";
import type { ClientConfiguration } from "./schema.ts";

type Grant = ClientConfiguration["providers"][string];

interface GrantAt {
  /** Of the grant. */
  readonly path: Path;
  readonly client: ClientConfiguration;
  /** Configured name. */
  readonly provider: string;
  readonly grant: Grant;
}

export function checkConnections(at: GrantAt, input: RuleInput): void {
  if (at.grant.connections) checkKept(at, input);
  if (at.grant.connections_of.length > 0) checkUsed(at, input);
}

function checkKept({ path, provider, grant }: GrantAt, { configuration, databaseNamed, report }: RuleInput): void {
  const key = [...path, "connections"];
  if (!databaseNamed)
    report(key, "needs a database, where connections are kept", "Configure one, such as database: { file: cambio.sqlite }, or remove it.");
  checkSpool(key, configuration, report);
  const settings = own(configuration.providers, provider);
  if (settings?.kind === "better-auth") return report(key, "is for codes, and that provider keeps sessions", "Remove it.");
  if (grant.redirect_uris.length === 0) report(key, "keeps sign-ins, and the client has none here", "List redirect_uris, or remove it.");
  if (settings === undefined) return;
  if (!settings.accounts)
    report(key, "needs a provider whose users have accounts here", `Set accounts: true at providers.${provider}, or remove it.`);
}

/** Beside a SQLite file there is one by default. */
function checkSpool(key: Path, { vault, database }: RuleInput["configuration"], report: Report): void {
  if (database === undefined || vault.spool !== undefined) return;
  if (database.location.kind === "sqlite" && database.location.file !== ":memory:") return;
  report(
    key,
    "needs a spool, where answers are kept until they are in the database",
    "Set vault.spool to a folder on a persistent volume, such as vault: { spool: ./spool }.",
  );
}

function checkUsed({ path, client, provider, grant }: GrantAt, input: RuleInput): void {
  const key = [...path, "connections_of"];
  const { configuration, report } = input;
  if (client.kind !== "service") report(key, `is not for a ${client.kind} client, which proves nothing by itself`, "Remove it.");
  for (const [index, name] of grant.connections_of.entries()) {
    const at = [...key, index];
    if (!checkName(name, { path: at, kind: "clients" }, input)) continue;
    const owner = own(configuration.clients, name);
    // One with a mistake of its own is not at hand.
    if (owner === undefined) continue;
    if (own(owner.providers, provider)?.connections !== true)
      report(at, "names a client that makes no connections there", `Set connections: true at clients.${name}.providers.${provider}.`);
  }
}

/** A page that speaks plain JSON is told no connection, so it could never use the one that is kept for it. */
export function checkRouteConnections(path: Path, grant: Grant | undefined, report: Report): void {
  if (grant?.connections === true)
    report(path, "names a client whose sign-ins are kept as connections", "Let it call the Exchange RPC, or remove connections there.");
}
