// Tokens that a real Cambio mints from the session of a real Better Auth: one audience for each algorithm, and one whose backend shares
// a secret. For programs that verify such tokens elsewhere.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfiguration } from "../../src/config/load.ts";
import { startService } from "../../src/service.ts";
import { startBetterAuth } from "../support/better-auth.ts";
import { createRunCanary } from "../support/run-canary.ts";

export interface Minted {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** What tokens by shared secret are signed with. */
  readonly secret: string;
  /** Of every token. */
  readonly subject: string;
  /** Whom a token of that algorithm is for. */
  audienceOf(algorithm: string): string;
  /** A token of that algorithm, with a published key. */
  withPublishedKey(algorithm: string): Promise<string>;
  /** An HS256 token: no audience in it. */
  withSharedSecret(): Promise<string>;
  close(): Promise<void>;
}

const issuer = "https://cambio.example.com";
const published = ["ES256", "EdDSA", "RS256"];
const audienceOf = (algorithm: string): string => `https://${algorithm.toLowerCase()}.example.com`;

export async function startMinting(): Promise<Minted> {
  const secret = "shared-secret-canary-0123456789abcdef";
  const canary = createRunCanary();
  canary.register("shared secret", secret);
  const sealingKey = randomBytes(32).toString("base64url");
  canary.register("sealing key", sealingKey);
  const parts = new AsyncDisposableStack();
  try {
    const folder = mkdtempSync(join(tmpdir(), "cambio-minted-"));
    parts.defer(() => rmSync(folder, { recursive: true }));
    const site = await startBetterAuth();
    parts.defer(() => site.stop());
    const env = { SITE: site.url, FOLDER: folder, SECRET: secret, SEALING_KEY: sealingKey };
    const service = await startService(loadConfiguration({ path: "/minted.yaml", env, readFile: () => configuration() }), {
      logDestination: { write: (line) => canary.saw("the log", line) },
    });
    parts.defer(() => service.close());
    const user = await site.signUp({ name: "Alice", email: "alice@example.com", password: "password-canary-0123" });
    canary.register("session", user.cookie.slice(user.cookie.indexOf("=") + 1));

    const tokenFor = async (algorithm: string): Promise<string> => {
      const response = await fetch(`${service.url}/api/auth/${algorithm}-token`, { headers: { cookie: user.cookie } });
      const { token, error } = (await response.json()) as { token?: string; error?: string };
      if (token === undefined) throw new Error(`no token: ${response.status} ${error}`);
      canary.register("token", token);
      return token;
    };
    const running = parts.move();
    return {
      issuer,
      jwksUrl: `${service.url}/.well-known/jwks.json`,
      secret,
      subject: user.userId,
      audienceOf,
      withPublishedKey: tokenFor,
      withSharedSecret: () => tokenFor("HS256"),
      close: () => running.disposeAsync(),
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

function audience(algorithm: string): string {
  return `
  ${algorithm}:
    accepts: { cambio: { identifiers: ["${audienceOf(algorithm)}"], clients: [web] } }
    mint: { algorithm: ${algorithm}, from: { site: { scopes: [orders.read], claims: { name: name } } } }`;
}

function route(algorithm: string): string {
  return `
    - { path: /api/auth/${algorithm}-token, client: web, provider: site, audience: ${algorithm} }`;
}

function configuration(): string {
  return `
server: { host: localhost, port: 0, issuer: ${issuer} }
sealing: { keys: [{ id: "1", key: "\${SEALING_KEY}" }] }
database: { file: "\${FOLDER}/cambio.sqlite" }
signing: { algorithm: ES256 }
providers:
  site: { kind: better-auth, issuer: "\${SITE}" }
audiences:${published.map(audience).join("")}
  HS256:
    accepts: {}
    mint: { algorithm: HS256, secret: "\${SECRET}", from: { site: { claims: { name: name } } } }
clients:
  web:
    kind: browser
    origins: [http://localhost:5173]
    methods: [Exchange]
    providers: { site: { audiences: [${[...published, "HS256"].join(", ")}], scopes: [orders.read] } }
routes:
  backend_token:${[...published, "HS256"].map(route).join("")}
`;
}
