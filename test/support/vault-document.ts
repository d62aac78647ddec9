// What vault-stack.ts runs, as it would stand in cambio.yaml.

import { join } from "node:path";
import { page } from "./fake-stack.ts";
import type { FakeDiscord } from "./fake-discord.ts";
import { type FakeOpenAi, openAiClientId } from "./fake-openai.ts";

export interface VaultAddresses {
  readonly folder: string;
  readonly openai: FakeOpenAi;
  readonly discord: FakeDiscord;
  readonly redis: string | undefined;
  readonly databaseUrl: string | undefined;
}

export const vaultIssuer = "https://cambio.example.com";
export const backendAudience = "https://backend.example.com";

export const phoneRedirectUri = "http://127.0.0.1:49152/callback";

export const vaultSecrets = {
  sealing: Buffer.from(Array.from({ length: 32 }, (_, index) => 3 * index + 5)).toString("base64url"),
  services: {
    worker: "worker-secret-canary-0123456789",
    stranger: "stranger-secret-canary-0123456789",
    backend: "backend-secret-canary-9876543210",
    guest: "guest-secret-canary-0123456789",
  },
} as const;

const everyMethod = ["CreateAuthorizationUrl", "Exchange", "Refresh", "Revoke", "GetAccount"];
const openAiScopes = ["openid", "profile", "email", "offline_access"];
const discordScopes = ["identify", "email"];

export function vaultDocument({ folder, openai, discord, redis, databaseUrl }: VaultAddresses) {
  const { services, sealing } = vaultSecrets;
  const openaiUse = { redirect_uris: ["http://localhost:1455/auth/callback", "http://localhost/auth/callback"], scopes: openAiScopes };
  const discordUse = { redirect_uris: [`${page}/callback`], scopes: discordScopes, audiences: ["backend"] };
  const native = (more: object) => ({ kind: "native", methods: everyMethod, providers: { openai: { ...openaiUse, ...more } } });
  const browser = (discordMore: object, more: object = {}) => ({
    kind: "browser",
    origins: [page],
    methods: everyMethod,
    providers: { discord: { ...discordUse, ...discordMore } },
    ...more,
  });
  return {
    server: { host: "localhost", port: 0, issuer: vaultIssuer },
    sealing: { keys: [{ id: "1", key: sealing }] },
    ...(redis === undefined ? {} : { redis: { url: redis } }),
    database: databaseUrl === undefined ? { file: join(folder, "cambio.sqlite") } : { url: databaseUrl, migrate_at_start: true },
    vault: { spool: join(folder, "spool") },
    signing: { algorithm: "ES256" },
    providers: {
      openai: {
        kind: "openai",
        subject_prefix: "openai:",
        issuer: openai.issuer,
        client: { id: openAiClientId },
        endpoints: openai.endpoints,
        authorization_parameters: { id_token_add_organizations: "true", codex_cli_simplified_flow: "true" },
      },
      discord: {
        kind: "discord",
        client: { id: discord.client.id, secret: discord.client.secret ?? "" },
        endpoints: discord.endpoints,
        subject_prefix: "discord:",
      },
    },
    audiences: {
      backend: {
        accepts: { cambio: { identifiers: [backendAudience], clients: ["web", "site", "shop", "phone"] } },
        mint: { lifetime: "15m", from: { discord: { claims: { name: "name", preferred_username: "preferred_username" } } } },
      },
    },
    clients: {
      cli: native({ connections: true }),
      tool: native({}),
      phone: {
        kind: "native",
        methods: everyMethod,
        providers: { discord: { ...discordUse, redirect_uris: [phoneRedirectUri], connections: true } },
      },
      web: browser({ connections: true }),
      site: browser({}),
      shop: browser({}, { refresh_cookie: "__Secure-shop-refresh" }),
      worker: {
        kind: "service",
        secrets: [services.worker],
        methods: ["Refresh", "Revoke", "GetAccount"],
        audiences: ["backend"],
        providers: {
          openai: { scopes: openAiScopes, connections_of: ["cli"] },
          discord: { scopes: discordScopes, connections_of: ["web"] },
        },
      },
      stranger: {
        kind: "service",
        secrets: [services.stranger],
        methods: ["Refresh", "Revoke", "GetAccount"],
        providers: { openai: { scopes: openAiScopes }, discord: { scopes: discordScopes } },
      },
      // Whose tokens of this service's own are called with.
      backend: { kind: "service", secrets: [services.backend], methods: ["ValidateCrossClient"], audiences: ["backend"] },
      // Signs users in at Discord from its server.
      guest: {
        kind: "service",
        secrets: [services.guest],
        methods: everyMethod,
        providers: { discord: discordUse },
      },
    },
  };
}
