// Secrets that the demo makes for itself at its first start and finds again at the next, so that accounts, sessions and keys in its
// folder stay good. The file is for its owner's eyes. A service of your own gets its secrets from where you keep secrets.

import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface KeptSecrets {
  readonly auth: string;
  readonly sealing: string;
}

export function keptSecrets(folder: string): KeptSecrets {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "secrets.json");
  try {
    const fresh = JSON.stringify({ auth: newSecret(), sealing: newSecret() } satisfies KeptSecrets);
    writeFileSync(path, fresh, { flag: "wx", mode: 0o600 });
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== "EEXIST") throw failure;
  }
  return JSON.parse(readFileSync(path, "utf8")) as KeptSecrets;
}

function newSecret(): string {
  return randomBytes(32).toString("base64url");
}
