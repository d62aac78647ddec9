// A configuration from this machine's files and this process's environment: the only place that reads either of them.

import { closeSync, openSync, readSync } from "node:fs";
import type { ReadFile } from "./expand.ts";
import { loadConfiguration } from "./load.ts";
import type { Configuration } from "./schema.ts";
import { loadSignInPart, type SignInPart } from "./sign-in-part.ts";

/** @throws ConfigurationError */
export function readConfiguration(path: string): Configuration {
  return loadConfiguration({ path, env: process.env, readFile });
}

/** Reads no secret. @throws ConfigurationError */
export function readSignInPart(path: string): SignInPart {
  return loadSignInPart({ path, env: process.env, readFile });
}

/** Reads piecewise and stops at the limit, as a path may name a pipe or a device that has no size and no end. */
export const readFile: ReadFile = (path, maxBytes) => {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (;;) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      length += count;
      if (length > maxBytes) throw Object.assign(new Error("file too long"), { code: "EFBIG" });
      if (count === 0) return new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
};
