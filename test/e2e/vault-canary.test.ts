// A run through everything that touches tokens which are kept: sign-ins, refreshes, every way in which a provider can fail (also one that
// repeats what it was sent), the keeper, the webhook, revocations, and the commands. None of the secrets of the run stands in anything
// that was written meanwhile, in no encoding.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openAiError } from "../support/fake-openai.ts";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { answerLost, type UpstreamFault } from "../support/fake-upstream-server.ts";
import { type OtlpCollector, startOtlpCollector } from "../support/otlp-collector.ts";
import { textsIn, tokensOf, type VaultStack } from "../support/vault-stack.ts";
import { type Kept, useVaultStacks } from "../support/vault-stacks.ts";
import { everythingInRedis, type Receiver, startReceiver } from "./written-places.ts";

const stacks = useVaultStacks();
const webhookSecret = "webhook-secret-canary-0123456789abcdef";
const collectorKey = "collector-key-canary-9876543210";
const lifeMs = 3_600_000;

/** @param sent all that the provider knows of */
function faults(sent: string): readonly UpstreamFault[] {
  const repeated = { error: sent, error_description: sent, message: sent, [sent]: sent };
  const statuses = [200, 400, 401, 403, 404, 429, 500, 503];
  return [
    ...statuses.map((status) => ({ kind: "status", status, body: repeated }) as const),
    ...statuses.map(
      (status) => ({ kind: "status", status, body: `<p>${sent}</p>`, headers: { "content-type": "text/html", "x-sent": "1" } }) as const,
    ),
    { kind: "status", status: 401, body: {}, headers: { "www-authenticate": `Bearer error="${sent.slice(0, 2_000)}"` } },
    { kind: "changed", members: { token_type: sent, scope: sent, expires_in: sent } },
    { kind: "changed", members: { access_token: `${sent}\n` } },
    { kind: "raw", bytes: `HTTP/1.1 400 ${sent.slice(0, 500)}\r\n\r\n` },
    openAiError("server_error", "object", 400),
    { kind: "error-in-200", error: "invalid_grant" },
    { kind: "hang-before-headers" },
    { kind: "hang-in-body" },
    { kind: "truncate" },
    { kind: "reset" },
    { kind: "drip" },
    { kind: "html" },
    { kind: "redirect" },
    { kind: "huge", bytes: 2 * 1024 * 1024 },
    answerLost,
  ];
}

const echo = ({ openai, discord }: VaultStack) => [...openai.issued, ...discord.issued, discord.client.secret].join(" ").slice(-6_000);

async function signInsAndRefreshes(stack: VaultStack): Promise<void> {
  const [kept, handle, cookie] = [await stack.signIn("web"), await stack.signIn("site"), await stack.signIn("shop")];
  const value = stack.canary.register("cookie", (cookie.headers.get("set-cookie") ?? "").split(/[=;]/)[1] ?? "");
  expect(
    (await stack.cambio.rpc("Refresh", { clientId: "shop" }, { ...stack.headersOf("shop"), cookie: `__Secure-shop-refresh=${value}` }))
      .status,
  ).toBe(200);
  const { connectionId } = kept.body;
  const userToken = { value: tokensOf(kept)["accessToken"] };
  const answers = [
    await stack.as("site", "Refresh", { refreshToken: tokensOf(handle)["refreshToken"] }),
    await stack.as("web", "Refresh", { connectionId, userToken }),
    await stack.as("worker", "Refresh", { connectionId }),
    await stack.as("web", "GetAccount", { token: userToken, fresh: true }),
    await stack.as("backend", "ValidateCrossClient", { token: userToken }),
    await stack.as("web", "Revoke", { connectionId, userToken }),
    await stack.as("site", "Revoke", { token: { value: tokensOf(await stack.signIn("site"))["refreshToken"] } }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 200]);
}

/** Each way of failing, for a code, for a refresh, and at the user endpoint. */
async function failures(stack: VaultStack): Promise<void> {
  for (const fault of faults(echo(stack))) {
    const begun = await stack.begin("web");
    stack.discord.faults.next("token", fault);
    await stack.as("web", "Exchange", begun);
    const other = await stack.begin("site");
    stack.discord.faults.next("user", fault);
    await stack.as("site", "Exchange", other);
    stack.discord.faults.clear();
    // Circuits close again, and pauses are over.
    stack.time.nowMs += 2 * lifeMs;
    const { connectionId } = (await stack.signIn("cli")).body;
    stack.time.nowMs += lifeMs;
    stack.openai.faults.next("token", fault);
    await stack.as("worker", "Refresh", { connectionId });
    stack.openai.faults.clear();
    stack.time.nowMs += 2 * lifeMs;
  }
}

async function backgroundWork(stack: VaultStack, { received }: Receiver): Promise<void> {
  const { connectionId } = (await stack.signIn("cli")).body;
  const calls = stack.openai.callsTo("token");
  stack.time.nowMs += lifeMs - 60_000;
  await eventually("the keeper has refreshed", () => stack.openai.callsTo("token") > calls);
  expect((await stack.as("worker", "Refresh", { connectionId })).status).toBe(200);
  stack.openai.faults.always("token", openAiError(echo(stack), "object", 401));
  stack.time.nowMs += lifeMs;
  await eventually("the webhook is told", () => received.some((one) => one.includes(String(connectionId))), 20_000);
  stack.openai.faults.clear();
}

async function commands(stack: VaultStack): Promise<void> {
  const words = [
    ["connections", "list", "--ended", "--limit", "1000"],
    ["connections", "list", "--ended", "--json", "--limit", "1000"],
    ["accounts", "list"],
    ["accounts", "list", "--json"],
  ];
  for (const line of words) {
    const command = startChild(["src/cli/cambio.mjs", ...line, stack.file]);
    expect(await command.ended).toBe(0);
    expect(command.output()).toMatch(/openai/);
    stack.canary.saw(`cambio ${line.join(" ")}`, command.output() + command.errors());
  }
}

/** A refresh whose answer is in the spool, and not in the database yet. */
async function fullSpool(stack: VaultStack): Promise<void> {
  const { connectionId } = (await stack.signIn("cli")).body;
  stack.time.nowMs += lifeMs;
  const release = stack.openai.hold("token", "answer");
  const calls = stack.openai.callsTo("token");
  const refreshed = stack.as("worker", "Refresh", { connectionId });
  await eventually("the provider is asked", () => stack.openai.callsTo("token") > calls);
  stacks.postgres()?.pause();
  release();
  const spool = join(stack.folder, "spool");
  const answers = () => readdirSync(spool, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".answer"));
  await eventually("an answer is in the spool", () => answers().length > 0);
  for (const name of answers()) stack.canary.saw("the spool", readFileSync(join(spool, name), "latin1"));
  stacks.postgres()?.resume();
  expect((await refreshed).status).toBe(200);
}

function failed({ requests }: VaultStack["discord"] | VaultStack["openai"]): number {
  return requests.filter(({ fault }) => fault !== undefined).length;
}

describe.each(["SQLite", "PostgreSQL and Redis"] as const)("with what is kept in %s", (kept: Kept) => {
  it("no secret of a whole run is written down anywhere", { timeout: 180_000 }, async () => {
    const collector: OtlpCollector = await startOtlpCollector();
    stacks.defer(() => collector.close());
    const receiver = await startReceiver(stacks.defer);
    const stack = await stacks.start(kept, {
      providers: { timeout: "500ms" },
      written: {
        vault: { webhook: { url: receiver.url, secret: webhookSecret } },
        traces: { otlp_url: collector.url, headers: `x-key=${collectorKey}` },
      },
    });
    stack.canary.register("webhook's secret", webhookSecret);
    stack.canary.register("collector's key", collectorKey);

    await signInsAndRefreshes(stack);
    await failures(stack);
    await backgroundWork(stack, receiver);
    if (kept !== "SQLite") await fullSpool(stack);
    await commands(stack);
    await signInsAndRefreshes(stack);

    const ways = faults("").length;
    expect([failed(stack.discord), failed(stack.openai) >= ways]).toEqual([2 * ways, true]);
    stack.canary.saw("database and spool of a running service", textsIn(stack.folder));
    const redis = stacks.redis()?.raw();
    if (redis !== undefined && kept !== "SQLite") stack.canary.saw("Redis", await everythingInRedis(redis));
    for (const body of receiver.received) stack.canary.saw("the webhook", body);
    for (const { body } of collector.requests) stack.canary.saw("the exported spans", body);
    expect([receiver.received.length > 0, collector.spans.length > 0, collector.violations]).toEqual([true, true, []]);
    let isLookedInto = kept === "SQLite";
    const postgres = stacks.postgres();
    if (postgres !== undefined && kept !== "SQLite") {
      const { connectionId } = (await stack.signIn("web")).body;
      await postgres.query("checkpoint");
      const written = textsIn(postgres.folder);
      // That it was looked into shows in what may stand there.
      isLookedInto = written.includes(String(connectionId));
      stack.canary.saw("PostgreSQL's files", written);
    }
    expect([isLookedInto, ...stack.openai.presentedTwice, ...stack.openai.violations]).toEqual([true]);
  });
});
