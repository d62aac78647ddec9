// Certificates made on the spot: X.509 v3 in DER by hand, so that no key lies in the repository and no program is needed.
// One that vouches for itself, for a server; and authorities that issue client certificates, right ones and wrong ones.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

export interface WantedCertificate {
  readonly name?: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  /** Further general names (RFC 5280 §4.2.1.6), in DER. */
  readonly otherNames?: readonly Buffer[];
  /** Extended key usage. Default: client. `none`: without the extension. */
  readonly use?: "client" | "server" | "none";
  /** Epoch milliseconds. Default: from yesterday for thirty days. */
  readonly validFromMs?: number;
  readonly validToMs?: number;
}

export interface Authority {
  /** PEM. */
  readonly cert: string;
  issue(wanted?: WantedCertificate): Certificate;
  /** An authority below this one; its certificates come with its own. */
  intermediate(): Authority;
  /** What issues in the name of a client certificate of this authority, and has no right to. */
  leafAsAuthority(): Authority;
}

const dayMs = 86_400_000;

/** Valid from yesterday for thirty days, for this DNS name. */
export function makeCertificate(name = "localhost", nowMs = Date.now()): Certificate {
  const pair = createPair();
  const subject = commonName(name);
  const extensions = [subjectAltName([generalName.dns(name)]), authorityItself()];
  return issued({ subject, pair, ...around(nowMs), extensions }, { subject, privateKey: pair.privateKey });
}

/** Its name is all that two of them may have in common. */
export function makeAuthority(name = "Test CA"): Authority {
  const pair = createPair();
  const subject = commonName(name);
  const { cert } = issued(
    { subject, pair, ...around(Date.now()), extensions: [authorityItself()] },
    { subject, privateKey: pair.privateKey },
  );
  return authority({ cert, chain: "" }, { subject, privateKey: pair.privateKey });
}

interface Signer {
  readonly subject: Buffer;
  readonly privateKey: KeyObject;
}

function authority({ cert, chain }: { cert: string; chain: string }, signer: Signer): Authority {
  return {
    cert,
    issue({ name = "client", uris = [], dnsNames = [], otherNames = [], use = "client", ...validity } = {}) {
      const names = [...uris.map(generalName.uri), ...dnsNames.map(generalName.dns), ...otherNames];
      const extensions = [...(names.length === 0 ? [] : [subjectAltName(names)]), ...(use === "none" ? [] : [extendedKeyUsage(use)])];
      const made = issued({ subject: commonName(name), pair: createPair(), ...around(Date.now()), ...validity, extensions }, signer);
      return { ...made, cert: made.cert + chain };
    },
    intermediate: () => below([authorityItself()]),
    leafAsAuthority: () => below([extendedKeyUsage("client")]),
  };

  function below(extensions: readonly Buffer[]): Authority {
    const pair = createPair();
    const subject = commonName(`Below ${randomBytes(4).toString("hex")}`);
    const made = issued({ subject, pair, ...around(Date.now()), extensions }, signer);
    return authority({ cert: made.cert, chain: made.cert + chain }, { subject, privateKey: pair.privateKey });
  }
}

/** General names by their tags. */
export const generalName = {
  email: (text: string): Buffer => der(0x81, Buffer.from(text, "latin1")),
  dns: (text: string): Buffer => der(0x82, Buffer.from(text, "latin1")),
  uri: (text: string): Buffer => der(0x86, Buffer.from(text, "latin1")),
  /** A distinguished name of one common name. */
  directory: (text: string): Buffer => der(0xa4, commonName(text)),
  ip: (...bytes: readonly number[]): Buffer => der(0x87, Buffer.from(bytes)),
} as const;

interface Body {
  readonly subject: Buffer;
  readonly pair: ReturnType<typeof createPair>;
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly extensions: readonly Buffer[];
}

function issued({ subject, pair, validFromMs, validToMs, extensions }: Body, by: Signer): Certificate {
  const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    by.subject,
    sequence(instant(validFromMs), instant(validToMs)),
    subject,
    pair.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), sign("sha256", body, by.privateKey)));
  return {
    key: pair.privateKey.export({ type: "pkcs8", format: "pem" }),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64").replace(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
  };
}

function createPair() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function around(nowMs: number): { validFromMs: number; validToMs: number } {
  return { validFromMs: nowMs - dayMs, validToMs: nowMs + 30 * dayMs };
}

function commonName(text: string): Buffer {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(text)))));
}

function subjectAltName(names: readonly Buffer[]): Buffer {
  return sequence(oid("551d11"), der(0x04, sequence(...names)));
}

/** RFC 5280 §4.2.1.12. */
function extendedKeyUsage(use: "client" | "server"): Buffer {
  return sequence(oid("551d25"), der(0x04, sequence(oid(use === "client" ? "2b06010505070302" : "2b06010505070301"))));
}

/** Basic constraints: it may vouch for others, and for itself where it is given as the only trusted authority. */
function authorityItself(): Buffer {
  return sequence(oid("551d13"), der(0x01, Buffer.from([0xff])), der(0x04, sequence(der(0x01, Buffer.from([0xff])))));
}

function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function sequence(...content: readonly Buffer[]): Buffer {
  return der(0x30, ...content);
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

/** GeneralizedTime, `YYYYMMDDhhmmssZ`. */
function instant(ms: number): Buffer {
  return der(0x18, Buffer.from(`${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`));
}
