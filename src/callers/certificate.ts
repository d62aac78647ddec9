// Proves a service by the client certificate of its connection: an exact name that the configuration lists. That the certificate
// leads to the configured CA and is for clients was found by TLS; whether it is valid now is asked on every call.

import type { Client } from "../exchange/clients.ts";
import type { Clock } from "../exchange/ports.ts";
import { refusedProof } from "./refused-proof.ts";

/** What of a peer's certificate counts here. */
export interface ShownCertificate {
  /** True: it leads to the configured CA, is for clients, and was valid when it was shown. */
  readonly authorized: boolean;
  /** Why not: OpenSSL's word. */
  readonly problem?: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Epoch milliseconds. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

export interface CertifiedService {
  readonly client: Client;
  /** Any one of them proves it. */
  readonly certificates: readonly ({ readonly uri: string } | { readonly dns: string })[];
}

/**
 * @returns whose name a certificate holds
 * @throws ExchangeError CALLER_UNAUTHENTICATED
 */
export function createCertificates(
  { clock }: { readonly clock: Clock },
  services: readonly CertifiedService[],
): (certificate: ShownCertificate) => Client {
  const byUri = new Map<string, Client>();
  const byDns = new Map<string, Client>();
  for (const { client, certificates } of services) {
    for (const name of certificates) {
      if ("uri" in name) byUri.set(name.uri, client);
      else byDns.set(name.dns, client);
    }
  }

  return function proveByCertificate(certificate) {
    if (!certificate.authorized) throw refusedProof("certificate", certificate.problem ?? "not_authorized");
    // A connection may outlive its certificate, and a resumed session does not look at it again.
    const nowMs = clock();
    if (!(nowMs >= certificate.validFromMs)) throw refusedProof("certificate", "not_yet_valid");
    if (!(nowMs <= certificate.validToMs)) throw refusedProof("certificate", "expired");

    // SPIFFE's X.509-SVID §2 knows exactly one: which of several ids is meant would be a guess.
    const [uri, ...furtherUris] = certificate.uris;
    const byItsUri = uri === undefined || furtherUris.length > 0 ? undefined : byUri.get(uri);
    const named = [byItsUri, ...certificate.dnsNames.map((name) => byDns.get(name))].filter((client) => client !== undefined);
    const [client, ...others] = new Set(named);
    if (client === undefined) throw refusedProof("certificate", "unknown_name");
    if (others.length > 0) throw refusedProof("certificate", "names_disagree");
    return client;
  };
}
