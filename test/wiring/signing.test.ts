import { createSecretKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalJWKSet, createRemoteJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Configuration, configurationSchema } from "../../src/config/schema.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { startService } from "../../src/service.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openDatabase } from "../../src/store/open-database.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { needsRestart } from "../../src/wiring/core.ts";
import { type Signing, SigningStartError, wireSigning } from "../../src/wiring/signing.ts";
import { type FrozenClock, frozenClock, masterKey, nowMs } from "../cache/fixtures.ts";
import { judged } from "../keys/own-keys.ts";
import { startChild } from "../support/child.ts";

const hour = 3_600_000;
const es256 = { kind: "published", algorithm: "ES256" } as const;
const newPem = (key: KeyObject = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey) =>
  key.export({ type: "pkcs8", format: "pem" });

let folder: string;
let file: string;
let clock: FrozenClock;
let lines: Record<string, unknown>[];
let closers: (() => Promise<unknown>)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-signing-"));
  file = join(folder, "cambio.db");
  clock = frozenClock();
  lines = [];
  closers = [() => rm(folder, { recursive: true, force: true })];
});
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
});

const sealing = { keys: [{ id: "k", key: Buffer.from(Array.from({ length: 32 }, (_, index) => index + 1)).toString("base64url") }] };
const configured = (signing?: object, more: object = {}): Configuration =>
  configurationSchema.parse({
    server: { port: 0, issuer: "https://cambio.example" },
    sealing,
    ...(signing === undefined ? {} : { signing }),
    providers: {},
    clients: {},
    ...more,
  });

const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
const messages = () => lines.map(({ msg }) => msg);

/** A replica's signing, not started. */
async function replica(configuration: Configuration, keys: readonly [MasterKey, ...MasterKey[]] = [masterKey("k")]): Promise<Signing> {
  const { database: settings } = configuration;
  const database = settings === undefined ? undefined : openDatabase(settings.location);
  if (database !== undefined) await migrate(database);
  const log = createLog({ level: "info", destination });
  const signing = wireSigning({ configuration, keys, database, onAlarm: () => undefined, clock, log });
  closers.push(async () => {
    await signing.close();
    await database?.close();
  });
  return signing;
}

const kids = (signing: Signing) => signing.publicKeys().keys.map(({ kid }) => kid);
/** Without any shared secret. */
const signerOf = (signing: Signing) => signing.signerWith(new Map());

describe("without signing keys", () => {
  it("nothing is signed, nothing verifies, and the set is empty", async () => {
    const signing = await replica(configured());
    await signing.start();
    expect(signing.publicKeys()).toEqual({ keys: [] });
    await expect(signerOf(signing).sign({}, es256)).rejects.toThrow("STORE_UNAVAILABLE");
    expect(await signing.keySet.find({ kid: "any", alg: "ES256" }, AbortSignal.timeout(1_000))).toEqual({ kind: "unknown" });
  });
});

describe("keys from files", () => {
  const [older, newer] = [newPem(), newPem()];

  it("take turns at the configured instant, published from the start on", async () => {
    const activates_at = new Date(nowMs + 48 * hour).toISOString();
    const signing = await replica(configured({ keys: [{ private_key: newer, activates_at }, { private_key: older }] }));
    await signing.start();
    expect(messages()).toEqual([]);
    const [old, next] = kids(signing);
    const set = createLocalJWKSet(signing.publicKeys() as unknown as JSONWebKeySet);
    const kidNow = async () => {
      const token = await signerOf(signing).sign({}, es256);
      return (await jwtVerify(token.reveal(), set)).protectedHeader.kid;
    };
    expect(await kidNow()).toBe(old);
    clock.advance(48 * hour);
    expect(await kidNow()).toBe(next);
    expect(kids(signing)).toEqual([old, next]);
    clock.advance(25 * hour);
    expect(kids(signing)).toEqual([next]);
  });

  it.each([
    [
      "begins to sign too soon for who polls",
      [{ private_key: older }, { private_key: newer, activates_at: new Date(nowMs + hour).toISOString() }],
      "as long as signing.announce",
    ],
    [
      "was replaced long ago",
      [{ private_key: older }, { private_key: newer, activates_at: new Date(nowMs - 26 * hour).toISOString() }],
      "take it out of signing.keys",
    ],
    [
      "is the only one and does not sign yet",
      [{ private_key: older, activates_at: new Date(nowMs + 48 * hour).toISOString() }],
      "no signing key is active",
    ],
  ])("a start warns of a key that %s", async (_name, keys, words) => {
    await (await replica(configured({ keys }))).start();
    expect(messages()).toEqual([expect.stringContaining(words)]);
  });

  it("sign under a shared secret too where it is given, and only there", async () => {
    const signing = await replica(configured({ keys: [{ private_key: older }] }));
    await signing.start();
    const secret = createSecretKey(Buffer.alloc(32, 3));
    const shared = { kind: "shared", audience: "backend" } as const;
    const token = await signing.signerWith(new Map([["backend", secret]])).sign({ sub: "user-1" }, shared);
    expect((await jwtVerify(token.reveal(), secret)).payload).toEqual({ sub: "user-1" });
    expect((await judged(signing.keySet, token)).kind).toBe("refused");
    await expect(signerOf(signing).sign({}, shared)).rejects.toThrow("no secret");
  });

  it("that change are taken up at the next start only", () => {
    const before = configured({ keys: [{ private_key: older }] });
    expect(needsRestart(before, configured({ keys: [{ private_key: newer }] }))).toEqual(["signing"]);
    expect(needsRestart(before, configured({ keys: [{ private_key: older }] }))).toEqual([]);
  });
});

const inFile = () => configured({}, { database: { file } });

describe("created keys", () => {
  it("stay over a restart, with the tokens that they signed", async () => {
    const first = await replica(inFile());
    await first.start();
    const token = await signerOf(first).sign({}, es256);
    await first.close();
    expect(await readdir(folder)).not.toContain("cambio.db.lock");
    const second = await replica(inFile());
    await second.start();
    expect(kids(second)).toEqual(kids(first));
    expect((await judged(second.keySet, token)).kind).toBe("good");
    expect(messages()).toEqual(["a signing key was made, and is published"]);
  });

  it("are not opened by another sealing key: the start is refused, and says which key and what to do", async () => {
    const first = await replica(inFile());
    await first.start();
    const [kid = ""] = kids(first);
    await first.close();
    const failure: unknown = await (await replica(inFile(), [masterKey("other")])).start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SigningStartError);
    expect(String(failure)).toContain(`the signing key ${kid} in the database cannot be opened`);
    expect(String(failure)).toContain("sealing.keys");
    expect(String(failure)).toContain(`cambio keys retire ${kid}`);
  });

  it("are not made where the database does not answer", async () => {
    const configuration = inFile();
    const database = openDatabase({ kind: "sqlite", file });
    await migrate(database);
    await database.close();
    const log = createLog({ level: "info", destination });
    const signing = wireSigning({ configuration, keys: [masterKey("k")], database, onAlarm: () => undefined, clock, log });
    await expect(signing.start()).rejects.toThrow(SigningStartError);
    await signing.close();
  });

  it("in a SQLite file belong to one process: a second one that lives does not start, and one after it does", async () => {
    const program = `
      import { takeLock } from "./src/audit/lock-file.ts";
      import { realDisk } from "./src/audit/disk.ts";
      const options = { files: realDisk.side, random: (size) => Buffer.alloc(size, 1), pid: process.pid, isAlive: () => true };
      await takeLock(process.argv[1], options);
      process.stdout.write("locked");
      setInterval(() => undefined, 1_000);
    `;
    const other = startChild([process.execPath, "--input-type=module", "--eval", program, `${file}.lock`]);
    await other.untilOutput(/locked/);
    const signing = await replica(inFile());
    const failure: unknown = await signing.start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SigningStartError);
    expect(String(failure)).toContain("another process has the file in database.file open");
    other.process.kill();
    await other.ended;
    await (await replica(inFile())).start();
  });

  it("in a folder that takes no lock file do not start, and the reason is not taken for another one", async () => {
    const signing = await replica(inFile());
    await mkdir(`${file}.lock`);
    const failure: unknown = await signing.start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SigningStartError);
    expect(String(failure)).toContain("the lock file beside database.file cannot be used (EISDIR)");
  });

  it("are made for the algorithms of the edition in force as well", async () => {
    const configuration = inFile();
    const database = openDatabase({ kind: "sqlite", file });
    await migrate(database);
    const log = createLog({ level: "info", destination });
    const parts = { configuration, keys: [masterKey("k")] as const, database, onAlarm: () => undefined, clock, log };
    const signing = wireSigning({ ...parts, signingAlgorithms: () => ["RS256"] });
    closers.push(async () => {
      await signing.close();
      await database.close();
    });
    await signing.start();
    expect(
      signing
        .publicKeys()
        .keys.map(({ alg }) => alg)
        .toSorted(),
    ).toEqual(["ES256", "RS256"]);
  });
});

const serve = async (configuration: Configuration) => {
  const service = await startService(configuration, { logDestination: { write: () => undefined } });
  closers.push(() => service.close());
  return service;
};

describe("the service", () => {
  it("publishes the keys that it created, for verifiers that fetch them", async () => {
    const service = await serve(configured({}, { database: { file } }));
    const address = new URL(`${service.url}/.well-known/jwks.json`);
    const { keys } = (await (await fetch(address)).json()) as JSONWebKeySet;
    expect(keys).toMatchObject([{ kty: "EC", crv: "P-256", alg: "ES256", use: "sig" }]);
    const set = createRemoteJWKSet(address);
    await set.reload();
    expect(set.jwks()?.keys).toEqual(keys);
  });

  it("answers an empty set where it signs nothing", async () => {
    const service = await serve(configured());
    expect(await (await fetch(`${service.url}/.well-known/jwks.json`)).json()).toEqual({ keys: [] });
  });

  it("that may not use its keys stops again, with nothing left open, and another one may start", async () => {
    const first = await serve(configured({}, { database: { file } }));
    await first.close();
    closers.pop();
    const other = { keys: [{ id: "o", key: Buffer.from(Array.from({ length: 32 }, (_, index) => 99 - index)).toString("base64url") }] };
    await expect(
      startService(configured({}, { database: { file }, sealing: other }), { logDestination: { write: () => undefined } }),
    ).rejects.toThrow(SigningStartError);
    expect((await readdir(folder)).toSorted()).toEqual(["cambio.db", "cambio.db.spool"]);
    await serve(configured({}, { database: { file } }));
  });
});
