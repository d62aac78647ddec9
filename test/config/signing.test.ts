import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { fingerprint } from "../../src/config/fingerprint.ts";
import { exampleWith, expectOnlyMistake, failureOf, load } from "./given.ts";

const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" });
const jwk = (key: KeyObject, more: object = {}) => JSON.stringify({ ...key.export({ format: "jwk" }), ...more });
const ec = (namedCurve = "P-256") => generateKeyPairSync("ec", { namedCurve }).privateKey;
const rsa = (modulusLength: number, publicExponent = 65_537) => generateKeyPairSync("rsa", { modulusLength, publicExponent }).privateKey;

const [p256, other, ed25519, rsa2048] = [ec(), ec(), generateKeyPairSync("ed25519").privateKey, rsa(2_048)];
const keys = (...texts: readonly string[]) => texts.map((private_key) => ({ private_key }));
const issuer = "https://cambio.example.com";

/** The example with this section, and what it needs. */
const signing = (section: object, more: Readonly<Record<string, unknown>> = {}) =>
  exampleWith({ "server/issuer": issuer, signing: section, ...more });

const readWith = (key: KeyObject) => load({ text: signing({ keys: keys(pem(key)) }) }).signing;

describe("signing keys from files", () => {
  it.each([
    ["P-256 in PEM", pem(p256), "ES256"],
    ["P-256 as a JWK", jwk(p256, { alg: "ES256", use: "sig", kid: "ignored" }), "ES256"],
    ["Ed25519 in PEM", pem(ed25519), "EdDSA"],
    ["Ed25519 as a JWK of the newer name", jwk(ed25519, { alg: "Ed25519" }), "EdDSA"],
    ["RSA of 2048 bits in PEM", pem(rsa2048), "RS256"],
    ["RSA as a JWK", jwk(rsa2048, { key_ops: ["sign"] }), "RS256"],
  ])("%s is a private key that knows its algorithm", (_name, text, algorithm) => {
    const { signing: read } = load({ text: signing({ algorithm, keys: keys(text) }) });
    const [key] = read?.keys ?? [];
    expect(key?.private_key.algorithm).toBe(algorithm);
    expect(key?.private_key.key.type).toBe("private");
    expect(key?.activates_at).toBeUndefined();
  });

  it("come from a file like other secrets, and take their turn at an instant", () => {
    const section = { keys: [...keys(pem(p256)), { private_key_file: "next.pem", activates_at: "2026-12-01T01:00:00+01:00" }] };
    const { signing: read } = load({ text: signing(section), files: { "/etc/cambio/next.pem": pem(other) } });
    const next = read?.keys?.[1];
    expect(next?.activates_at).toBe(Date.parse("2026-12-01T00:00:00Z"));
    expect(next?.private_key.key.equals(other)).toBe(true);
    expect(read?.rotate_every).toBeUndefined();
  });

  it("that were replaced are a change that only a new start takes up", () => {
    expect(fingerprint(readWith(p256))).toBe(fingerprint(readWith(p256)));
    expect(fingerprint(readWith(p256))).not.toBe(fingerprint(readWith(other)));
  });
});

describe("created signing keys", () => {
  it("sign ES256 for 30 days each, and are announced for a day", () => {
    const { signing: read } = load({ text: signing({}, { database: { url: "postgres://h/db" } }) });
    expect(read).toEqual({ algorithm: "ES256", announce: 86_400_000, rotate_every: 2_592_000_000 });
  });
});

it("nothing is signed without the section", () => {
  expect(load().signing).toBeUndefined();
});

describe("a key that cannot sign", () => {
  const [text] = [pem(p256)];
  const { d: _d, ...publicJwk } = p256.export({ format: "jwk" });
  const encrypted = p256.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "canary" });
  const at = "signing.keys.0.private_key";
  const row = (name: string, written: string, words: string) => ({
    name,
    text: signing({ keys: keys(written) }),
    path: at,
    words,
  });
  expectOnlyMistake([
    row("RSA of 1024 bits", pem(rsa(1_024)), "has 2048 to 8192 bits"),
    row("another curve", pem(ec("P-384")), "of another kind"),
    row("a key for encryption", pem(generateKeyPairSync("x25519").privateKey), "of another kind"),
    row("RSA that is for PSS only", pem(generateKeyPairSync("rsa-pss", { modulusLength: 2_048 }).privateKey), "of another kind"),
    row("a public key in PEM", createPublicKey(p256).export({ type: "spki", format: "pem" }), "is a public key"),
    row("a public key as a JWK", JSON.stringify(publicJwk), "is a public key"),
    row("a shared secret as a JWK", JSON.stringify({ kty: "oct", k: "AAECAwQFBgcICQoLDA0ODw" }), "shared secret"),
    row("a key that is encrypted", encrypted, "without a passphrase"),
    row("PEM of an older form", p256.export({ type: "sec1", format: "pem" }), "openssl pkcs8 -topk8"),
    row("two keys in one text", `${text}${pem(other)}`, "one private key"),
    row("PEM that is cut", text.slice(0, 80), "one private key"),
    row("PEM with another body", text.replace(/\n[A-Za-z0-9+/=]+\n/, "\nAAAA\n"), "one private key"),
    row("a text of no form", "not a key", "openssl genpkey"),
    row("JSON that is cut", '{"kty":"EC"', "one private key"),
    row("a JWK for another algorithm", jwk(p256, { alg: "ES384" }), "another algorithm"),
    row("a JWK for encryption", jwk(p256, { use: "enc" }), "not for signatures"),
    row("a JWK that is to verify only", jwk(p256, { key_ops: ["verify"] }), "not for signatures"),
    row("a JWK with the exponent of another key", jwk(rsa2048, { e: "Aw" }), "public members belong to another key"),
    row(
      "a JWK with the public half of another key",
      jwk(p256, { x: other.export({ format: "jwk" }).x, y: other.export({ format: "jwk" }).y }),
      "signing.keys.0",
    ),
  ]);
});

describe("what is found about signing", () => {
  expectOnlyMistake([
    {
      name: "no name of its own",
      text: exampleWith({ signing: { keys: keys(pem(p256)) } }),
      path: "server.issuer",
      words: "tokens are signed here",
    },
    { name: "created keys without a database", text: signing({}), path: "signing", words: "no database to keep them in" },
    {
      name: "created keys without a sealing key",
      text: signing({}, { database: { url: "postgres://h/db" }, sealing: undefined }),
      path: "sealing",
      words: "is missing although there is a database",
    },
    {
      name: "created keys in a SQLite file although there are several replicas",
      text: signing({}, { database: { file: "cambio.db" }, redis: { url: "redis://redis:6379" } }),
      path: "signing",
      words: "Use PostgreSQL (database.url), or keys from files",
    },
    {
      name: "one key twice, in two forms",
      text: signing({ keys: [...keys(pem(p256)), { private_key: jwk(p256), activates_at: "2026-12-01T00:00:00Z" }] }),
      path: "signing.keys.1.private_key",
      words: "is the same key",
    },
    {
      name: "two keys that would sign at once",
      text: signing({ keys: keys(pem(p256), pem(other)) }),
      path: "signing.keys.1.activates_at",
      words: "one of them would never sign",
    },
    {
      name: "keys from files that are to be rotated",
      text: signing({ keys: keys(pem(p256)), rotate_every: "720h" }),
      path: "signing.rotate_every",
      words: "is for created keys",
    },
    {
      name: "no key for the algorithm of most audiences",
      text: signing({ algorithm: "RS256", keys: keys(pem(p256)) }),
      path: "signing.algorithm",
      words: "has no key",
    },
    {
      name: "a key that is announced for longer than it signs",
      text: signing({ announce: "48h", rotate_every: "24h" }, { database: { url: "postgres://h/db" } }),
      path: "signing.announce",
      words: "is not shorter than rotate_every",
    },
    {
      name: "a key that is hardly announced",
      text: signing({ announce: "1h" }, { database: { url: "postgres://h/db" } }),
      path: "signing.announce",
      words: "2h to 168h",
    },
    ...["2026-12-01", "2026-12-01T00:00:00", "2026-02-30T00:00:00Z", "1796083200"].map((activates_at) => ({
      name: `an instant that is none: ${activates_at}`,
      text: signing({ keys: [{ private_key: pem(p256), activates_at }] }),
      path: "signing.keys.0.activates_at",
      words: "such as 2026-12-01T00:00:00Z",
    })),
  ]);

  it("keys of different algorithms sign beside each other", () => {
    const read = load({ text: signing({ keys: keys(pem(p256), pem(ed25519), pem(rsa2048)) }) });
    expect(read.signing?.keys?.map(({ private_key: key }) => key.algorithm)).toEqual(["ES256", "EdDSA", "RS256"]);
  });
});

it.each([
  ["in PEM that is cut", pem(p256).replace("-----END", "-----CANARY")],
  ["as a JWK without a kind", jwk(p256, { kty: undefined, d: "CANARY" })],
  ["of RSA that is weak", pem(rsa(1_024))],
])("a key %s stands in no part of the error", (_name, written) => {
  const error = failureOf({ text: signing({ keys: keys(written) }) });
  const shown = [error.message, error.stack, inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error)].join("\n");
  const bodies = [...written.matchAll(/[A-Za-z0-9+/_-]{20,}/g)].map(([body]) => body);
  expect(bodies.length + Number(written.includes("CANARY"))).toBeGreaterThan(0);
  for (const body of [...bodies, "CANARY"]) expect(shown).not.toContain(body);
});
