import { createHmac, createSecretKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encryptGcm } from "../../src/sealing/aes-gcm.ts";
import { startChild } from "../support/child.ts";
import { runFolder } from "./run-folder.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cambio-vectors-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function program(...args: readonly string[]): Promise<{ status: number; output: string; errors: string }> {
  const run = startChild([join(import.meta.dirname, "run.ts"), ...args]);
  const status = await run.ended;
  return { status: status ?? -1, output: run.output(), errors: run.errors() };
}

function write(name: string, content: unknown): void {
  writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
}

const rsa = (bits: number) => generateKeyPairSync("rsa", { modulusLength: bits });
const strong = rsa(2_048);
const weak = rsa(1_024);
const encode = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function jws(pair: typeof strong, header: object = {}, payload: unknown = "text"): string {
  const input = `${encode({ alg: "RS256", kid: "one", ...header })}.${encode(payload)}`;
  return `${input}.${sign("sha256", Buffer.from(input), pair.privateKey).toString("base64url")}`;
}

const jwkOf = (pair: typeof strong) => ({ ...pair.publicKey.export({ format: "jwk" }), kid: "one", alg: "RS256" });

function signatures(key: object, ...tests: readonly (readonly [string, "valid" | "invalid" | "acceptable"])[]) {
  return {
    numberOfTests: tests.length,
    testGroups: [
      {
        type: "JsonWebSignature",
        ...key,
        tests: tests.map(([text, result], at) => ({ tcId: at + 1, comment: `case ${at + 1}`, jws: text, result })),
      },
    ],
  };
}

function sealing(nonce: Buffer, key: Buffer, result: "valid" | "invalid", change: (sealed: Buffer) => void = () => undefined) {
  const msg = Buffer.from("a message");
  const aad = Buffer.from("its place");
  const sealed =
    key.length === 32 && nonce.length === 12 ? encryptGcm({ key: createSecretKey(key), nonce, associated: aad }, msg) : randomBytes(25);
  change(sealed);
  const hex = { key, iv: nonce, aad, msg, ct: sealed.subarray(0, -16), tag: sealed.subarray(-16) };
  const test = Object.fromEntries(Object.entries(hex).map(([name, bytes]) => [name, bytes.toString("hex")]));
  return {
    algorithm: "AES-GCM",
    numberOfTests: 1,
    testGroups: [{ type: "AeadTest", tests: [{ tcId: 7, comment: "seven", result, ...test }] }],
  };
}

describe("signature vectors", () => {
  it("that all agree end well, whether or not their payload is one of a token", async () => {
    const good = jws(strong, {}, { sub: "alice" });
    const forged = good.replace(/.{8}$/, "AAAAAAAA");
    write("jws.json", signatures({ public: jwkOf(strong) }, [jws(strong), "valid"], [good, "valid"], [forged, "invalid"]));
    const { passed, lines } = await runFolder(folder);
    expect(lines[0]).toBe("jws.json: 3 vectors, 3 agreed, 0 refused by a rule of ours, 0 unexplained");
    expect(lines[1]).toContain("1 of them could not be tokens");
    expect(passed).toBe(true);
  });

  it("that are accepted against their makers' word raise the alarm", async () => {
    write("jws.json", signatures({ public: jwkOf(strong) }, [jws(strong), "invalid"], [jws(strong), "acceptable"]));
    const { passed, lines } = await runFolder(folder);
    expect(lines[0]).toBe("jws.json: 2 vectors, 0 agreed, 0 refused by a rule of ours, 2 unexplained");
    expect(lines).toEqual(
      expect.arrayContaining(["  ALARM: invalid, and accepted: #1 case 1", "  ALARM: acceptable, and accepted: #2 case 2"]),
    );
    expect(passed).toBe(false);
  });

  it("that are refused without a rule to name raise the alarm", async () => {
    write("jws.json", signatures({ public: jwkOf(strong) }, [jws(strong, { kid: "two" }), "valid"]));
    const { passed, lines } = await runFolder(folder);
    expect(lines).toContain("  ALARM: valid, and refused: #1 case 1");
    expect(passed).toBe(false);
  });

  const secret = randomBytes(32);
  const hmacInput = `${encode({ alg: "HS256", kid: "one" })}.${encode("text")}`;
  const hmac = `${hmacInput}.${createHmac("sha256", secret).update(hmacInput).digest("base64url")}`;
  const shared = { kty: "oct", kid: "one", alg: "HS256", k: secret.toString("base64url") };

  it.each([
    ["a shared secret", { private: shared }, hmac, "shared secrets are not accepted from an issuer"],
    ["a short key", { public: jwkOf(weak) }, jws(weak), "RSA keys have 2048 bits at least"],
    ["a key for encryption", { public: { ...jwkOf(strong), use: "enc" } }, jws(strong), "keys for encryption check no signatures"],
    [
      "a key that only encrypts",
      { public: { ...jwkOf(strong), key_ops: ["encrypt"] } },
      jws(strong),
      "keys for encryption check no signatures",
    ],
    ["two keys with one id", { public: { keys: [jwkOf(strong), jwkOf(rsa(2_048))] } }, jws(strong), "a published key id names one key"],
    ["an empty payload", { public: jwkOf(strong) }, jws(strong, {}, ""), "no part is empty"],
    ["a padded part", { public: jwkOf(strong) }, `${jws(strong)}==`, "base64url has one spelling"],
    ["a critical header", { public: jwkOf(strong) }, jws(strong, { crit: ["exp"], exp: 1 }), "the header may not change what is signed"],
    [
      "a key for another algorithm",
      { public: { ...jwkOf(strong), alg: "PS256" } },
      jws(strong),
      "the key is published for another algorithm than the header names",
    ],
  ])("with %s are refused on purpose, and the rule is named", async (_name, key, text, rule) => {
    write("jws.json", signatures(key, [text, "valid"]));
    expect(await runFolder(folder)).toMatchObject({
      passed: true,
      lines: expect.arrayContaining([`  valid, and refused: ${rule} (1): #1`]) as unknown,
    });
  });
});

describe("sealing vectors", () => {
  const key = randomBytes(32);
  const nonce = randomBytes(12);

  it.each([
    ["a good one", sealing(nonce, key, "valid")],
    ["a changed tag", sealing(nonce, key, "invalid", (sealed) => sealed.writeUInt8((sealed.at(-1) ?? 0) ^ 1, sealed.length - 1))],
  ])("that agree end well: %s", async (_name, file) => {
    write("gcm.json", file);
    expect(await runFolder(folder)).toMatchObject({
      passed: true,
      lines: ["gcm.json: 1 vectors, 1 agreed, 0 refused by a rule of ours, 0 unexplained"],
    });
  });

  it.each([
    ["another key length", sealing(nonce, randomBytes(16), "valid"), "keys have 256 bits"],
    ["another nonce length", sealing(randomBytes(16), key, "valid"), "nonces have 96 bits"],
  ])("with %s are refused on purpose, and the rule is named", async (_name, file, rule) => {
    write("gcm.json", file);
    expect(await runFolder(folder)).toMatchObject({
      passed: true,
      lines: expect.arrayContaining([`  valid, and refused: ${rule} (1): #7`]) as unknown,
    });
  });

  it.each([
    ["opened though they should not", sealing(nonce, key, "invalid"), "invalid, and accepted"],
    ["not opened though they should", sealing(nonce, key, "valid", (sealed) => void sealed.fill(0)), "valid, and refused"],
  ])("that are %s raise the alarm", async (_name, file, what) => {
    write("gcm.json", file);
    expect(await runFolder(folder)).toMatchObject({
      passed: false,
      lines: expect.arrayContaining([`  ALARM: ${what}: #7 seven`]) as unknown,
    });
  });
});

describe("a folder", () => {
  it("with files of other kinds beside has them named and skipped", async () => {
    write("gcm.json", sealing(randomBytes(12), randomBytes(32), "valid"));
    write("other.json", { numberOfTests: 1, algorithm: "AES-SIV-CMAC", testGroups: [{ type: "AeadTest", tests: [] }] });
    write("broken.json", "{");
    write("notes.txt", "no vectors");
    const { passed, lines } = await runFolder(folder);
    expect(lines).toEqual(
      expect.arrayContaining(["other", "broken"].map((name) => `${name}.json: skipped, no JSON Web Signature or AES-GCM vectors`)),
    );
    expect(lines).toHaveLength(3);
    expect(passed).toBe(true);
  });

  it("of a file that lost some of its vectors fails", async () => {
    write("jws.json", { ...signatures({ public: jwkOf(strong) }, [jws(strong), "valid"]), numberOfTests: 2 });
    await expect(runFolder(folder)).rejects.toThrow("jws.json announces 2 vectors and holds 1");
  });

  it("without vectors fails: nothing was shown", async () => {
    write("other.json", {});
    expect(await runFolder(folder)).toMatchObject({
      passed: false,
      lines: [expect.stringContaining("skipped"), `There are no vectors to run in ${folder}.`] as unknown,
    });
  });

  it("ends the program with the status that a make target needs", async () => {
    expect(await program()).toMatchObject({ status: 1, errors: "Which vectors? make test-vectors DIR=folder\n" });
    write("gcm.json", sealing(randomBytes(12), randomBytes(32), "valid"));
    expect(await program(folder)).toMatchObject({
      status: 0,
      output: "gcm.json: 1 vectors, 1 agreed, 0 refused by a rule of ours, 0 unexplained\n",
    });
    write("gcm.json", sealing(randomBytes(12), randomBytes(32), "invalid"));
    expect(await program(folder)).toMatchObject({ status: 1, errors: "" });
  });
});
