// The client certificate of the connection that a request came on, as TLS judged it: whether it leads to the configured CA, its
// names, its time. Whose it is, and whether it is still valid, is decided in callers/.

import type { X509Certificate } from "node:crypto";
import { TLSSocket } from "node:tls";
import type { PeerCertificate } from "../rpc/call.ts";
import { readCertificateNames } from "./certificate-names.ts";
import type { PortRequest } from "./one-port.ts";

/** Undefined: the connection has none. Never throws. */
export type PeerCertificateOf = (req: PortRequest) => PeerCertificate | undefined;

/** For one that cannot be believed: it still is one that was shown, and must not pass for none. */
const unbelievable = { authorized: false, uris: [], dnsNames: [], validFromMs: 0, validToMs: 0 } as const;

/** Read once per connection: neither renegotiation nor resumption changes what was shown on it. */
export function createPeerCertificates(): PeerCertificateOf {
  const shown = new WeakMap<object, { readonly certificate: PeerCertificate | undefined }>();

  return function peerCertificateOf(req) {
    const connection = "stream" in req ? req.stream.session : req.socket;
    if (connection === undefined) return { ...unbelievable, problem: "CONNECTION_GONE" };
    const known = shown.get(connection) ?? { certificate: read("socket" in connection ? connection.socket : connection) };
    shown.set(connection, known);
    return known.certificate;
  };
}

function read(socket: object): PeerCertificate | undefined {
  try {
    if (!(socket instanceof TLSSocket)) return undefined;
    const certificate = socket.getPeerX509Certificate();
    return certificate === undefined ? undefined : judged(certificate, socket);
  } catch {
    // An HTTP/2 session whose socket is gone has none to ask.
    return { ...unbelievable, problem: "CONNECTION_GONE" };
  }
}

function judged(certificate: X509Certificate, socket: TLSSocket): PeerCertificate {
  const { authorized } = socket;
  // A stranger's certificate says what the stranger likes: not a name of it is read.
  if (!authorized) return { ...unbelievable, problem: problemOf(socket) };
  const names = readCertificateNames(certificate.subjectAltName);
  if (names === undefined) return { ...unbelievable, problem: "UNREADABLE_NAMES" };
  const { validFromDate, validToDate } = certificate;
  return { authorized, ...names, validFromMs: validFromDate.getTime(), validToMs: validToDate.getTime() };
}

/** On a server Node gives OpenSSL's word here, whatever its types say. */
function problemOf(socket: TLSSocket): string {
  const problem: unknown = socket.authorizationError;
  return typeof problem === "string" ? problem : "NOT_AUTHORIZED";
}
