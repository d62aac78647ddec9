// Who a service is, from all that it shows: a secret, an assertion or a workload token in `authorization`, a certificate on its
// connection. Each that is shown must hold, and all must agree; what they allow is policy's matter.

import type { Client } from "../exchange/clients.ts";
import type { Patience, Soon } from "../exchange/soon.ts";
import { type AssertingService, type AssertionDeps, createAssertions } from "./assertion.ts";
import { createBasic, type ServiceSecrets } from "./basic.ts";
import { type CertifiedService, createCertificates, type ShownCertificate } from "./certificate.ts";
import { readBearer } from "./proof-token.ts";
import { refusedProof } from "./refused-proof.ts";
import { createWorkloads, type WorkloadDeps, type WorkloadService } from "./workload.ts";

/** A service and the ways in which it may prove itself; several at once while one is being replaced. */
export interface Service extends ServiceSecrets, AssertingService, WorkloadService, CertifiedService {}

export interface AuthenticateDeps extends AssertionDeps, WorkloadDeps {}

export interface ShownProof {
  /** The header; undefined: there is none. */
  readonly authorization: string | undefined;
  /** Undefined: the connection has none. */
  readonly certificate: ShownCertificate | undefined;
  /** True for calls that issue or end something: the id of an assertion is used up by them. */
  readonly issues: boolean;
}

/**
 * Undefined: nothing was shown. A client that is disabled proves itself like any other; that it may do nothing is decided later.
 * @throws ExchangeError CALLER_UNAUTHENTICATED (decided); UPSTREAM_*, STORE_UNAVAILABLE, DEADLINE_EXCEEDED (cannot decide)
 */
export type Authenticate = (proof: ShownProof, patience: Patience) => Soon<Client | undefined>;

/** @throws Error where the services need what `deps` do not hold */
export function createAuthenticate(deps: AuthenticateDeps, services: readonly Service[]): Authenticate {
  const proveBySecret = createBasic(services);
  const proveByCertificate = createCertificates(deps, services);
  const assertions = createAssertions(deps, services);
  const workloads = createWorkloads(deps, services);

  async function proveByBearer(
    authorization: string,
    { certified, issues }: { certified: Client | undefined; issues: boolean },
    signal: AbortSignal,
  ): Promise<Client> {
    const token = readBearer(authorization);
    if (workloads.claims(token)) return agreed(await workloads.verify(token, signal), certified);
    const assertion = await assertions.verify(token, signal);
    const client = agreed(assertion.client, certified);
    // Last, so that a call that is refused anyway does not use it up.
    if (issues) await assertions.spend(assertion, signal);
    return client;
  }

  return function authenticate({ authorization, certificate, issues }, patience) {
    // One that does not hold is never ignored, not even beside a proof that does.
    const certified = certificate === undefined ? undefined : proveByCertificate(certificate);
    if (authorization === undefined) return certified;
    if (/^bearer\b/i.test(authorization)) return proveByBearer(authorization, { certified, issues }, patience.signal);
    return agreed(proveBySecret(authorization), certified);
  };
}

/** Two credentials that disagree are none. */
function agreed(client: Client, certified: Client | undefined): Client {
  if (certified !== undefined && certified !== client) throw refusedProof("certificate", "disagrees");
  return client;
}
