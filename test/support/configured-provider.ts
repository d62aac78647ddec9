// A provider as its configuration makes it: its settings checked, completed and turned into a definition as the service does, and asked
// over real sockets with a clock that stands still (provider-rig.ts).

import { createHash } from "node:crypto";
import { configurationSchema, type ProviderConfiguration } from "../../src/config/schema.ts";
import { definitionFrom } from "../../src/wiring/definition.ts";
import type { AuthorizationStart, CodeGrant } from "../../src/exchange/provider-ports.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createRig, type Rig, type RigOptions } from "./provider-rig.ts";

/** As under `providers.NAME`. */
export type WrittenProvider = Readonly<Record<string, unknown>>;

export function settingsOf(provider: WrittenProvider): ProviderConfiguration {
  const settings = configurationSchema.parse({ providers: { main: provider }, clients: {} }).providers["main"];
  if (settings === undefined || settings.kind === "better-auth") throw new Error("not a provider that speaks OAuth");
  return settings;
}

export function configuredRig(provider: WrittenProvider, options: Partial<RigOptions> = {}): Rig {
  const settings = settingsOf(provider);
  const { issuer, endpoints, client } = settings;
  const secret = client.secret === undefined ? {} : { secret: client.secret.reveal() };
  return createRig({
    issuer,
    client: { id: client.id, authentication: client.authentication, ...secret },
    addresses: { endpoints },
    allowedOrigins: settings.allowed_origins,
    definition: definitionFrom(settings),
    openid: false,
    ...options,
  });
}

export const codeVerifier = "dBjftJeZ4CVP-mBLo0~.fWA_Pz4bTz3ReJ4pQpQ9HmY0KQ";
export const codeChallenge = createHash("sha256").update(codeVerifier).digest("base64url");

export function signInStart(changes: Partial<AuthorizationStart> = {}): AuthorizationStart {
  return {
    redirectUri: "https://app.example/callback",
    scopes: [],
    resources: [],
    state: "state-of-this-sign-in",
    codeChallenge,
    nonce: undefined,
    loginHint: undefined,
    prompt: undefined,
    ...changes,
  };
}

export function codeGrant(code: string, changes: Partial<CodeGrant> = {}): CodeGrant {
  return {
    code: new Secret(code),
    redirectUri: "https://app.example/callback",
    codeVerifier: new Secret(codeVerifier),
    resources: [],
    state: "state-of-this-sign-in",
    nonce: undefined,
    ...changes,
  };
}

/** @throws whatever is not a decided failure */
export async function failureOf(work: Promise<unknown>): Promise<ExchangeError> {
  const failure: unknown = await work.then(
    () => new Error("it succeeded"),
    (thrown: unknown) => thrown,
  );
  if (failure instanceof ExchangeError) return failure;
  throw failure;
}
