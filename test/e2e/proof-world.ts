// Services that can prove themselves in every way at once, the platforms that vouch for them, and what they show: for the tests of
// proofs against the whole service.

import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Configuration } from "../../src/config/schema.ts";
import { createSigningKey, type SigningKey, signingInputOf } from "../keys/signing.ts";

/** This service's own name. */
export const cambio = "https://cambio.example.com";
const subject = "system:serviceaccount:shop:backend";

export const keys = {
  backend: createSigningKey("ES256", "backend-1"),
  orders: createSigningKey("RS256", "orders-1"),
  cluster: createSigningKey("RS256", "cluster-1"),
  edge: createSigningKey("ES256", "edge-1"),
} as const;

/** As the configuration holds it. */
const published = ({ jwk }: SigningKey) => ({ ...jwk, kty: jwk["kty"] as "EC" | "RSA", kid: String(jwk["kid"]) });

export interface Platforms {
  /** How often the keys were asked for. */
  asked(): number;
  readonly issuers: Configuration["workload_issuers"];
  close(): Promise<void>;
}

/** `cluster` publishes its keys, `edge` has them in the configuration; the keys of the others cannot be had, each in its own way. */
export async function startPlatforms(): Promise<Platforms> {
  let asked = 0;
  const server = createServer((request, response) => {
    if (request.url === "/silent") return;
    if (request.url === "/nonsense") response.end("<html></html>");
    else {
      asked += 1;
      response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [keys.cluster.jwk] }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const base = `http://localhost:${(server.address() as AddressInfo).port}`;
  const usual = { algorithms: ["RS256" as const, "ES256" as const], allow_http: false, timeout: 300, jwks: undefined, jwks_url: undefined };
  const of = (name: string, where: object) => ({ ...usual, issuer: `https://${name}.example`, ...where });
  return {
    asked: () => asked,
    issuers: {
      cluster: of("cluster", { jwks_url: `${base}/keys`, timeout: 10_000 }),
      edge: of("edge", { jwks: [published(keys.edge)] }),
      silent: of("silent", { jwks_url: `${base}/silent` }),
      nonsense: of("nonsense", { jwks_url: `${base}/nonsense` }),
      // Port 1 (tcpmux): nothing listens there.
      away: of("away", { jwks_url: "http://localhost:1/keys" }),
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** `backend` proves itself by everything, may call everything, and `orders` by a secret and assertions. */
export function withProofs({ issuers }: Platforms) {
  return (configuration: Configuration): Configuration => {
    const { backend, orders } = configuration.clients;
    if (backend === undefined || orders === undefined) throw new Error("the example's names have changed");
    const algorithms = ["ES256" as const, "RS256" as const];
    return {
      ...configuration,
      server: { ...configuration.server, issuer: cambio },
      workload_issuers: issuers,
      clients: {
        ...configuration.clients,
        backend: {
          ...backend,
          methods: [...backend.methods, "ValidateCrossClient"],
          audiences: ["orders"],
          assertions: { jwks: [published(keys.backend)], algorithms },
          workloads: Object.keys(issuers).map((issuer) => ({ issuer, subject, audience: "cambio" })),
        },
        orders: { ...orders, assertions: { jwks: [published(keys.orders)], algorithms } },
      },
    };
  };
}

export interface Signed {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly key?: SigningKey;
}

/** An assertion of `backend`, right but for what is given. */
export function assertion(nowMs: number, { claims = {}, header = {}, key = keys.backend }: Signed = {}): string {
  const now = Math.floor(nowMs / 1_000);
  const usual = { iss: "backend", sub: "backend", aud: cambio, iat: now, exp: now + 120, jti: crypto.randomUUID() };
  return `Bearer ${key.token({ ...usual, ...claims }, header)}`;
}

/** A token that a platform gave to `backend`, right but for what is given. */
export function workload(nowMs: number, name: string, { claims = {}, header = {}, key }: Signed = {}): string {
  const now = Math.floor(nowMs / 1_000);
  const usual = { iss: `https://${name}.example`, sub: subject, aud: ["cambio"], iat: now, nbf: now, exp: now + 3_600 };
  const own = key ?? (name === "edge" ? keys.edge : keys.cluster);
  return `Bearer ${own.token({ ...usual, ...claims }, header)}`;
}

/** The same assertion under other algorithms: one that takes the public key for a shared secret, and none at all. */
export function forged(nowMs: number, alg: "HS256" | "none"): string {
  const [, payload = ""] = assertion(nowMs).split(".");
  const [header = ""] = signingInputOf({ alg, kid: "backend-1", typ: "JWT" }, {}).split(".");
  const pem = keys.backend.publicKey.export({ type: "spki", format: "pem" });
  const signature = alg === "none" ? "" : createHmac("sha256", pem).update(`${header}.${payload}`).digest("base64url");
  return `Bearer ${header}.${payload}.${signature}`;
}
