// Names under which one-time things are kept: HMACs, so that whoever reads the store learns no code and no state. It owns the
// names only; setting, taking and expiry are the stores' business.

import { createHash, createHmac, type KeyObject } from "node:crypto";
import type { Secret } from "../exchange/secret.ts";
import { lengthPrefixed } from "./length-prefix.ts";
import { deriveKey, type MasterKey } from "./master-keys.ts";

/**
 * One name per master key, the first key's first. A store marks all of them and looks at all of them: while keys rotate, replicas
 * whose key lists overlap in one key still meet at one name, and a code cannot be used once on each side.
 */
export interface OneTimeNames {
  ofCode(provider: string, code: Secret): readonly [string, ...string[]];
  ofState(state: string): readonly [string, ...string[]];
  /** An assertion, by the client whose it is and its id (`jti`). */
  ofAssertion(clientId: string, id: string): readonly [string, ...string[]];
}

export function createOneTimeNames(masterKeys: readonly MasterKey[]): OneTimeNames {
  const [first, ...others] = masterKeys.map((master) => deriveKey(master, "cambio/v1/one-time"));
  if (first === undefined) throw new Error("one-time names need at least one key");

  const names = (kind: "code" | "state" | "assertion", parts: readonly string[]): readonly [string, ...string[]] => {
    const question = lengthPrefixed([kind, ...parts]);
    const prefix = `cambio:v1:${kind}:{${slotTag(question)}}:`;
    const name = (key: KeyObject) => prefix + createHmac("sha256", key).update(question).digest("base64url");
    return [name(first), ...others.map(name)];
  };
  return {
    ofCode: (provider, code) => names("code", [provider, code.reveal()]),
    ofState: (state) => names("state", [state]),
    ofAssertion: (clientId, id) => names("assertion", [clientId, id]),
  };
}

/**
 * What stands in braces decides the slot in a Redis Cluster, and the names of one thing have to share it although their keys differ.
 * Of a hash without a key eight bits: enough to spread over as many servers as anybody has, and nobody finds a code by them.
 */
function slotTag(question: Uint8Array): string {
  return createHash("sha256").update(question).digest().toString("hex", 0, 1);
}
