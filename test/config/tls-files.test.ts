import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { makeCertificate } from "../support/certificate.ts";
import { exampleWith, expectOnlyMistake, failureOf, load } from "./given.ts";

const { cert, key } = makeCertificate();
const changes = { "server/tls": { certificate_file: "tls/server.pem", key_file: "/k" } };
const at = "/etc/cambio/tls/server.pem";

const encrypted = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "hunter2" },
}).privateKey;

it("a certificate and its key are found, relative paths beside the configuration", () => {
  const { tls } = load({ text: exampleWith(changes), files: { [at]: cert, "/k": key } }).server;
  expect(tls).toEqual({ certificate_file: at, key_file: "/k" });
});

describe("what a start would die of is found before", () => {
  const together = "cannot be used together";
  expectOnlyMistake([
    { name: "no certificate", changes, files: { "/k": key }, path: "server.tls.certificate_file", words: "does not exist" },
    { name: "an empty key", changes, files: { [at]: cert, "/k": "" }, path: "server.tls.key_file", words: "is empty" },
    { name: "a certificate that is none", changes, files: { [at]: "x", "/k": key }, path: "server.tls", words: together },
    { name: "a key that is none", changes, files: { [at]: cert, "/k": "x" }, path: "server.tls", words: together },
    { name: "another certificate's key", changes, files: { [at]: cert, "/k": makeCertificate().key }, path: "server.tls", words: together },
    { name: "an encrypted key", changes, files: { [at]: cert, "/k": encrypted }, path: "server.tls", words: "not encrypted" },
  ]);

  it("without a word of the key", () => {
    const { message } = failureOf({ text: exampleWith(changes), files: { [at]: cert, "/k": `${key}CANARY`.replace("END", "CANARY") } });
    expect(message).not.toContain("CANARY");
  });
});
