// What signing keys demand of each other and of the rest of the configuration. What is wrong with a single key is signing-key.ts.

import { createPublicKey } from "node:crypto";
import type { RuleInput } from "./rule-input.ts";
import type { Configuration } from "./schema.ts";

type Signing = NonNullable<Configuration["signing"]>;
type FileKey = NonNullable<Signing["keys"]>[number];

export function checkSigning(input: RuleInput): void {
  const { signing } = input.configuration;
  if (signing === undefined) return;
  if (!input.issuerNamed) {
    input.report(
      ["server", "issuer"],
      "is missing although tokens are signed here",
      "Give this service's own address: it is the issuer of what it signs.",
    );
  }
  if (signing.keys === undefined) checkCreated(signing, input);
  else checkFromFiles(signing, signing.keys, input);
}

/** That keys are sealed before they are stored needs no rule here: there is no database without a sealing key. */
function checkCreated(
  { rotate_every: rotateEvery, announce }: Signing,
  { configuration, redisNamed, databaseNamed, report }: RuleInput,
): void {
  // Made anew at each start, they would end every token with the process, and replicas would refuse each other's.
  if (!databaseNamed)
    report(
      ["signing"],
      "creates keys, and there is no database to keep them in",
      "Give a database, or keys from files under signing.keys.",
    );
  // Redis is there for several replicas: each of them would sign with keys of its own.
  if (redisNamed && configuration.database?.location.kind === "sqlite")
    report(
      ["signing"],
      "creates keys in a SQLite file, which belongs to one replica, although Redis is shared",
      "Use PostgreSQL (database.url), or keys from files under signing.keys.",
    );
  if (rotateEvery !== undefined && announce >= rotateEvery)
    report(["signing", "announce"], "is not shorter than rotate_every", "Shorten it, or let keys sign for longer.");
}

function checkFromFiles({ algorithm, rotate_every: rotateEvery }: Signing, keys: readonly FileKey[], { report }: RuleInput): void {
  if (rotateEvery !== undefined)
    report(["signing", "rotate_every"], "is for created keys", "Remove it, and give the next key an activates_at; or remove signing.keys.");
  if (!keys.some(({ private_key: key }) => key.algorithm === algorithm))
    report(["signing", "algorithm"], "has no key under signing.keys", "Write the algorithm of one of the keys, or add a key for it.");
  for (const [index, key] of keys.entries()) {
    const earlier = keys.slice(0, index);
    const at = ["signing", "keys", index];
    if (earlier.some((other) => isSameKey(key, other)))
      report([...at, "private_key"], "is the same key as an earlier one", "Keep one of them, or make a new key.");
    else if (earlier.some((other) => activatesWith(key, other)))
      report(
        [...at, "activates_at"],
        "is that of another key for the same algorithm, so that one of them would never sign",
        "Give the newer one the instant at which it takes over.",
      );
  }
}

function isSameKey({ private_key: one }: FileKey, { private_key: other }: FileKey): boolean {
  return createPublicKey(one.key).equals(createPublicKey(other.key));
}

function activatesWith(one: FileKey, other: FileKey): boolean {
  return one.private_key.algorithm === other.private_key.algorithm && one.activates_at === other.activates_at;
}
