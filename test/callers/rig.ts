// A service's door as tests of proofs set it up: two services and their keys, a frozen clock, ids of assertions in memory.

import {
  type Authenticate,
  type AuthenticateDeps,
  createAuthenticate,
  type Service,
  type ShownProof,
} from "../../src/callers/authenticate.ts";
import type { ShownCertificate } from "../../src/callers/certificate.ts";
import type { Client } from "../../src/exchange/clients.ts";
import type { UsedAssertions } from "../../src/exchange/one-time-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { WantedKey } from "../../src/keys/key-index.ts";
import { createConfiguredKeys } from "../../src/callers/configured-keys.ts";
import { clientOf, refusal } from "../exchange/fixtures.ts";
import { createSigningKey, type SigningKey } from "../keys/signing.ts";

export const nowMs = 1_800_000_000_000;
export const now = nowMs / 1_000;
/** This service's own name. */
export const cambio = "https://cambio.example.com";
export const cluster = "https://kubernetes.default.svc.cluster.local";

export const keys = {
  orders: createSigningKey("ES256", "orders-1"),
  ordersNext: createSigningKey("EdDSA", "orders-2"),
  billing: createSigningKey("RS256", "billing-1"),
  cluster: createSigningKey("RS256", "cluster-1"),
  stranger: createSigningKey("ES256", "orders-1"),
} as const;

export const secrets = { orders: "orders-secret-0123456789", billing: "billing-secret-0123456789" } as const;

export const orders: Client = clientOf({ id: "orders", kind: "service" });
export const billing: Client = clientOf({ id: "billing", kind: "service" });

export const services: readonly Service[] = [
  {
    client: orders,
    secrets: [new Secret(secrets.orders)],
    assertions: { jwks: [keys.orders.jwk, keys.ordersNext.jwk], algorithms: ["ES256", "EdDSA"] },
    workloads: [{ issuer: "cluster", subject: "system:serviceaccount:shop:orders", audience: "cambio" }],
    certificates: [{ uri: "spiffe://example.com/orders" }, { dns: "orders.internal" }],
  },
  {
    client: billing,
    secrets: [new Secret(secrets.billing)],
    assertions: { jwks: [keys.billing.jwk], algorithms: ["RS256"] },
    workloads: [{ issuer: "cluster", subject: "system:serviceaccount:shop:billing", audience: "cambio-billing" }],
    certificates: [{ uri: "spiffe://example.com/billing" }, { dns: "billing.internal" }],
  },
];

export function createRig(overrides: Partial<AuthenticateDeps> = {}, among: readonly Service[] = services) {
  const time = { nowMs };
  const asked: WantedKey[] = [];
  const fixed = createConfiguredKeys([keys.cluster.jwk]);
  const used = createUsed();
  const authenticate: Authenticate = createAuthenticate(
    {
      clock: () => time.nowMs,
      issuer: cambio,
      usedAssertions: used,
      workloadIssuers: new Map([
        [
          "cluster",
          {
            issuer: cluster,
            algorithms: ["RS256"],
            keySet: { ...fixed, find: (wanted, signal) => (asked.push(wanted), fixed.find(wanted, signal)) },
          },
        ],
      ]),
      ...overrides,
    },
    among,
  );
  return {
    time,
    used,
    /** Keys of the platform that were asked for. */
    asked,
    authenticate,
    /** Whom this proves. Without words on it: by a call that issues nothing, on a connection without a certificate. */
    prove: async (authorization: string | undefined, shown: Partial<ShownProof> = {}) =>
      authenticate({ certificate: undefined, issues: false, authorization, ...shown }, { signal: AbortSignal.timeout(10_000) }),
  };
}

/** What `UsedAssertions` promises, for one process. */
export function createUsed(): UsedAssertions & { readonly claims: readonly (readonly [client: string, id: string, untilMs: number])[] } {
  const claims: [string, string, number][] = [];
  return {
    claims,
    async claim(client, id, untilMs) {
      const known = claims.some(([otherClient, otherId]) => otherClient === client && otherId === id);
      claims.push([client, id, untilMs]);
      return !known;
    },
  };
}

export const basic = (id: string, secret: string): string => `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
export const bearer = (token: string): string => `Bearer ${token}`;

/** An assertion of orders, right but for what is given; undefined removes a claim. */
export function assertionOf(claims: object = {}, header: object = {}, key: SigningKey = keys.orders): string {
  return bearer(key.token({ iss: "orders", sub: "orders", aud: cambio, iat: now - 10, exp: now + 60, jti: "id-1", ...claims }, header));
}

/** A token as the kubelet puts it into the pods of orders. */
export function workloadOf(claims: object = {}, header: object = {}, key: SigningKey = keys.cluster): string {
  const sub = "system:serviceaccount:shop:orders";
  const standard = { iss: cluster, sub, aud: ["cambio"], iat: now - 60, nbf: now - 60, exp: now + 3_540, jti: "5f1c" };
  return bearer(key.token({ ...standard, "kubernetes.io": { namespace: "shop" }, ...claims }, header));
}

/** A certificate of orders as TLS found it, right but for what is given. */
export function certificateOf(given: Partial<ShownCertificate> = {}): ShownCertificate {
  const valid = { validFromMs: nowMs - 3_600_000, validToMs: nowMs + 3_600_000 };
  return { authorized: true, uris: ["spiffe://example.com/orders"], dnsNames: ["orders.internal"], ...valid, ...given };
}

/** Refused, with what was wrong for the log. */
export const refusedFor = (proof: string, problem: string): unknown =>
  refusal("CALLER_UNAUTHENTICATED", { field: "CALLER", cause: { kind: "proof", proof, problem } });
