// `cambio revoke`: an operator ends one token, or all that a subject has at this moment. It writes to the authority that the
// replicas follow, so that they refuse within a second; nobody has to run or be restarted for that.

import { parseArgs } from "node:util";
import { ConfigurationError } from "../config/mistakes.ts";
import { readConfiguration } from "../config/read-configuration.ts";
import type { Configuration } from "../config/schema.ts";
import { ownProvider } from "../exchange/minting.ts";
import { ExchangeError } from "../exchange/errors.ts";
import type { Clock, Revocation } from "../exchange/ports.ts";
import { nameOfTokenId } from "../exchange/token/revocation-id.ts";
import { ownSubjectOf, type TokenEnds, tokenEndsAt } from "../policy/token-ends.ts";
import { DatabaseFailure } from "../store/database.ts";
import { openRevocationLog } from "../wiring/revocation-log.ts";
import type { Output } from "./output.ts";
import { storeWord } from "./with-database.ts";

/** A `sub` has 255 characters at most (OpenID Connect Core §2); this leaves room for those who do not know. */
const maxSubjectLength = 1_024;

const usage = `Usage: cambio revoke [CONFIG] --provider NAME (--subject SUBJECT | --token-id JTI)

  --provider NAME    whose tokens: its name in the configuration, or cambio for those that were issued here
  --subject SUBJECT  ends every token of that \`sub\` that was issued until now, and every sign-in with its refresh handles,
                     and whatever was issued here for that user
  --token-id JTI     ends the token with that \`jti\`

It is written to the configured database, else to Redis, which the running replicas follow. The provider is not told.
The provider's clock may run ahead: what is issued within its \`clock_tolerance\` after a --subject is refused as well.
Without a database a refresh handle is stored nowhere, and is good again when the entry is over.
`;

const unnamedToken =
  "that jti is longer than 128 characters or not plain ASCII: such a token is known by its hash only, end it by --subject\n";

interface RevokeOrder {
  readonly file: string | undefined;
  readonly provider: string;
  /** A token by what revocation knows it by, or a subject. */
  readonly what: { readonly kind: "subject" | "token"; readonly id: string };
}

/** @param words behind `revoke`. @returns a text: why nothing was understood */
function parseRevokeOrder(words: readonly string[]): RevokeOrder | string {
  try {
    const text = { type: "string" } as const;
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { provider: text, subject: text, "token-id": text },
    });
    const { provider = "", subject, "token-id": tokenId } = values;
    const both = subject !== undefined && tokenId !== undefined;
    if (provider === "" || both || positionals.length > 1) return usage;
    const [file] = positionals;
    const name = nameOfTokenId(tokenId);
    if (name !== undefined) return { file, provider, what: { kind: "token", id: name } };
    if (tokenId !== undefined && tokenId !== "") return unnamedToken;
    if (subject === undefined || subject === "" || subject.length > maxSubjectLength) return usage;
    return { file, provider, what: { kind: "subject", id: subject } };
  } catch {
    return usage;
  }
}

/** @returns the exit status: 0 done, 1 failed, 2 not understood */
export async function revokeCommand(
  words: readonly string[],
  output: Output,
  options: { defaultFile: string; clock: Clock },
): Promise<number> {
  if (words.some((word) => word === "--help" || word === "-h")) {
    output.out(usage);
    return 0;
  }
  const order = parseRevokeOrder(words);
  if (typeof order === "string") {
    output.error(order);
    return 2;
  }
  try {
    const configuration = readConfiguration(order.file ?? options.defaultFile);
    return await revoke(configuration, order, { output, clock: options.clock });
  } catch (failure) {
    if (!(failure instanceof ConfigurationError)) throw failure;
    output.error(`${failure.message}\n`);
    return 1;
  }
}

async function revoke(
  configuration: Configuration,
  order: RevokeOrder,
  { output, clock }: { output: Output; clock: Clock },
): Promise<number> {
  const nowMs = clock();
  const ends = tokenEndsAt(configuration, order.provider, nowMs);
  if (ends === undefined) {
    output.error("there is no provider of that name\n");
    return 1;
  }
  const opened = await openOrSay(configuration, output);
  if (opened === undefined) return 1;
  try {
    const revocation = revocationOf(order, ends);
    const here = issuedHere(configuration, order, nowMs);
    if (here !== undefined) await opened.log.append(here);
    await opened.log.append(revocation);
    const until = new Date(revocation.expiresAt * 1_000).toISOString();
    output.out(`revoked: every replica refuses it within a second. The entry is kept until ${until}, when no such token can be alive\n`);
    return 0;
  } catch (failure) {
    if (!(failure instanceof ExchangeError)) throw failure;
    output.error(`it is not certain that it is revoked, try again: ${storeWord(failure)}\n`);
    return 1;
  } finally {
    await opened.close();
  }
}

async function openOrSay(configuration: Configuration, output: Output) {
  try {
    const opened = await openRevocationLog(configuration);
    if (opened === undefined)
      output.error("there is nothing that replicas follow: give database; or redis, sealing.keys and a client that may Revoke\n");
    return opened;
  } catch (failure) {
    if (!(failure instanceof DatabaseFailure) && !(failure instanceof Error && "code" in failure)) throw failure;
    output.error(`the database cannot be opened: ${String(failure.code)}\n`);
    return undefined;
  }
}

/** What was issued here for a user ends with what the user has at the provider: by one order, whatever the configuration says later. */
function issuedHere(configuration: Configuration, { what, ...order }: RevokeOrder, nowMs: number): Revocation | undefined {
  if (what.kind !== "subject" || order.provider === ownProvider) return undefined;
  const subject = ownSubjectOf(configuration, order.provider, what.id);
  const ends = tokenEndsAt(configuration, ownProvider, nowMs);
  if (subject === undefined || ends === undefined) return undefined;
  return revocationOf({ ...order, provider: ownProvider, what: { kind: "subject", id: subject } }, ends);
}

/** It holds for as long as a token of now may live at that provider, by a clock that runs ahead; or a handle that is not used. */
function revocationOf({ provider, what }: RevokeOrder, { issuedUntil: until, tokensOver, allOver }: TokenEnds): Revocation {
  if (what.kind === "token") return { kind: "token", provider, id: what.id, expiresAt: tokensOver };
  return { kind: "subject", provider, id: what.id, until, expiresAt: allOver };
}
