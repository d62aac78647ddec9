import { readFileSync } from "node:fs";
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { maxWaitingBytes } from "../../src/audit/backlog.ts";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import type { FakeProvider } from "../support/fake-provider.ts";
import { environmentFor, exampleFile, type FakeStack, page, registerTokens, startFakeStack } from "../support/fake-stack.ts";
import { outcomeOf, redeem, refresh, tokensOf } from "./replica-rig.ts";

// The audit trail of a service at work: what stands in it and when, and what becomes of calls where it cannot be written.

type Line = Readonly<Record<string, unknown>>;

let folder: string;
let file: string;
let closers: (() => Promise<unknown>)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-trail-"));
  await mkdir(join(folder, "trail"));
  file = join(folder, "trail", "audit.jsonl");
  closers = [];
});
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
  await rm(folder, { recursive: true, force: true });
});

async function given(): Promise<FakeStack> {
  const stack = await startFakeStack({ change: (loaded) => ({ ...loaded, audit: { ...loaded.audit, file } }) });
  closers.push(() => stack.close());
  return stack;
}

/** Files of a trail in the order of their records. */
async function trailFiles(path = file): Promise<readonly string[]> {
  const names = await readdir(join(path, ".."));
  const setAside = names.filter((name) => /\.\d{12}(_\d{4})?\.jsonl$/.test(name)).toSorted();
  return [...setAside.map((name) => join(path, "..", name)), path];
}

async function trailText(): Promise<string> {
  return (await Promise.all((await trailFiles()).map((path) => readFile(path, "utf8")))).join("");
}

async function recordsOf(requestId: string): Promise<readonly Line[]> {
  const lines = (await trailText()).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line).filter((line) => line["request_id"] === requestId);
}

/** Of each record what it is: `outcome OK`, `security untrusted_issuer`. */
const kinds = (lines: readonly Line[]) =>
  lines.map(({ kind, reason, event }) => (kind === "intent" ? "intent" : `${String(kind)} ${String(event ?? reason)}`));

async function run(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = startChild(["src/cli/cambio.mjs", ...words], env);
  return { status: await child.ended, out: child.output(), error: child.errors() };
}

const verified = (provider: FakeProvider, files: readonly string[]) =>
  run(["audit", "verify", "--config", exampleFile, ...files], environmentFor(provider));

const asPage = (requestId: string) => ({ origin: page, "x-request-id": requestId });
const asOrders = (stack: FakeStack, requestId: string) => ({ authorization: stack.authorization("orders"), "x-request-id": requestId });

/** Every call of the contract, allowed and not; by request id what has to stand in the trail. */
async function allCalls(stack: FakeStack): Promise<Readonly<Record<string, readonly string[]>>> {
  const { cambio } = stack;
  const code = await stack.newCode();
  const { codeVerifier, redirectUri, state } = code;
  const exchange = { clientId: "web", authorizationCode: { code: code.code, codeVerifier, redirectUri, state } };
  const tokens = tokensOf(await cambio.rpc("Exchange", exchange, asPage("exchange-ok")));
  await cambio.rpc("Exchange", exchange, asPage("exchange-again"));
  await cambio.rpc("Exchange", exchange, { ...asPage("exchange-elsewhere"), origin: "https://evil.example" });
  await cambio.rpc("Exchange", { clientId: "web" }, asPage("exchange-malformed"));
  await route(stack, await stack.newCode(), { requestId: "route-ok" });
  await route(stack, { code: "code-that-nobody-issued", codeVerifier, redirectUri }, { requestId: "route-wrong" });
  const { accessToken } = tokensOf(
    await cambio.rpc("Refresh", { clientId: "web", refreshToken: tokens.refreshToken }, asPage("refresh-ok")),
  );
  await cambio.rpc("Refresh", { clientId: "web", refreshToken: "cambio_rt_of-nobody" }, asPage("refresh-wrong"));
  const authorize = { clientId: "web", codeChallenge: "c".repeat(43) };
  await cambio.rpc("CreateAuthorizationUrl", authorize, asPage("authorize-ok"));
  await cambio.rpc("CreateAuthorizationUrl", { ...authorize, redirectUri: "https://evil.example/" }, asPage("authorize-wrong"));
  const now = Math.floor(stack.time.nowMs / 1_000);
  const shown = {
    "validate-ok": accessToken,
    "validate-expired": await stack.token({ iat: now - 600, exp: now - 1 }),
    "validate-foreign": await stack.token({ iss: "https://evil.example" }),
  };
  for (const [id, value] of Object.entries(shown)) await cambio.rpc("ValidateCrossClient", { token: { value } }, asOrders(stack, id));
  const token = { token: { value: accessToken } };
  await cambio.rpc("ValidateCrossClient", token, { "x-request-id": "validate-nobody" });
  const wrong = `Basic ${Buffer.from("orders:a-guess-of-the-secret").toString("base64")}`;
  await cambio.rpc("ValidateCrossClient", token, { authorization: wrong, "x-request-id": "validate-guess" });
  await cambio.rpc("Revoke", token, asOrders(stack, "revoke-wrong"));
  await cambio.rpc("Revoke", { clientId: "web", token: { value: accessToken } }, asPage("revoke-ok"));
  await cambio.rpc("Revoke", { clientId: "web", token: { value: "a-token-of-nobody" } }, asPage("revoke-unknown"));
  await cambio.rpc("ValidateCrossClient", token, asOrders(stack, "validate-revoked"));
  return {
    "exchange-ok": ["intent", "outcome OK"],
    "exchange-again": ["intent", "outcome GRANT_INVALID", "security one_time_credential_reused"],
    "exchange-elsewhere": ["outcome ORIGIN_NOT_ALLOWED", "security origin_refused"],
    "exchange-malformed": ["outcome MALFORMED_REQUEST"],
    "route-ok": ["intent", "outcome OK"],
    "route-wrong": ["intent", "outcome GRANT_INVALID"],
    "refresh-ok": ["intent", "outcome OK"],
    "refresh-wrong": ["outcome REAUTHENTICATION_REQUIRED"],
    "authorize-ok": ["outcome OK"],
    "authorize-wrong": ["outcome REDIRECT_URI_NOT_ALLOWED"],
    "validate-ok": ["outcome OK"],
    "validate-expired": ["outcome TOKEN_EXPIRED"],
    "validate-foreign": ["outcome ISSUER_NOT_TRUSTED", "security untrusted_issuer"],
    "validate-nobody": ["outcome CALLER_UNAUTHENTICATED"],
    "validate-guess": ["outcome CALLER_UNAUTHENTICATED", "security basic_failed"],
    "revoke-wrong": ["outcome CALLER_NOT_ALLOWED"],
    "revoke-ok": ["intent", "outcome OK"],
    "revoke-unknown": ["outcome OK"],
    "validate-revoked": ["outcome TOKEN_REVOKED", "security revoked_token_shown"],
  };
}

interface PlainCode {
  readonly code: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
}

/** The plain route. @param requestId none: a fresh one */
async function route(stack: FakeStack, { code, codeVerifier, redirectUri }: PlainCode, { url = stack.cambio.url, requestId = "" } = {}) {
  const response = await fetch(`${url}/api/auth/exchange`, {
    method: "POST",
    headers: { "content-type": "application/json", ...asPage(requestId) },
    body: JSON.stringify({ code, code_verifier: codeVerifier, redirect_uri: redirectUri }),
  });
  const body = (await response.json()) as Readonly<Record<string, string | undefined>>;
  registerTokens(stack.canary, { accessToken: body["access_token"], refreshToken: body["refresh_token"], idToken: body["id_token"] });
  return { status: response.status, reason: body["reason"] };
}

describe("the trail of a real run", () => {
  it("has every call of the contract, allowed or not, and none of their secrets", async () => {
    const stack = await given();
    const expected = await allCalls(stack);
    await stack.cambio.close();
    const found = Object.fromEntries(await Promise.all(Object.keys(expected).map(async (id) => [id, kinds(await recordsOf(id))] as const)));
    expect(found).toEqual(expected);
    const [intent, outcome] = await recordsOf("exchange-ok");
    expect(intent).toMatchObject({ method: "Exchange", protocol: "connect", caller: "web", provider: "main", address: expect.any(String) });
    expect(outcome).toMatchObject({ issuer: stack.provider.issuer, subject: "alice", token: intent?.["token"] });
    expect(await recordsOf("validate-ok")).toMatchObject([
      { caller: "orders", origin_client: "cambio", audience: "orders", subject: "alice" },
    ]);
    stack.canary.saw("the audit file", await trailText());
  });

  it("is found intact by the command, which shows one call of it, and finds what was done to it", async () => {
    const stack = await given();
    await allCalls(stack);
    await stack.cambio.close();
    const original = (await readFile(file, "utf8")).split("\n").slice(0, -1);
    const [first = "", second = "", third = "", ...others] = original;
    const edited = original.map((line) => line.replace('"reason":"ORIGIN_NOT_ALLOWED"', '"reason":"OK"'));
    expect(edited).not.toEqual(original);
    const changes = {
      deleted: [first, second, ...others],
      edited,
      reordered: [first, third, second, ...others],
      cut: original.slice(0, -3),
    };
    const spoilt = Object.entries(changes).map(async ([name, lines]) => {
      await cp(join(folder, "trail"), join(folder, name), { recursive: true });
      await writeFile(join(folder, name, "audit.jsonl"), `${lines.join("\n")}\n`);
      return [name, (await verified(stack.provider, [join(folder, name, "audit.jsonl")])).status] as const;
    });
    const [intact, shown, ...statuses] = await Promise.all([
      verified(stack.provider, [file]),
      run(["audit", "show", "--request", "exchange-ok", file]),
      ...spoilt,
    ]);
    expect(intact).toEqual({ status: 0, out: expect.stringMatching(/^intact: \d+ records/), error: "" });
    expect(shown.status).toBe(0);
    expect(shown.out.match(/^\S+ {2}(intent|outcome) /gm)).toHaveLength(2);
    expect(shown.out).not.toContain("exchange-again");
    expect(Object.fromEntries(statuses)).toEqual({ deleted: 1, edited: 1, reordered: 1, cut: 1 });
  });

  it.each(["Exchange", "Refresh"])("has the intent of %s before the provider hears of it, and its outcome only after", async (method) => {
    const stack = await given();
    const { cambio, provider } = stack;
    const code = await stack.newCode();
    const { codeVerifier, redirectUri, state } = code;
    const exchange = { clientId: "web", authorizationCode: { code: code.code, codeVerifier, redirectUri, state } };
    const message =
      method === "Exchange"
        ? exchange
        : { clientId: "web", refreshToken: tokensOf(await cambio.rpc("Exchange", exchange, asPage("x"))).refreshToken };
    const calls = provider.callsTo("token");
    const release = provider.hold("token");
    const answer = cambio.rpc(method as "Exchange" | "Refresh", message, asPage("watched"));
    await eventually("the provider hears of it", () => provider.callsTo("token") > calls);
    expect(kinds(await recordsOf("watched"))).toEqual(["intent"]);
    release();
    expect((await answer).status).toBe(200);
    await eventually("its outcome", async () => (await recordsOf("watched")).length === 2);
    expect(kinds(await recordsOf("watched"))).toEqual(["intent", "outcome OK"]);
  });
});

/** So large a record takes as many scopes as may be asked for, each as long as it may be. */
const manyScopes = Array.from({ length: 64 }, (_, number) => String(number).padStart(128, "s"));
const enoughToLoseSome = Math.ceil(maxWaitingBytes / JSON.stringify(manyScopes).length) + 10;

describe("a trail that cannot be written", () => {
  it("stops what issues before the provider hears of it; validating goes on, and what was lost is on record afterwards", async () => {
    const stack = await given();
    const { cambio, provider } = stack;
    const { refreshToken } = tokensOf(await redeem(cambio, await stack.newCode()));
    const [code, token] = [await stack.newCode(), await stack.token()];
    const calls = provider.callsTo("token");
    await rename(join(folder, "trail"), join(folder, "elsewhere"));
    closers.push(() => rename(join(folder, "elsewhere"), join(folder, "trail")).catch(() => undefined));

    for (const answer of [await redeem(cambio, code), await refresh(cambio, refreshToken), await redeem(cambio, code)])
      expect([answer.status, outcomeOf(answer)]).toEqual([503, "AUDIT_UNAVAILABLE"]);
    expect(await route(stack, code)).toEqual({ status: 503, reason: "AUDIT_UNAVAILABLE" });
    const revoked = await cambio.rpc("Revoke", { token: { value: token } }, { authorization: stack.authorization("backend") });
    expect(outcomeOf(revoked)).toBe("AUDIT_UNAVAILABLE");
    expect(provider.callsTo("token")).toBe(calls);
    expect(provider.callsTo("revocation")).toBe(0);
    expect(outcomeOf(await cambio.validate(token))).toBe("200");
    expect(cambio.logLines().filter(({ msg }) => String(msg).startsWith("the audit trail cannot be written"))).toHaveLength(1);

    let left = enoughToLoseSome;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        expect(outcomeOf(await cambio.validate(token, { requiredScopes: manyScopes }))).toBe("SCOPE_INSUFFICIENT");
      }
    };
    await Promise.all(Array.from({ length: 32 }, worker));
    await rename(join(folder, "elsewhere"), join(folder, "trail"));
    await eventually("the trail is written again", async () =>
      (await (await fetch(`${cambio.url}/readyz`)).text()).includes('"audit":"ready"'),
    );
    expect(outcomeOf(await redeem(cambio, code))).toBe("200");
    expect(outcomeOf(await refresh(cambio, refreshToken))).toBe("200");
    await cambio.close();
    const gaps = (await trailText()).match(/"kind":"gap","count":(\d+)/g) ?? [];
    expect(gaps.length).toBeGreaterThan(0);
    expect(await verified(provider, await trailFiles())).toEqual({ status: 0, out: expect.stringContaining("intact: "), error: "" });
  });
});

describe("a process that is killed in the middle of its work", () => {
  it("leaves a trail that its successor goes on with, and both are intact", async () => {
    const stack = await startFakeStack();
    closers.push(() => stack.close());
    const config = join(folder, "cambio.yaml");
    await writeFile(config, readFileSync(exampleFile));
    await appendFile(config, `\naudit:\n  file: ${file}\n`);
    const killed = await serve(stack, config);
    const working = Promise.all(Array.from({ length: 8 }, () => callsUntilItEnds(stack, killed.url)));
    await eventually("some of them are on record", async () => (await trailText()).split('"outcome"').length > 40);
    killed.child.process.kill("SIGKILL");
    expect(await killed.child.ended).toBeNull();
    await working;

    const successor = await serve(stack, config);
    expect((await route(stack, await stack.newCode(), { url: successor.url })).status).toBe(200);
    successor.child.process.kill("SIGTERM");
    expect(await successor.child.ended).toBe(0);
    const files = await trailFiles();
    expect(files.length).toBe(2);
    expect(await verified(stack.provider, files)).toEqual({ status: 0, out: expect.stringMatching(/intact: .* in 2 files/), error: "" });
  });
});

async function serve(stack: FakeStack, config: string) {
  const child = startChild(["src/cli/cambio.mjs", "serve", config], environmentFor(stack.provider));
  closers.push(async () => {
    child.process.kill("SIGKILL");
    await child.ended;
  });
  await child.untilOutput(/"msg":"listening"/);
  return { child, url: /"url":"([^"]+)"/.exec(child.output())?.[1] ?? "" };
}

async function callsUntilItEnds(stack: FakeStack, url: string): Promise<void> {
  while ((await route(stack, await stack.newCode(), { url }).catch(() => undefined)) !== undefined);
}
