// The demo's steps about trust: a sign-out that ends everywhere, a refusal that is explained rule by rule, and the audit trail of
// this very run. The commands are run as one would run them in a shell.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TokenSet } from "../gen/cambio/v1/token_pb.ts";
import type { TokenExchangeClient } from "./clients.ts";
import { type Refused, refusal, refusalFacts } from "./demo-answers.ts";
import { expect, type Facts, short } from "./demo-report.ts";
import type { DemoParts } from "./demo-steps.ts";
import { configurationFile, type Stack } from "./stack.ts";

const command = join(import.meta.dirname, "../src/cli/cambio.mjs");
/** Milliseconds; a command takes well under one second. */
const commandLimitMs = 20_000;

/** @param tokens of a sign-in that is still good */
export async function signOut({ report }: DemoParts, clients: { web: TokenExchangeClient; orders: TokenExchangeClient }, tokens: TokenSet) {
  const { web, orders } = clients;
  await report.step(
    "web: Revoke ends the sign-in, and all that came out of it",
    () => web.revoke({ clientId: "web", target: { case: "token", value: { value: tokens.refreshToken } } }),
    (answer) => [
      ["handle", short(tokens.refreshToken)],
      ["provider", answer.upstreamPending ? "is told as soon as it answers" : "has been told (RFC 7009)"],
    ],
  );
  await report.step(
    "orders: the access token of that sign-in: refused",
    () => refusal(() => orders.validateCrossClient({ token: { value: tokens.accessToken } }), "TOKEN_REVOKED"),
    refusalFacts,
  );
}

/** A token that is good, but for a client that the audience does not list; and why that is refused, from the configuration alone. */
export async function explainedRefusal({ stack, report }: DemoParts, orders: TokenExchangeClient): Promise<Refused> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: "alice", aud: "https://orders.example", client_id: "partner", iat: now, exp: now + 600, jti: "partner" };
  const value = await stack.identityProvider.sign(claims);
  const refused = await report.step(
    "orders: a good token of a client that it does not trust: refused",
    () => refusal(() => orders.validateCrossClient({ token: { value } }), "CLIENT_NOT_TRUSTED"),
    refusalFacts,
  );
  const file = "claims.json";
  writeFileSync(join(stack.folder, file), JSON.stringify({ iss: stack.identityProvider.issuer, ...claims }));
  await report.step(
    "cambio explain: why",
    () => cambio(stack, ["explain", configurationFile, "--caller", "orders", "--claims", file]),
    ({ status, lines }) => {
      expect(status === 1, `the command says something else than "refused" (status ${status})`);
      expect(lines.includes("refused: CLIENT_NOT_TRUSTED"), "the command does not name the reason");
      return lines.filter((line) => line !== "").map((line) => ["", line] as const);
    },
  );
  return refused;
}

/** @param refused the call whose records are shown */
export async function auditTrail({ stack, report }: DemoParts, refused: Refused): Promise<void> {
  const file = "audit.jsonl";
  await report.step(
    "cambio audit verify: the trail of this run is whole",
    () => cambio(stack, ["audit", "verify", file, "--live", "--config", configurationFile]),
    ({ status, lines }) => {
      expect(status === 0, lines.join(" "));
      return shown(lines);
    },
  );
  await report.step(
    "cambio audit show: what is on record about the refusal above",
    () => cambio(stack, ["audit", "show", file, "--request", refused.detail.requestId]),
    ({ status, lines }) => {
      expect(status === 0, lines.join(" "));
      return shown(lines.map((line) => line.replace(/^( *token +)(\S+)$/, (_, name: string, hash: string) => `${name}${short(hash)}`)));
    },
  );
}

interface Ended {
  readonly status: number;
  readonly lines: readonly string[];
}

function cambio({ environment, folder }: Stack, words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...words], { env: environment, cwd: folder, timeout: commandLimitMs }, (failure, out, error) => {
      const status = failure === null ? 0 : typeof failure.code === "number" ? failure.code : -1;
      resolve({ status, lines: `${out}${error}`.trimEnd().split("\n") });
    });
  });
}

function shown(lines: readonly string[]): Facts {
  return lines.filter((line) => line.trim() !== "").map((line) => ["", line.trimEnd()] as const);
}
