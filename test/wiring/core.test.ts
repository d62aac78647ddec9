import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Configuration, configurationSchema } from "../../src/config/schema.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { insertIntent } from "../../src/store/refresh-intents.ts";
import { openDatabase } from "../../src/store/open-database.ts";
import { type Core, wireCore } from "../../src/wiring/core.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { recordingAudit, refusal } from "../exchange/fixtures.ts";
import { createSigningKey } from "../keys/signing.ts";
import { tokenSet } from "../exchange/one-time-upstream.ts";
import { eventually } from "../support/eventually.ts";

const key = createSigningKey("ES256", "backend-1");
const issuer = "https://cambio.example";
const patience = () => AbortSignal.timeout(5_000);

let folder: string;
let clock: FrozenClock;
let closers: (() => unknown)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-core-"));
  clock = frozenClock();
  closers = [() => rm(folder, { recursive: true, force: true })];
});
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
});

interface Given {
  readonly issuer?: string;
  readonly timeout?: string;
  readonly assertions?: boolean;
}

/** Nothing is ever asked of the provider. */
function configured({ issuer: own = issuer, timeout = "100ms", assertions = true }: Given = {}): Configuration {
  const proof = { jwks: JSON.stringify({ keys: [key.jwk] }) };
  return configurationSchema.parse({
    server: own === "" ? {} : { issuer: own },
    database: { file: join(folder, "cambio.db") },
    providers: { main: { kind: "oidc", issuer: "https://provider.example", client: { id: "cambio", authentication: "none" }, timeout } },
    clients: { backend: { kind: "service", methods: ["Refresh"], ...(assertions ? { assertions: proof } : {}) } },
  });
}

async function started(configuration: Configuration): Promise<Core> {
  const metrics = createMetrics();
  const log = createLog({ level: "error", destination: { write: () => undefined } });
  const core = await wireCore(configuration, { clock, log, metrics, audit: recordingAudit(), keys: [masterKey("k")] });
  closers.push(
    () => metrics.close(),
    () => core.close(),
  );
  return core;
}

/** Which service an assertion for this audience proves. */
async function proves(core: Core, audience: string): Promise<unknown> {
  const now = Math.floor(clock() / 1_000);
  const assertion = key.token({ iss: "backend", sub: "backend", aud: audience, iat: now, exp: now + 60, jti: audience });
  const shown = { authorization: `Bearer ${assertion}`, certificate: undefined, issues: false };
  return (await core.current().callers.authenticate(shown, { signal: patience() }))?.id;
}

/** Every connection is being refreshed by a replica that died just now. */
async function intended(): Promise<void> {
  const database = openDatabase({ kind: "sqlite", file: join(folder, "cambio.db") });
  const ids = await database.run((db) => db.selectFrom("connections").select("id").execute());
  for (const { id } of ids) {
    const intent = { connection_id: id, generation: 0, attempt: 0, spool: "", call: "of another", created_at: clock(), outcome: null };
    await insertIntent(database, intent);
  }
  await database.close();
}

describe("this service's own name", () => {
  it("stays that of the start: an assertion for the name after a reload proves nothing yet", async () => {
    const core = await started(configured());
    core.reload(configured({ issuer: "https://later.example" }));
    expect(await proves(core, issuer)).toBe("backend");
    await expect(proves(core, "https://later.example")).rejects.toEqual(refusal("CALLER_UNAUTHENTICATED"));
  });

  it("is missing where a reload brings it together with the first assertions: it is refused, and says why", async () => {
    const core = await started(configured({ issuer: "", assertions: false }));
    const before = core.current();
    expect(() => core.reload(configured())).toThrow(/server\.issuer: takes effect at the next start/);
    expect(core.current()).toBe(before);
  });
});

const askedAgain = () => Promise.reject(new Error("the provider is asked a second time"));

describe("a refresh under way", () => {
  /** Longer than one takes at the first timeout, and shorter than at the raised one. */
  const betweenMs = 180_000;

  it("is not taken for abandoned before a raised timeout allows it, nor when the timeout is lowered again", async () => {
    const core = await started(configured());
    const connections = core.storage.vault?.connections;
    const kept = { clientId: "backend", provider: "main", accountId: undefined, byId: false, tokens: tokenSet(0, clock), issue: undefined };
    const { id = "" } = (await connections?.keep(kept)) ?? {};
    const { issuer: theIssuer } = kept.tokens;
    await intended();
    core.reload(configured({ timeout: "1m" }));
    core.reload(configured());
    const refreshed = async (signal: AbortSignal) =>
      (await connections?.findOfHandle(id))?.tokens(
        { issuer: theIssuer, beyond: 0, send: askedAgain, lostAnswer: "reauthenticate" },
        signal,
      );
    clock.advance(betweenMs);
    await expect(refreshed(AbortSignal.timeout(50))).rejects.toEqual(refusal("DEADLINE_EXCEEDED"));
    clock.advance(betweenMs);
    await expect(refreshed(patience())).rejects.toEqual(refusal("REAUTHENTICATION_REQUIRED"));
  });
});

const minting = (...algorithms: readonly (string | undefined)[]): Configuration => {
  const audiences = algorithms.map((algorithm, index) => {
    const secret = algorithm === "HS256" ? { secret: "0123456789abcdef0123456789abcdef" } : {};
    return [`audience-${index}`, { accepts: {}, mint: { ...(algorithm === undefined ? {} : { algorithm }), ...secret, from: {} } }];
  });
  return configurationSchema.parse({
    server: { issuer },
    database: { file: join(folder, "cambio.db") },
    signing: {},
    providers: {},
    audiences: Object.fromEntries(audiences),
    clients: {},
  });
};

const published = (core: Core) =>
  core.storage.signing
    .publicKeys()
    .keys.map(({ alg }) => alg)
    .toSorted();

describe("created signing keys", () => {
  it("are there for every algorithm that an audience names, and none for a shared secret", async () => {
    const core = await started(minting("RS256", undefined, "HS256"));
    expect(published(core)).toEqual(["ES256", "RS256"]);
  });

  it("are made within seconds for an algorithm that a reload brings", async () => {
    const core = await started(minting(undefined));
    expect(published(core)).toEqual(["ES256"]);
    core.reload(minting("EdDSA"));
    await eventually("the next look", () => published(core).length === 2);
    expect(published(core)).toEqual(["ES256", "EdDSA"]);
  });
});
