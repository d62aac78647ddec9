// The certificate and its key, looked at before anything is started with them. They are read again by whoever listens: here only
// what is wrong with them is found.

import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { readProblem } from "./expand.ts";
import type { RuleInput } from "./rule-input.ts";

export function checkTlsFiles({ configuration, report, readText }: RuleInput): void {
  const { tls } = configuration.server;
  if (tls === undefined) return;
  const texts = (["certificate_file", "key_file", "client_ca_file"] as const).map((key) => {
    const file = tls[key];
    if (file === undefined) return undefined;
    try {
      const text = readText(file);
      if (text !== "") return text;
      report(["server", "tls", key], "names a file that is empty", "Write the PEM into it.");
    } catch (error) {
      const fix = "Check the path; a relative one starts at the configuration file's folder.";
      report(["server", "tls", key], `names a file that ${readProblem(error)}`, fix);
    }
    return undefined;
  });
  const [cert, key, ca] = texts;
  if (ca !== undefined) checkCa(ca, report);
  if (cert === undefined || key === undefined) return;
  try {
    createSecureContext({ cert, key });
  } catch {
    report(
      ["server", "tls"],
      "has a certificate and a private key that cannot be used together",
      "Both are PEM, and the key is not encrypted.",
    );
  }
}

function checkCa(ca: string, report: RuleInput["report"]): void {
  try {
    if (new X509Certificate(ca).ca) return;
  } catch {
    // Said below: a file without a certificate is no CA either.
  }
  report(["server", "tls", "client_ca_file"], "holds no certificate of a CA", "Write the CA's certificate into it, PEM.");
}
