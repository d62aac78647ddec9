// Proves a service by a token that its platform issued to it, such as that of a Kubernetes service account: one trusted issuer,
// one subject, one audience, each byte for byte. Such a token is shown again and again while it lives.

import type { Client } from "../exchange/clients.ts";
import type { Clock } from "../exchange/ports.ts";
import { isText } from "../exchange/token/claim-shapes.ts";
import { type CompactToken, unverifiedIssuer } from "../exchange/token/compact.ts";
import type { SignatureAlgorithm } from "../keys/algorithms.ts";
import type { KeySet } from "../keys/key-set.ts";
import { onlyAudience, verifyProofToken } from "./proof-token.ts";
import { refusedProof } from "./refused-proof.ts";

/** A platform whose tokens may prove services. */
export interface WorkloadIssuer {
  /** Byte for byte as in `iss`. */
  readonly issuer: string;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Of this issuer, and of no other. */
  readonly keySet: KeySet;
}

export interface WorkloadService {
  readonly client: Client;
  readonly workloads: readonly {
    /** Configured name of the issuer. */
    readonly issuer: string;
    readonly subject: string;
    readonly audience: string;
  }[];
}

export interface WorkloadDeps {
  readonly clock: Clock;
  /** By configured name. */
  readonly workloadIssuers: ReadonlyMap<string, WorkloadIssuer>;
}

export interface Workloads {
  /** True where the token claims to be of a trusted issuer: it is then judged as such a token, and as nothing else. */
  claims(token: CompactToken): boolean;
  /** @throws ExchangeError CALLER_UNAUTHENTICATED (decided); UPSTREAM_*, DEADLINE_EXCEEDED (the issuer's keys cannot be had) */
  verify(token: CompactToken, signal: AbortSignal): Promise<Client>;
}

/** Kubernetes renews its tokens every hour. What lives for days was made to be copied somewhere. */
const maxLifetimeMs = 24 * 3_600_000;

/** Kubernetes writes none, others JWT. An access token (at+jwt) is for whoever it was issued to, and no proof. */
const types = ["jwt"];

interface Trusted {
  readonly issuer: WorkloadIssuer;
  /** Audience → subject → client: both must be known together. */
  readonly clients: Map<string, Map<string, Client>>;
}

/** @throws Error where a service names an issuer that is not there */
export function createWorkloads({ clock, workloadIssuers }: WorkloadDeps, services: readonly WorkloadService[]): Workloads {
  const byName = new Map([...workloadIssuers].map(([name, issuer]): [string, Trusted] => [name, { issuer, clients: new Map() }]));
  for (const { client, workloads } of services) {
    for (const { issuer, subject, audience } of workloads) {
      const trusted = byName.get(issuer);
      if (trusted === undefined) throw new Error(`workload issuer ${issuer} is not configured`);
      const subjects = trusted.clients.get(audience) ?? new Map<string, Client>();
      trusted.clients.set(audience, subjects.set(subject, client));
    }
  }
  const byIssuer = new Map([...byName.values()].map((trusted) => [trusted.issuer.issuer, trusted]));

  return {
    claims: (token) => byIssuer.has(unverifiedIssuer(token) ?? ""),

    async verify(token, signal) {
      const trusted = byIssuer.get(unverifiedIssuer(token) ?? "");
      if (trusted === undefined) throw refusedProof("workload", "unknown_issuer");
      const { sub } = token.payload;
      const audience = onlyAudience(token.payload);
      const subjects = audience === undefined ? undefined : trusted.clients.get(audience);
      if (audience === undefined || subjects === undefined) throw refusedProof("workload", "audience");
      const client = isText(sub) ? subjects.get(sub) : undefined;
      if (client === undefined) throw refusedProof("workload", "subject");
      const { keySet, algorithms } = trusted.issuer;
      const signature = { keySet, rules: { algorithms, denyKeyIds: new Set<string>() } };
      await verifyProofToken({ proof: "workload", types, audience, maxLifetimeMs, signature }, token, { nowMs: clock(), signal });
      return client;
    },
  };
}
