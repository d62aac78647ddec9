import { describe, expect, it } from "vitest";
import type { ShownCertificate } from "../../src/callers/certificate.ts";
import { certificateOf, createRig, nowMs, orders, refusedFor } from "./rig.ts";

const uris = ["spiffe://example.com/orders"];

describe("a service proves itself by a certificate", () => {
  it.each<[string, Partial<ShownCertificate>]>([
    ["with its URI", { dnsNames: [] }],
    ["with its host name", { uris: [] }],
    ["with both", {}],
    ["with its URI among host names that nobody knows", { dnsNames: ["pod-7.shop.internal", "10-0-0-7"] }],
    ["with its host name and a URI that nobody knows", { uris: ["spiffe://example.com/other"] }],
    ["in its first moment", { validFromMs: nowMs }],
    ["in its last moment", { validToMs: nowMs }],
  ])("%s", async (_name, given) => {
    expect(await createRig().prove(undefined, { certificate: certificateOf(given) })).toBe(orders);
  });
});

describe("an attacker does not become a service by a certificate", () => {
  it.each<[string, Partial<ShownCertificate>, string]>([
    ["of another CA", { authorized: false, problem: "DEPTH_ZERO_SELF_SIGNED_CERT" }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["that did not hold, whatever the reason", { authorized: false }, "not_authorized"],
    ["that has expired since the connection began", { validToMs: nowMs - 1 }, "expired"],
    ["that is not valid yet", { validFromMs: nowMs + 1 }, "not_yet_valid"],
    ["whose end cannot be read", { validToMs: Number.NaN }, "expired"],
    ["whose beginning cannot be read", { validFromMs: Number.NaN }, "not_yet_valid"],
    ["without a name", { uris: [], dnsNames: [] }, "unknown_name"],
    ["of an unknown workload", { uris: ["spiffe://example.com/mallory"], dnsNames: [] }, "unknown_name"],
    ["of the workload's name in another trust domain", { uris: ["spiffe://example.org/orders"], dnsNames: [] }, "unknown_name"],
    ["of a path below the workload's", { uris: ["spiffe://example.com/orders/x"], dnsNames: [] }, "unknown_name"],
    ["of the workload, spelled another way", { uris: ["SPIFFE://example.com/orders"], dnsNames: [] }, "unknown_name"],
    ["for all hosts", { uris: [], dnsNames: ["*.internal"] }, "unknown_name"],
    ["for a host below", { uris: [], dnsNames: ["x.orders.internal"] }, "unknown_name"],
    ["for the host and a dot", { uris: [], dnsNames: ["orders.internal."] }, "unknown_name"],
    ["with the host name for a URI", { uris: ["orders.internal"], dnsNames: [] }, "unknown_name"],
    ["with the URI for a host name", { uris: [], dnsNames: uris }, "unknown_name"],
    ["with a name that every object has", { uris: ["__proto__"], dnsNames: ["constructor"] }, "unknown_name"],
    ["with two URIs (SPIFFE knows one)", { uris: [...uris, "spiffe://example.com/other"], dnsNames: [] }, "unknown_name"],
    ["with the same URI twice", { uris: [...uris, ...uris], dnsNames: [] }, "unknown_name"],
    ["with the URI of one service and the host name of another", { dnsNames: ["billing.internal"] }, "names_disagree"],
    ["with the host names of two services", { uris: [], dnsNames: ["orders.internal", "billing.internal"] }, "names_disagree"],
  ])("%s", async (_name, given, problem) => {
    const shown = createRig().prove(undefined, { certificate: certificateOf(given) });
    await expect(shown).rejects.toThrow(refusedFor("certificate", problem));
  });

  it("on a connection that outlives it: every call asks anew", async () => {
    const { prove, time } = createRig();
    const certificate = certificateOf({ validToMs: nowMs + 1_000 });
    expect(await prove(undefined, { certificate })).toBe(orders);
    time.nowMs += 1_001;
    await expect(prove(undefined, { certificate })).rejects.toThrow(refusedFor("certificate", "expired"));
  });
});
