import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { basic } from "../../examples/clients.ts";
import { type Child, startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import { type Answer, environmentFor, exampleFile, registerSecrets } from "../support/fake-stack.ts";
import { createRunCanary } from "../support/run-canary.ts";
import { outcomeOf } from "./replica-rig.ts";

describe("SIGHUP", () => {
  const canary = createRunCanary();
  let folder: string;
  let file: string;
  let secretFile: string;
  let provider: FakeProvider;
  let child: Child;
  let url: string;
  const example = readFileSync(exampleFile, "utf8");
  const replaced = (before: string, after: string): string => {
    const text = good().replace(before, after);
    if (text === good()) throw new Error(`the example does not have ${before}`);
    return text;
  };
  const good = () => example.replace('"${ORDERS_SECRET}"', `{ file: ${secretFile} }`);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cambio-reload-"));
    file = join(folder, "cambio.yaml");
    secretFile = join(folder, "orders-secret");
    provider = await startFakeProvider();
    registerSecrets(canary, provider);
    await putBack();
    for (const secret of Object.values(secrets)) canary.register("secret", secret);
    child = startChild(["src/cli/cambio.mjs", "serve", file], environmentFor(provider));
    await child.untilOutput(/"msg":"listening"/);
    url = /"url":"([^"]+)"/.exec(child.output())?.[1] ?? "";
  });
  beforeEach(async () => {
    await putBack();
    await hangUp();
  });
  const putBack = async () => {
    await writeFile(secretFile, secrets.first);
    await writeFile(file, good());
  };
  afterAll(async () => {
    child.process.kill("SIGKILL");
    await child.ended;
    await provider.close();
    await rm(folder, { recursive: true });
    canary.saw("the output", child.output());
    canary.saw("the errors", child.errors());
    canary.assertSilence();
  });

  const secrets = {
    first: "orders-first-canary-0123456789",
    second: "orders-second-canary-0123456789",
    typo: "typed-in-the-wrong-place-canary",
  };

  /** What the log says once the signal was taken. */
  async function hangUp(): Promise<Readonly<Record<string, unknown>>> {
    const lines = () =>
      child
        .output()
        .split("\n")
        .filter((line) => /"msg":"configuration re(loaded|fused)/.test(line));
    const before = lines().length;
    child.process.kill("SIGHUP");
    await eventually("the signal is taken", () => lines().length > before);
    return JSON.parse(lines().at(-1) ?? "") as Readonly<Record<string, unknown>>;
  }

  async function reasonFor(method: string, message: object, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const response = await fetch(`${url}/cambio.v1.TokenExchangeService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(message),
    });
    const body = (await response.json()) as Answer["body"];
    return outcomeOf({ status: response.status, headers: response.headers, body });
  }
  const asTool = () => reasonFor("Refresh", { clientId: "cli", refreshToken: "handle-of-nobody" });
  const asOrders = (secret: string) =>
    reasonFor("ValidateCrossClient", { token: { value: "e30.e30.e30" } }, { authorization: basic("orders", secret) });

  it("takes up what the file says now", async () => {
    expect(await asTool()).toBe("REAUTHENTICATION_REQUIRED");
    await writeFile(file, replaced("kind: native\n    methods: [Exchange, Refresh,", "kind: native\n    methods: [Exchange,"));
    expect(await hangUp()).toMatchObject({ level: "info", msg: "configuration reloaded" });
    expect(await asTool()).toBe("CALLER_NOT_ALLOWED");
    await writeFile(file, good());
    await hangUp();
    expect(await asTool()).toBe("REAUTHENTICATION_REQUIRED");
  });

  it("takes up a secret whose file alone has changed", async () => {
    expect([await asOrders(secrets.first), await asOrders(secrets.second)]).toEqual(["TOKEN_MALFORMED", "CALLER_UNAUTHENTICATED"]);
    await writeFile(secretFile, secrets.second);
    await hangUp();
    expect([await asOrders(secrets.first), await asOrders(secrets.second)]).toEqual(["CALLER_UNAUTHENTICATED", "TOKEN_MALFORMED"]);
  });

  it.each<readonly [string, () => string, RegExp]>([
    ["a word that is none", () => replaced("kind: native", `kind: ${secrets.typo}`), /clients\.cli\.kind/],
    ["a name that nothing stands for", () => replaced("provider: main", "provider: nothing"), /routes\.exchange/],
    [
      "a secret where none belongs",
      () => replaced("kind: native", `kind: native\n    secrets: [${secrets.typo}]`),
      /clients\.cli\.secrets/,
    ],
    ["a variable that is not set", () => replaced("${BACKEND_SECRET}", "${NO_SUCH_VARIABLE}"), /NO_SUCH_VARIABLE/],
    ["what is no YAML", () => `${good()}\n  ${secrets.typo}: [`, /./],
    ["nothing", () => "", /./],
  ])("refuses %s with its mistakes in the log, says no value, and goes on as before", async (_name, text, mistake) => {
    await writeFile(file, text());
    const line = await hangUp();
    expect(line).toMatchObject({ level: "error", msg: "configuration refused: the one before stays in force" });
    expect(JSON.stringify(line["mistakes"])).toMatch(mistake);
    expect(JSON.stringify(line)).not.toContain(secrets.typo);
    expect(await asTool()).toBe("REAUTHENTICATION_REQUIRED");
  });

  it("refuses a file that is gone, and goes on as before", async () => {
    await rm(file);
    expect(await hangUp()).toMatchObject({ level: "error", msg: "configuration refused: the one before stays in force" });
    expect(await asTool()).toBe("REAUTHENTICATION_REQUIRED");
  });

  it("names what waits for the next start, and takes up the rest", async () => {
    const text = replaced("\nserver:\n", "\nserver:\n  drain: 3s\n").replace(
      "\nlog:\n  level: ${LOG_LEVEL:-info}",
      "\nlog:\n  level: warn",
    );
    await writeFile(file, text.replace("kind: native\n", "kind: native\n    disabled: true\n"));
    expect(await hangUp()).toMatchObject({ level: "warn", waiting: ["server", "log"] });
    expect(await asTool()).toBe("CALLER_NOT_ALLOWED");
  });

  it("fifty times, whatever the file says just then, loses no call", async () => {
    const outcomes: string[] = [];
    for (let number = 0; number < 50; number += 1) {
      await writeFile(file, number % 3 === 0 ? "nonsense: true" : replaced("expiry_buffer: 60s", `expiry_buffer: ${number}s`));
      const calls = [asOrders(secrets.first), asOrders(secrets.first), asOrders(secrets.first)];
      child.process.kill("SIGHUP");
      outcomes.push(...(await Promise.all(calls)));
    }
    expect(new Set(outcomes)).toEqual(new Set(["TOKEN_MALFORMED"]));
    expect(child.process.exitCode).toBeNull();
  });
});
