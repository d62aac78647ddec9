import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readCertificateNames } from "../../src/transport/certificate-names.ts";
import { generalName, makeAuthority, type WantedCertificate } from "../support/certificate.ts";

const authority = makeAuthority();
const orders = "spiffe://example.com/orders";

const textOf = (wanted: WantedCertificate): string | undefined => new X509Certificate(authority.issue(wanted).cert).subjectAltName;
const namesOf = (wanted: WantedCertificate) => readCertificateNames(textOf(wanted));

describe("the names of a certificate", () => {
  it.each<[string, WantedCertificate, { uris: string[]; dnsNames: string[] }]>([
    ["one of each", { uris: [orders], dnsNames: ["orders.internal"] }, { uris: [orders], dnsNames: ["orders.internal"] }],
    ["several, in their order", { dnsNames: ["b", "a"], uris: ["x:2", "x:1"] }, { uris: ["x:2", "x:1"], dnsNames: ["b", "a"] }],
    ["none", {}, { uris: [], dnsNames: [] }],
    ["a URI with a comma", { uris: ["https://a.example/b,c"] }, { uris: ["https://a.example/b,c"], dnsNames: [] }],
    ["a URI with a colon and a query", { uris: ["https://a.example:1/b?c=d"] }, { uris: ["https://a.example:1/b?c=d"], dnsNames: [] }],
    ["an empty one", { dnsNames: ["", "a"] }, { uris: [], dnsNames: ["", "a"] }],
    ["with spaces around", { dnsNames: [" a", "b "] }, { uris: [], dnsNames: [" a", "b "] }],
    [
      "only of other kinds",
      { otherNames: [generalName.ip(127, 0, 0, 1), generalName.email("a@example.com"), generalName.directory("orders.internal")] },
      { uris: [], dnsNames: [] },
    ],
    ["among an address that cannot be read", { otherNames: [generalName.ip(1)], dnsNames: ["a"] }, { uris: [], dnsNames: ["a"] }],
  ])("are read: %s", (_name, wanted, names) => {
    expect(namesOf(wanted)).toEqual(names);
  });
});

describe("an attacker does not get a CA's signature under one name and use it as another", () => {
  const within = `evil.example, URI:${orders}`;
  it.each<[string, WantedCertificate, { uris: string[]; dnsNames: string[] }]>([
    ["a URI inside a host name", { dnsNames: [within] }, { uris: [], dnsNames: [within] }],
    ["a host name inside a URI", { uris: ["x:y, DNS:orders.internal"] }, { uris: ["x:y, DNS:orders.internal"], dnsNames: [] }],
    ["a name inside a mail address", { otherNames: [generalName.email(`a@b, URI:${orders}`)] }, { uris: [], dnsNames: [] }],
    ["a name inside a directory name", { otherNames: [generalName.directory(within)] }, { uris: [], dnsNames: [] }],
    ["a name behind a quote", { dnsNames: [`x", URI:"${orders}`] }, { uris: [], dnsNames: [`x", URI:"${orders}`] }],
    ["a name behind an escaped quote", { dnsNames: [`x\\", URI:"${orders}`] }, { uris: [], dnsNames: [`x\\", URI:"${orders}`] }],
    ["a name that is quoted as a whole", { dnsNames: [`"orders.internal"`] }, { uris: [], dnsNames: [`"orders.internal"`] }],
    ["a name before a NUL", { dnsNames: ["orders.internal\0.evil.example"] }, { uris: [], dnsNames: ["orders.internal\0.evil.example"] }],
    ["a name before a line break", { dnsNames: [`evil\nURI:${orders}`] }, { uris: [], dnsNames: [`evil\nURI:${orders}`] }],
  ])("%s", (_name, wanted, names) => {
    expect(namesOf(wanted)).toEqual(names);
  });

  it.each([
    ["an open quote", `DNS:"a`],
    ["a quote within", `DNS:a"b`],
    ["text behind a quote", `DNS:"a"b`],
    ["text before a quote", `URI:x:"y"`],
    ["another separator", "DNS:a,URI:x:y"],
    ["a bad escape", String.raw`DNS:"\x"`],
    ["a line break in a quote", `DNS:"a\nb"`],
    ["nothing between separators", "DNS:a, , DNS:b"],
  ])("a text that Node does not write is not read at all: %s", (_name, text) => {
    expect(readCertificateNames(text)).toBeUndefined();
  });
});
