// One of examples/providers/: read with the environment that its document asks for, and run with the addresses of its provider replaced
// by those of a strict fake. What it wrote, and what stands in its database and spool, is searched for secrets when it is closed.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { isMap, parse, parseDocument } from "yaml";
import { basic, newPkce } from "../../examples/clients.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import type { Configuration } from "../../src/config/schema.ts";
import type { Method } from "../../src/exchange/clients.ts";
import { startService } from "../../src/service.ts";
import type { ConsentAnswer, ConsentResult } from "../support/walk-consent.ts";
import { createRunCanary } from "../support/run-canary.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, reasonOf } from "../support/fake-stack.ts";

export const exampleNames = ["openai", "discord", "custom-form", "custom-json"] as const;
export type ExampleName = (typeof exampleNames)[number];

export const examplePath = (name: ExampleName) => join(import.meta.dirname, "../../examples/providers", `${name}.yaml`);
export const exampleText = (name: ExampleName) => readFileSync(examplePath(name), "utf8");

export const serviceSecrets = { worker: "worker-secret-canary-0123456789", site: "site-secret-canary-0123456789" } as const;

const sealingKey = Buffer.from(Array.from({ length: 32 }, (_, index) => 7 * index + 3)).toString("base64url");

/** What each document calls needed. */
export const environments: Readonly<Record<ExampleName, Readonly<Record<string, string>>>> = {
  openai: { CAMBIO_SEALING_KEY: sealingKey, WORKER_SECRET: serviceSecrets.worker },
  discord: {
    CAMBIO_SEALING_KEY: sealingKey,
    SITE_SECRET: serviceSecrets.site,
    DISCORD_CLIENT_ID: "157730590492196864",
    DISCORD_CLIENT_SECRET: "discord-client-secret-canary",
    DISCORD_REDIRECT_URI: "https://app.example/callback",
  },
  "custom-form": {
    CAMBIO_SEALING_KEY: sealingKey,
    COMMUNITY_CLIENT_ID: "community-client",
    COMMUNITY_CLIENT_SECRET: "community-client-secret-canary",
  },
  "custom-json": { CAMBIO_SEALING_KEY: sealingKey, WORKER_SECRET: serviceSecrets.worker, MODELS_CLIENT_ID: "json-client" },
};

/** As it stands at cambio.yaml. @throws ConfigurationError */
export function loadText(text: string, env: Readonly<Record<string, string | undefined>>): Configuration {
  return loadConfiguration({ path: "cambio.yaml", env, readFile: () => text });
}

/** A fake, as far as a sign-in needs it. */
export interface ExampleFake {
  close(): Promise<void>;
  readonly endpoints: object;
  readonly origin: string;
  readonly issued: readonly string[];
  login(authorizationUrl: string, answer?: ConsentAnswer): Promise<ConsentResult>;
}

export interface Example {
  readonly url: string;
  /** What its commands are run with beside it. */
  readonly environment: Readonly<Record<string, string>>;
  rpc(method: Method, message: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  logLines(): readonly Readonly<Record<string, unknown>>[];
  /** Everything of a sign-in up to the answer that the client gets. */
  signIn(as: object, more?: SignInOptions): Promise<Answer>;
  close(): Promise<void>;
}

interface SignInOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the client's only one. */
  readonly redirectUri?: string;
}

interface ExampleOptions {
  readonly fake: ExampleFake;
  readonly time: { nowMs: number };
  /** Beside what is needed anyway. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A clock that stands still, and examples that end with the test. */
export function useExamples() {
  let closing: AsyncDisposableStack;
  const time = { nowMs: 0 };
  beforeEach(() => {
    closing = new AsyncDisposableStack();
    time.nowMs = Date.now();
  });
  afterEach(() => closing.disposeAsync());
  return {
    time,
    clock: () => time.nowMs,
    async start(name: ExampleName, fake: ExampleFake, env: ExampleOptions["env"] = {}): Promise<Example> {
      closing.defer(() => fake.close());
      const example = await startExample(name, { fake, time, env });
      closing.defer(() => example.close());
      return example;
    },
  };
}

export const tokensOf = ({ body }: Answer) => (body["tokens"] ?? {}) as Readonly<Record<string, string | undefined>>;

async function startExample(name: ExampleName, { fake, time, env = {} }: ExampleOptions): Promise<Example> {
  const folder = mkdtempSync(join(tmpdir(), "cambio-example-"));
  const canary = createRunCanary();
  const variables = { ...environments[name], PORT: "0", DATABASE_FILE: join(folder, "cambio.sqlite"), ...env };
  const written: string[] = [];
  const service = await startService(loadText(withFake(exampleText(name), fake), variables), {
    clock: () => time.nowMs,
    logDestination: { write: (line) => written.push(line) },
  });
  for (const secret of Object.values(serviceSecrets)) canary.register("service secret", secret);

  async function call(method: Method, message: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(`${service.url}/cambio.v1.TokenExchangeService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(message),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
  }

  /** Right after a clock was moved, what is known of revocations is too old for any answer, and asking again is safe. */
  async function rpc(...asked: Parameters<typeof call>): Promise<Answer> {
    let answer = await call(...asked);
    await eventually("an answer", async () => {
      if (reasonOf(answer) !== "STORE_UNAVAILABLE") return true;
      // On a clock that stands still a limit per second would never be over.
      time.nowMs += 100;
      answer = await call(...asked);
      return false;
    });
    return answer;
  }

  return {
    url: service.url,
    environment: variables,
    rpc,
    logLines: () =>
      written
        .join("")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
    async signIn(as, { headers, redirectUri } = {}) {
      const { verifier, challenge } = await newPkce();
      const begun = await rpc("CreateAuthorizationUrl", { ...as, redirectUri, codeChallenge: challenge }, headers);
      if (begun.status !== 200) return begun;
      const { code, state } = await fake.login(String(begun.body["authorizationUrl"]));
      canary.register("verifier", verifier);
      return rpc("Exchange", { ...as, authorizationCode: { code, state, redirectUri, codeVerifier: verifier } }, headers);
    },
    async close() {
      await service.close();
      canary.saw("the log", written.join(""));
      for (const file of readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()))
        canary.saw(file.name, readFileSync(join(file.parentPath, file.name), "latin1"));
      for (const secret of fake.issued) canary.register("code or token", secret);
      rmSync(folder, { recursive: true });
      canary.assertSilence();
    },
  };
}

/** The example as it is, but for where its one provider is. */
function withFake(text: string, { endpoints, origin }: ExampleFake): string {
  const document = parseDocument(text);
  const [name = ""] = Object.keys((parse(text) as { providers: Readonly<Record<string, unknown>> }).providers);
  const provider = document.getIn(["providers", name]);
  if (!isMap(provider)) throw new Error("the example has no provider");
  provider.set("endpoints", document.createNode(endpoints));
  // What stands in ID tokens; elsewhere it is a name only.
  provider.set("issuer", origin);
  return document.toString();
}

export const asService = (id: keyof typeof serviceSecrets) => ({ authorization: basic(id, serviceSecrets[id]) });
