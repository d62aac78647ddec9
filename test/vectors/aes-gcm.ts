// AES-GCM vectors through the primitive that seals: both ways, and with the lengths that it insists on.

import { createSecretKey } from "node:crypto";
import { decryptGcm, encryptGcm, nonceBytes, tagBytes } from "../../src/sealing/aes-gcm.ts";
import { masterKeyBytes } from "../../src/sealing/master-keys.ts";
import type { Verdict } from "./judgement.ts";
import type { SealingVector } from "./vector-file.ts";

export function judgeSealing(vector: SealingVector): Verdict {
  const input = { key: createSecretKey(vector.key, "hex"), nonce: bytes(vector.iv), associated: bytes(vector.aad) };
  const sealed = bytes(vector.ct + vector.tag);
  const opened = unlessRefused(() => decryptGcm(input, sealed))?.equals(bytes(vector.msg)) ?? false;
  const made = unlessRefused(() => encryptGcm(input, bytes(vector.msg)))?.equals(sealed) ?? false;
  return {
    id: vector.tcId,
    comment: vector.comment,
    expected: vector.result,
    accepted: vector.result === "valid" ? opened && made : opened || made,
    // What is refused on purpose is refused both ways.
    rules: opened === made ? brokenRules(vector) : [],
  };
}

const ours: readonly { readonly rule: string; readonly breaks: (vector: SealingVector) => boolean }[] = [
  { rule: `keys have ${masterKeyBytes * 8} bits`, breaks: ({ key }) => bytes(key).length !== masterKeyBytes },
  { rule: `nonces have ${nonceBytes * 8} bits`, breaks: ({ iv }) => bytes(iv).length !== nonceBytes },
  { rule: `tags have ${tagBytes * 8} bits`, breaks: ({ tag }) => bytes(tag).length !== tagBytes },
];

function brokenRules(vector: SealingVector): readonly string[] {
  return ours.filter(({ breaks }) => breaks(vector)).map(({ rule }) => rule);
}

/** A key of another length is a programmer's mistake, and thrown as one. */
function unlessRefused(attempt: () => Buffer | undefined): Buffer | undefined {
  try {
    return attempt();
  } catch {
    return undefined;
  }
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}
