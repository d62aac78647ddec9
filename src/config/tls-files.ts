// The certificate and its key, and the CAs that are trusted, looked at before anything is started with them. They are read again by
// whoever listens or connects: here only what is wrong with them is found.

import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { readProblem } from "./expand.ts";
import type { Path, Report } from "./mistakes.ts";
import type { RuleInput } from "./rule-input.ts";

export function checkTlsFiles(input: RuleInput): void {
  const { redis, server } = input.configuration;
  if (redis?.ca_file !== undefined) {
    const ca = readPem(["redis", "ca_file"], redis.ca_file, input);
    if (ca !== undefined) checkCa(["redis", "ca_file"], ca, input.report);
  }
  if (server.tls !== undefined) checkServer(server.tls, input);
}

function checkServer(tls: NonNullable<RuleInput["configuration"]["server"]["tls"]>, input: RuleInput): void {
  const texts = (["certificate_file", "key_file", "client_ca_file"] as const).map((key) => {
    const file = tls[key];
    return file === undefined ? undefined : readPem(["server", "tls", key], file, input);
  });
  const [cert, key, ca] = texts;
  if (ca !== undefined) checkCa(["server", "tls", "client_ca_file"], ca, input.report);
  if (cert === undefined || key === undefined) return;
  try {
    createSecureContext({ cert, key });
  } catch {
    input.report(
      ["server", "tls"],
      "has a certificate and a private key that cannot be used together",
      "Both are PEM, and the key is not encrypted.",
    );
  }
}

function readPem(path: Path, file: string, { report, readText }: RuleInput): string | undefined {
  try {
    const text = readText(file);
    if (text !== "") return text;
    report(path, "names a file that is empty", "Write the PEM into it.");
  } catch (error) {
    report(path, `names a file that ${readProblem(error)}`, "Check the path; a relative one starts at the configuration file's folder.");
  }
  return undefined;
}

function checkCa(path: Path, ca: string, report: Report): void {
  try {
    // All of them: of several the first is looked at, and one that cannot be read stops every connection.
    createSecureContext({ ca });
    if (new X509Certificate(ca).ca) return;
  } catch {
    // Said below: a file without a certificate is no CA either.
  }
  report(path, "holds no certificate of a CA", "Write the CA's certificate into it, PEM.");
}
