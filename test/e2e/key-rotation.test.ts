import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, environmentFor, type Instance, page, reasonOf } from "../support/fake-stack.ts";
import { backendIdentifier, ownIssuer, type SessionWorld, startSessionWorld } from "../support/session-world.ts";
import { useServers } from "./replica-rig.ts";
import { tokensOf } from "./session-answers.ts";

// Two replicas that keep their signing keys in one database, and verifiers elsewhere that ask for the published set once an hour.

const servers = useServers();
const hour = 3_600_000;
const minute = 60_000;
const tokenMs = 24 * hour;
const rotateEvery = "48h";
const announce = "24h";
/** Replicas look about every five seconds for what is stored; a busy machine takes longer for it. */
const takenUpMs = 20_000;
/** Several of these waits, and the commands. */
const testLimitMs = 120_000;

interface Rotating {
  readonly world: SessionWorld;
  readonly replicas: readonly [Instance, Instance];
  /** Of a user who is signed in. */
  readonly cookie: string;
  /** Name of the database. */
  readonly database: string;
}

async function start(): Promise<Rotating> {
  const address = await servers.freshDatabase();
  const world = await startSessionWorld({ instances: 2, database: { location: { kind: "postgres", address } }, change: withCreatedKeys });
  servers.defer(() => world.close());
  const [one = world.cambio, other = one] = world.stack.instances;
  const { cookie } = await world.register();
  return { world, replicas: [one, other], cookie, database: address.database };
}

function withCreatedKeys(configuration: Configuration): Configuration {
  const backend = configuration.audiences["backend"];
  if (backend?.mint === undefined) throw new Error("the configuration's names have changed");
  return {
    ...configuration,
    signing: { algorithm: "ES256", keys: undefined, rotate_every: 48 * hour, announce: 24 * hour },
    audiences: { ...configuration.audiences, backend: { ...backend, mint: { ...backend.mint, lifetime: tokenMs } } },
  };
}

/** After a leap of the clock a replica decides nothing until it has looked at the database again. */
async function decided(ask: () => Promise<Answer>): Promise<Answer> {
  let answer: Answer | undefined;
  const hasDecided = async () => reasonOf((answer = await ask())) !== "STORE_UNAVAILABLE";
  await eventually("a replica decides again", hasDecided, takenUpMs);
  if (answer === undefined) throw new Error("nobody answered");
  return answer;
}

async function mintedAt(at: Instance, cookie: string): Promise<string> {
  const message = { clientId: "shop", session: {}, audiences: ["backend"] };
  return tokensOf(await decided(() => at.rpc("Exchange", message, { origin: page, cookie }))).accessToken;
}

const shown = ({ world }: Rotating, token: string, at: Instance): Promise<Answer> =>
  decided(() => world.asOrders("ValidateCrossClient", { token: { value: token }, audience: "backend" }, at));

const outcomeAt = async (given: Rotating, token: string, at: Instance): Promise<string> => {
  const answer = await shown(given, token, at);
  return reasonOf(answer) ?? String(answer.status);
};

const kidOf = (token: string): string => decodeProtectedHeader(token).kid ?? "";

const publishedAt = async ({ url }: Instance): Promise<JSONWebKeySet> =>
  (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;

const kidsAt = async (at: Instance): Promise<readonly string[]> => (await publishedAt(at)).keys.map(({ kid }) => kid ?? "");

async function untilEverywhere({ replicas }: Rotating, what: string, holds: (kids: readonly string[]) => boolean): Promise<void> {
  const all = async () => (await Promise.all(replicas.map(kidsAt))).every(holds);
  await eventually(what, all, takenUpMs);
}

describe("a whole rotation, over two replicas", () => {
  it("breaks no token, neither at the other replica nor at a verifier that asks once an hour", { timeout: testLimitMs }, async () => {
    const given = await start();
    const { world, replicas, cookie, database } = given;
    const { time } = world.stack;
    const beganMs = time.nowMs;
    const issued: { readonly token: string; readonly atMs: number }[] = [];
    const signedBy = new Map<string, number>();
    let polls = 0;
    let polled: JSONWebKeySet | undefined;

    async function poll(): Promise<void> {
      const [one, other] = replicas;
      polled = await publishedAt(polls % 2 === 0 ? one : other);
      polls += 1;
    }

    /** Hour by hour, with a poll in each. */
    async function until(ms: number): Promise<void> {
      for (let next = beganMs + polls * hour; next <= ms; next += hour) {
        time.nowMs = next;
        await poll();
      }
      time.nowMs = ms;
    }

    async function verifyElsewhere(token: string): Promise<void> {
      const keys = createLocalJWKSet(polled ?? { keys: [] });
      const currentDate = new Date(time.nowMs);
      await jwtVerify(token, keys, { issuer: ownIssuer, audience: backendIdentifier, typ: "at+jwt", algorithms: ["ES256"], currentDate });
    }

    /** A token of each replica; and all that are still valid, at both replicas and elsewhere. */
    async function tryAll(): Promise<void> {
      for (const replica of replicas) {
        const token = await mintedAt(replica, cookie);
        issued.push({ token, atMs: time.nowMs });
        signedBy.set(kidOf(token), (signedBy.get(kidOf(token)) ?? 0) + 1);
      }
      for (const { token } of issued.filter(({ atMs }) => time.nowMs < atMs + tokenMs - 1_000)) {
        for (const replica of replicas) expect(await outcomeAt(given, token, replica)).toBe("200");
        await verifyElsewhere(token);
      }
    }

    await until(beganMs);
    await tryAll();
    const [first = ""] = signedBy.keys();
    await until(beganMs + 12 * hour);
    await tryAll();

    // Announced: published by both, and by neither signed with.
    await until(beganMs + 24 * hour);
    await untilEverywhere(given, "the next key is published", (kids) => kids.length === 2);
    await tryAll();
    const stored = await servers.postgres().query("select kid, activates_at from signing_keys order by seq", database);
    const next = stored[1];
    const activatesMs = Number(next?.["activates_at"]);
    expect(activatesMs).toBeGreaterThanOrEqual(time.nowMs + 24 * hour);
    await until(beganMs + 36 * hour);
    await tryAll();
    await until(activatesMs - 1);
    await tryAll();
    expect([...signedBy.keys()]).toEqual([first]);

    // Active: both sign with it at the same instant, and what the first one signed stays good to its end.
    await until(activatesMs);
    await tryAll();
    expect([...signedBy]).toEqual([
      [first, 10],
      [next?.["kid"], 2],
    ]);
    await until(activatesMs + 12 * hour);
    await tryAll();
    await until(activatesMs - 1 + tokenMs - minute);
    await tryAll();
    expect(await Promise.all(replicas.map(kidsAt))).toEqual(replicas.map(() => expect.arrayContaining([first])));

    // Dropped, when its last token is over and whoever polls has not missed that.
    await until(activatesMs + 25 * hour);
    await untilEverywhere(given, "the first key is published no more", (kids) => !kids.includes(first));
    await tryAll();
    expect(signedBy.get(first)).toBe(10);
  });
});

/** The real command, against the database of the replicas. */
async function keysCommand({ world }: Rotating, ...words: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cambio-key-rotation-"));
  servers.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "cambio.yaml");
  await writeFile(file, commandFile);
  const env = { ...environmentFor(world.stack.provider), ...servers.environment({ postgres: true }) };
  const command = startChild(["src/cli/cambio.mjs", "keys", ...words, file], env);
  expect({ status: await command.ended, said: command.errors() }).toEqual({ status: 0, said: "" });
  // It lives by the machine's clock, and meant now.
  world.stack.time.nowMs = Date.now();
}

const commandFile = `
server: { issuer: ${ownIssuer} }
sealing: { keys: [{ id: "1", key: "\${CAMBIO_SEALING_KEY}" }] }
signing: { rotate_every: ${rotateEvery}, announce: ${announce} }
providers: {}
clients: {}
`;

async function untilSignedByAnother(given: Rotating, than: string): Promise<readonly [string, string]> {
  const [one, other] = given.replicas;
  let tokens: readonly [string, string] = ["", ""];
  const signed = async () => {
    tokens = [await mintedAt(one, given.cookie), await mintedAt(other, given.cookie)];
    return tokens.every((token) => kidOf(token) !== than);
  };
  await eventually("both replicas sign with another key", signed, takenUpMs);
  return tokens;
}

const outcomes = (given: Rotating, token: string) => Promise.all(given.replicas.map((at) => outcomeAt(given, token, at)));

describe("an emergency", () => {
  it("rotation at once makes running replicas sign with the new key, and breaks no token here", { timeout: testLimitMs }, async () => {
    const given = await start();
    const before = await mintedAt(given.replicas[0], given.cookie);
    await keysCommand(given, "rotate", "--now");
    const [one, other] = await untilSignedByAnother(given, kidOf(before));
    expect(kidOf(one)).toBe(kidOf(other));
    for (const token of [before, one, other]) expect(await outcomes(given, token)).toEqual(["200", "200"]);
  });

  it("a key that is ended takes its tokens along everywhere, also those that are remembered", { timeout: testLimitMs }, async () => {
    const given = await start();
    const stolen = await mintedAt(given.replicas[0], given.cookie);
    await keysCommand(given, "rotate", "--now");
    const [good] = await untilSignedByAnother(given, kidOf(stolen));
    const isRemembered = async () => {
      const answers = await Promise.all(given.replicas.map((at) => shown(given, stolen, at)));
      return answers.every(({ body }) => body["cached"] === true);
    };
    await eventually("both replicas remember it", isRemembered);
    await keysCommand(given, "retire", kidOf(stolen));
    await untilEverywhere(given, "the ended key is published no more", (kids) => !kids.includes(kidOf(stolen)));
    expect(await outcomes(given, stolen)).toEqual(["TOKEN_INVALID", "TOKEN_INVALID"]);
    expect(await outcomes(given, good)).toEqual(["200", "200"]);
  });

  it("ending the key that signs refuses its tokens, and another one signs in its place", { timeout: testLimitMs }, async () => {
    const given = await start();
    const stolen = await mintedAt(given.replicas[0], given.cookie);
    expect(await outcomes(given, stolen)).toEqual(["200", "200"]);
    await keysCommand(given, "retire", kidOf(stolen), "--now");
    const [one, other] = await untilSignedByAnother(given, kidOf(stolen));
    expect(await outcomes(given, stolen)).toEqual(["TOKEN_INVALID", "TOKEN_INVALID"]);
    for (const token of [one, other]) expect(await outcomes(given, token)).toEqual(["200", "200"]);
  });
});
