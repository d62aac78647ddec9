import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { makeAuthority, makeCertificate } from "../support/certificate.ts";
import { exampleWith, expectOnlyMistake, failureOf, load, type MistakeRow } from "./given.ts";

const published = (key: KeyObject, kid = "1"): object => ({ ...key.export({ format: "jwk" }), kid });
const setOf = (...keys: object[]): string => JSON.stringify({ keys });
const elliptic = (namedCurve = "P-256"): KeyObject => generateKeyPairSync("ec", { namedCurve }).publicKey;
const rsa = (modulusLength: number): KeyObject => generateKeyPairSync("rsa", { modulusLength }).publicKey;

const ordersKey = elliptic();
const ordersSet = setOf(published(ordersKey));
const otherSet = setOf(published(elliptic()));
const own = { "server/issuer": "https://cambio.example.com" };
const platform = { issuer: "https://kubernetes.default.svc", jwks: setOf(published(elliptic())) };
const cluster = { "workload_issuers/cluster": platform };
const fetchedAt = (jwks_url: string, allow_http: boolean) => ({ issuer: platform.issuer, jwks_url, allow_http });
const pod = { issuer: "cluster", subject: "system:serviceaccount:shop:orders", audience: "cambio" };

const tls = { certificate_file: "/c", key_file: "/k", client_ca_file: "/ca" };
const { cert, key } = makeCertificate();
const files = { "/c": cert, "/k": key, "/ca": makeAuthority().cert };

describe("a service proves itself by", () => {
  it.each<[string, Record<string, unknown>]>([
    ["assertions alone", { ...own, "clients/orders/assertions": { jwks: ordersSet } }],
    ["its platform's tokens alone", { ...cluster, "clients/orders/workloads": [pod] }],
    ["certificates alone", { "server/tls": tls, "clients/orders/certificates": [{ uri: "spiffe://example.com/orders" }] }],
  ])("%s", (_name, changes) => {
    const { orders } = load({ text: exampleWith({ "clients/orders/secrets": [], ...changes }), files }).clients;
    expect(orders?.secrets).toEqual([]);
  });

  it("all of them at once, while one takes the place of another", () => {
    const text = exampleWith({
      ...own,
      ...cluster,
      "server/tls": tls,
      "clients/orders/assertions": { jwks: ordersSet },
      "clients/orders/workloads": [pod, pod, { ...pod, audience: "cambio-next" }],
      "clients/orders/certificates": [{ uri: "spiffe://example.com/orders" }, { dns: "orders.internal" }],
      "clients/backend/workloads": [{ ...pod, subject: "system:serviceaccount:shop:backend" }],
      "clients/backend/certificates": [{ dns: "backend.internal" }],
    });
    expect(load({ text, files }).clients["orders"]?.certificates).toHaveLength(2);
  });

  it.each([
    ["RSA", rsa(2_048)],
    ["P-384", elliptic("P-384")],
    ["P-521", elliptic("P-521")],
    ["Ed25519", generateKeyPairSync("ed25519").publicKey],
  ])("a key of the kind %s, which may stand in its set twice", (_name, publicKey) => {
    const jwks = setOf({ ...published(publicKey), use: "sig" }, published(publicKey, "2"));
    expect(() => load({ text: exampleWith({ ...own, "clients/orders/assertions": { jwks } }) })).not.toThrow();
  });
});

describe("what the rules of proofs find", () => {
  expectOnlyMistake([
    { name: "service without any proof", changes: { "clients/orders/secrets": [] }, path: "clients.orders", words: "proves itself" },
    {
      name: "service with a short secret",
      env: { ORDERS_SECRET: "fifteen letters" },
      path: "clients.orders.secrets.0",
      words: "openssl rand -hex 32",
    },
    ...(
      [
        ["secrets", ["${ORDERS_SECRET}"]],
        ["assertions", { jwks: ordersSet }],
        ["workloads", [pod]],
        ["certificates", [{ dns: "orders.internal" }]],
      ] as const
    ).flatMap(([proof, value]) =>
      (
        [
          ["web", "browser"],
          ["cli", "native"],
        ] as const
      ).map(([client, kind]): MistakeRow => ({
        name: `${kind} client with ${proof}`,
        changes: { ...own, ...cluster, "server/tls": tls, [`clients/${client}/${proof}`]: value },
        files,
        path: `clients.${client}.${proof}`,
        words: `not for a ${kind}`,
      })),
    ),
    {
      name: "assertions that are meant for nobody",
      changes: { "clients/orders/assertions": { jwks: ordersSet } },
      path: "clients.orders.assertions",
      words: "server.issuer",
    },
    {
      name: "certificates that no CA vouches for",
      changes: { "clients/orders/certificates": [{ dns: "orders.internal" }] },
      path: "clients.orders.certificates",
      words: "client_ca_file",
    },
    {
      name: "certificates beside TLS that asks nobody for one",
      changes: { "server/tls": { ...tls, client_ca_file: undefined }, "clients/orders/certificates": [{ dns: "orders.internal" }] },
      files,
      path: "clients.orders.certificates",
      words: "client_ca_file",
    },
    {
      name: "workload of an unknown platform",
      changes: { ...cluster, "clients/orders/workloads": [{ ...pod, issuer: "elsewhere" }] },
      path: "clients.orders.workloads.0.issuer",
      words: "cluster",
    },
    {
      name: "workload of what every object inherits",
      changes: { ...cluster, "clients/orders/workloads": [{ ...pod, issuer: "constructor" }] },
      path: "clients.orders.workloads.0.issuer",
      words: "cluster",
    },
    {
      name: "platform without keys",
      changes: { "workload_issuers/cluster": { issuer: platform.issuer } },
      path: "workload_issuers.cluster",
      words: "one of jwks and jwks_url",
    },
    {
      name: "platform with two sources of keys",
      changes: { "workload_issuers/cluster": { ...platform, jwks_url: "https://kubernetes.default.svc/openid/v1/jwks" } },
      path: "workload_issuers.cluster",
      words: "one of jwks and jwks_url",
    },
    {
      name: "platform whose keys come in the clear",
      changes: { "workload_issuers/cluster": { issuer: platform.issuer, jwks_url: "http://kubernetes.default.svc/openid/v1/jwks" } },
      path: "workload_issuers.cluster.jwks_url",
      words: "allow_http",
    },
    {
      name: "two platforms with one issuer",
      changes: { ...cluster, "workload_issuers/other": { issuer: platform.issuer, jwks_url: "https://keys.example.com" } },
      path: "workload_issuers.other.issuer",
      words: "workload issuer cluster",
    },
    {
      name: "platform whose issuer is a provider's: its users' tokens could prove services",
      changes: { "workload_issuers/cluster": { ...platform, issuer: "https://login.example.com" } },
      path: "workload_issuers.cluster.issuer",
      words: "provider main",
    },
    ...["https://login.example.com", platform.issuer].map((id): MistakeRow => ({
      name: `client that asserts under the name ${id}, which is another issuer's`,
      text: exampleWith({ ...own, ...cluster }).replace(
        /^ {2}orders:\n {4}kind: service$/m,
        `  ${JSON.stringify(id)}:\n    kind: service\n    assertions: { jwks: '${ordersSet}' }`,
      ),
      path: `clients.${id}.assertions`,
      words: "Choose another id",
    })),
    {
      name: "workload that would prove two services",
      changes: { ...cluster, "clients/orders/workloads": [pod], "clients/backend/workloads": [{ ...pod, audience: "x" }, pod] },
      path: "clients.backend.workloads.1",
      words: "a workload of orders",
    },
    {
      name: "URI that would prove two services",
      changes: {
        "server/tls": tls,
        "clients/orders/certificates": [{ uri: "spiffe://example.com/a" }],
        "clients/backend/certificates": [{ uri: "spiffe://example.com/a" }],
      },
      files,
      path: "clients.backend.certificates.0",
      words: "a certificate name of orders",
    },
    {
      name: "host name that would prove two services, in another case",
      changes: {
        "server/tls": tls,
        "clients/orders/certificates": [{ dns: "shop.internal" }],
        "clients/backend/certificates": [{ dns: "Shop.Internal" }],
      },
      files,
      path: "clients.backend.certificates.0",
      words: "a certificate name of orders",
    },
    {
      name: "key that would prove two services, under another id and with other members",
      changes: {
        ...own,
        "clients/orders/assertions": { jwks: ordersSet },
        "clients/backend/assertions": { jwks: setOf({ ...published(ordersKey, "other"), use: "sig", alg: "ES256" }) },
      },
      path: "clients.backend.assertions.jwks",
      words: "a key of client orders",
    },
    {
      name: "key of a service that could speak for the whole platform",
      changes: { ...own, "clients/orders/assertions": { jwks: platform.jwks }, ...cluster },
      path: "workload_issuers.cluster.jwks",
      words: "a key of client orders",
    },
    ...(
      [
        ["a short RSA key", published(rsa(1_024))],
        ["a curve that no algorithm takes", { ...published(elliptic("secp256k1")) }],
        ["a key for agreeing on keys", published(generateKeyPairSync("x25519").publicKey)],
        ["a key for encrypting", { ...published(elliptic()), use: "enc" }],
        ["a key that is none", { kty: "EC", crv: "P-256", x: "AA", y: "AA", kid: "1" }],
      ] as const
    ).flatMap(([name, jwk]): MistakeRow[] => [
      {
        name: `service with ${name}`,
        changes: { ...own, "clients/orders/assertions": { jwks: setOf(published(elliptic()), { ...jwk, kid: "2" }) } },
        path: "clients.orders.assertions.jwks",
        words: "at place 2",
      },
      {
        name: `platform with ${name}`,
        changes: { "workload_issuers/cluster": { ...platform, jwks: setOf(jwk) } },
        path: "workload_issuers.cluster.jwks",
        words: "at place 1",
      },
    ]),

    // A mistake elsewhere hides what these rules need, and they report nothing that is not so.
    {
      name: "port beside everything that proofs need",
      changes: {
        ...own,
        "server/port": 99_999,
        "server/tls": tls,
        "clients/orders/assertions": { jwks: otherSet },
        "clients/orders/certificates": [{ dns: "orders.internal" }],
      },
      files,
      path: "server.port",
      words: "65535",
    },
    {
      name: "platform that has a mistake of its own",
      changes: { "workload_issuers/cluster": { ...platform, timeout: "1" }, "clients/orders/workloads": [pod] },
      path: "workload_issuers.cluster.timeout",
      words: "unit",
    },
  ]);

  it("plain http to the platform's keys, where the configuration says so or it is this machine", () => {
    const text = exampleWith({ "workload_issuers/a": fetchedAt("http://keys.internal/jwks", true) });
    expect(() => load({ text })).not.toThrow();
    expect(() => load({ text: exampleWith({ "workload_issuers/a": fetchedAt("http://127.0.0.1:8001/jwks", false) }) })).not.toThrow();
  });

  it("a mistake in one platform hides none in another", () => {
    const given = { "workload_issuers/broken": { ...platform, timeout: "1" }, "workload_issuers/keyless": { issuer: "https://k.example" } };
    const { mistakes } = failureOf({ text: exampleWith(given) });
    expect(mistakes.map(({ path }) => path).toSorted()).toEqual(["workload_issuers.broken.timeout", "workload_issuers.keyless"]);
  });

  it("no member of a key is repeated", () => {
    const changes = { ...own, "clients/orders/assertions": { jwks: setOf({ kty: "RSA", n: "CANARY", e: "AQAB", kid: "CANARY" }) } };
    expect(failureOf({ text: exampleWith(changes) }).message).not.toContain("CANARY");
  });
});
