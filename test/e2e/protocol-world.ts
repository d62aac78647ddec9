// What the protocol cases play in: Cambio as usual, with providers that fail in one way each beside the healthy one; Cambio whose
// Redis is away; whose deadline is short and whose provider never answers; that takes one call per second and address; that has no
// place for any call; whose audit trail cannot be written; one with which a service may exchange tokens; and one that keeps sign-ins.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { newPkce } from "../../examples/clients.ts";
import type { ClientConfiguration, Configuration } from "../../src/config/schema.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { accountsCommand } from "../../src/cli/accounts.ts";
import { startVaultStack, type VaultStack } from "../support/vault-stack.ts";
import {
  type Answer,
  backendRedirectUri,
  type FakeCode,
  type FakeStack,
  page,
  pageRedirectUri,
  startFakeStack,
} from "../support/fake-stack.ts";
import { type Fault, misbehave } from "../support/faults.ts";
import { createSigningKeys, type SigningKeys } from "../support/signing-keys.ts";
import { exchanging } from "./exchange-world.ts";

type FakeStackName = "usual" | "storeless" | "hasty" | "strict" | "full" | "mute" | "swapping";
export type StackName = FakeStackName | "keeping";
export type CodeClient = "web" | "cli" | "backend";

export interface World extends Readonly<Record<FakeStackName, FakeStack>> {
  readonly keeping: VaultStack;
  /** Of a user of `keeping` whose account was disabled afterwards. */
  readonly disabled: Answer;
  /** Issuers of the providers that fail. */
  readonly issuers: Readonly<Record<FailingProvider, string>>;
  /** Signs with the key ids of the healthy provider and with keys of its own. */
  readonly forger: SigningKeys;
  /** A code of the healthy provider, and what proves the right to it. */
  codeFor(client: CodeClient, stack?: FakeStackName): Promise<FakeCode>;
  close(): Promise<void>;
}

const failing = {
  nonsense: { kind: "html" },
  busy: { kind: "status", status: 429, headers: { "retry-after": "7" } },
  slow: { kind: "hang-before-headers" },
} as const satisfies Readonly<Record<string, Fault>>;

export type FailingProvider = keyof typeof failing | "away";

/** Port 1 (tcpmux): nothing listens there. */
const nowhere = "http://localhost:1";

export async function startWorld(): Promise<World> {
  const parts = new AsyncDisposableStack();
  const badlands = await startBadlands();
  parts.defer(() => badlands.close());
  const issuers = { ...badlands.issuers, away: nowhere };
  const usual = await startFakeStack({ change: (configuration) => withFailingProviders(configuration, issuers) });
  parts.defer(() => usual.close());
  const storeless = await startFakeStack({ redis: new Secret("redis://127.0.0.1:1") });
  parts.defer(() => storeless.close());
  const hasty = await startFakeStack({
    change: (configuration) => ({
      ...configuration,
      server: { ...configuration.server, deadline: 150 },
      // Longer than the run: it is Cambio's time that is over, not the provider's.
      providers: mapValues(configuration.providers, (provider) => ({ ...provider, timeout: 600_000 })),
    }),
  });
  parts.defer(() => hasty.close());
  hasty.provider.faults.always("discovery", { kind: "hang-before-headers" });
  const strict = await startFakeStack({ change: limited({ public_clients: 1 }) });
  parts.defer(() => strict.close());
  const full = await startFakeStack({ change: limited({ concurrent_calls: 0 }) });
  parts.defer(() => full.close());
  let muted = false;
  const mute = await startFakeStack({
    onAudit() {
      if (muted) throw new Error("no space");
    },
  });
  parts.defer(() => mute.close());
  muted = true;
  const swapping = await startFakeStack(exchanging);
  parts.defer(() => swapping.close());
  const keeping = await startVaultStack();
  parts.defer(() => keeping.close());
  const disabled = await keeping.signIn("web", { user: disabledUser });
  await disable(keeping.file);
  const stacks = { usual, storeless, hasty, strict, full, mute, swapping };
  return {
    ...stacks,
    keeping,
    disabled,
    issuers,
    forger: await createSigningKeys(),
    codeFor: (client, stack = "usual") => codeFor(client, stacks[stack]),
    close: () => parts.disposeAsync(),
  };
}

export const disabledUser = "666";

/** As an operator does it. @throws Error where it was not done */
async function disable(file: string): Promise<void> {
  const said: string[] = [];
  const output = { out: (text: string) => void said.push(text), error: (text: string) => void said.push(text) };
  const words = ["disable", "--provider", "discord", "--user", disabledUser, file];
  if ((await accountsCommand(words, output, { defaultFile: file, clock: Date.now })) !== 0) throw new Error(said.join(""));
}

const limited = (limits: Partial<Configuration["limits"]>) => (configuration: Configuration) => ({
  ...configuration,
  limits: { ...configuration.limits, ...limits },
});

function mapValues<V>(record: Readonly<Record<string, V>>, change: (value: V) => V): Record<string, V> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

async function startBadlands() {
  const server = createServer((request, response) => {
    const [, name = ""] = (request.url ?? "").split("/");
    misbehave(failing[name as keyof typeof failing], request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const base = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    issuers: { nonsense: `${base}/nonsense`, busy: `${base}/busy`, slow: `${base}/slow` },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function withFailingProviders(configuration: Configuration, issuers: World["issuers"]): Configuration {
  const { main } = configuration.providers;
  const { web, backend } = configuration.clients;
  if (main === undefined || web === undefined || backend === undefined) throw new Error("the example's names have changed");
  const providers = Object.entries(issuers).map(([name, issuer]) => [name, { ...main, issuer, timeout: 200 }] as const);
  const using = (client: ClientConfiguration): ClientConfiguration =>
    ({
      ...client,
      providers: {
        ...client.providers,
        ...Object.fromEntries(providers.map(([name]) => [name, { ...client.providers["main"], audiences: [] }])),
      },
    }) as ClientConfiguration;
  return {
    ...configuration,
    providers: { ...configuration.providers, ...Object.fromEntries(providers) },
    clients: { ...configuration.clients, web: using(web), backend: using(backend) },
  };
}

async function codeFor(client: CodeClient, stack: FakeStack): Promise<FakeCode> {
  const { verifier, challenge } = await newPkce();
  const redirectUri = { web: pageRedirectUri, cli: "http://127.0.0.1:49152/callback", backend: backendRedirectUri }[client];
  const headers: Readonly<Record<string, string>> = {
    web: { origin: page },
    cli: {},
    backend: { authorization: stack.authorization("backend") },
  }[client];
  // The service leaves verifier and nonce to Cambio.
  const custody = client === "backend" ? {} : { clientId: client, codeChallenge: challenge };
  const { body } = await stack.cambio.rpc("CreateAuthorizationUrl", { ...custody, provider: "main", redirectUri }, headers);
  const { code, state } = await stack.provider.login(String(body["authorizationUrl"]));
  stack.canary.register("verifier", verifier);
  return { code, codeVerifier: client === "backend" ? "" : verifier, redirectUri, state };
}
