// A file of test vectors in Wycheproof's format, as far as its kinds are known here: what it holds, not what becomes of it.

import { basename } from "node:path";
import { z } from "zod";

const result = z.enum(["valid", "invalid", "acceptable"]);
const hex = z.string().regex(/^([0-9a-f]{2})*$/);
const jwk = z.record(z.string(), z.unknown());

const signatureGroup = z.object({
  type: z.literal("JsonWebSignature"),
  /** Absent for shared secrets, which have no public half. */
  public: jwk.optional(),
  private: jwk.optional(),
  tests: z.array(z.object({ tcId: z.number(), comment: z.string(), result, jws: z.string() })),
});

const sealingGroup = z.object({
  type: z.literal("AeadTest"),
  tests: z.array(z.object({ tcId: z.number(), comment: z.string(), result, key: hex, iv: hex, aad: hex, msg: hex, ct: hex, tag: hex })),
});

export type Expected = z.infer<typeof result>;
export type SignatureGroup = z.infer<typeof signatureGroup>;
export type SignatureVector = SignatureGroup["tests"][number];
export type SealingVector = z.infer<typeof sealingGroup>["tests"][number];

export type VectorFile =
  | { readonly kind: "signatures"; readonly name: string; readonly groups: readonly SignatureGroup[] }
  | { readonly kind: "aes-gcm"; readonly name: string; readonly vectors: readonly SealingVector[] }
  | { readonly kind: "unknown"; readonly name: string };

const kinds = z.object({
  numberOfTests: z.number(),
  algorithm: z.string().optional(),
  testGroups: z.array(z.object({ type: z.string() })).min(1),
});

/** @throws Error where a file of a known kind is not complete: a vector that cannot be read must not count as one that passed */
export function readVectorFile(path: string, text: string): VectorFile {
  const name = basename(path);
  const content = parse(text);
  const known = kinds.safeParse(content);
  if (!known.success) return { kind: "unknown", name };
  const types = new Set(known.data.testGroups.map((group) => group.type));

  if (types.size === 1 && types.has("JsonWebSignature")) {
    const { testGroups: groups } = z.object({ testGroups: z.array(signatureGroup) }).parse(content);
    assertComplete(name, groups, known.data.numberOfTests);
    return { kind: "signatures", name, groups };
  }
  if (types.size === 1 && types.has("AeadTest") && known.data.algorithm === "AES-GCM") {
    const { testGroups: groups } = z.object({ testGroups: z.array(sealingGroup) }).parse(content);
    assertComplete(name, groups, known.data.numberOfTests);
    return { kind: "aes-gcm", name, vectors: groups.flatMap((group) => group.tests) };
  }
  return { kind: "unknown", name };
}

function assertComplete(name: string, groups: readonly { readonly tests: readonly unknown[] }[], announced: number): void {
  const found = groups.reduce((sum, group) => sum + group.tests.length, 0);
  if (found !== announced) throw new Error(`${name} announces ${announced} vectors and holds ${found}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
