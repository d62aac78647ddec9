import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newPkce } from "../../examples/clients.ts";
import { atOnce } from "../e2e/replica-rig.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, backendRedirectUri, type Instance, page, pageRedirectUri } from "../support/fake-stack.ts";
import { allDecided, checkHandedOut, createProviderAudit, type Family, given, isOpen, wasLost } from "./one-time-model.ts";
import { program, type Step } from "./one-time-program.ts";
import { strike } from "./strikes.ts";
import { outcomeOf, startWorld, type World } from "./world.ts";
import { ownName, providerTimeoutMs } from "./world-configuration.ts";

// Programs of sign-ins, refreshes and revocations at three replicas, while the provider, PostgreSQL and Redis fail as they please.
// Whatever fails: nothing one-time is used twice, nothing wider is handed out, and nobody is told a yes or a no that is not so.

/** Milliseconds that all programs together may take; a loaded machine runs fewer of them. */
const budgetMs = 12_000;

let world: World;
let seen: ReturnType<typeof createProviderAudit>;
beforeAll(async () => {
  world = await startWorld();
  seen = createProviderAudit(world.stack.provider.requests);
});
afterAll(() => world.close());

/** Refusals that a client may always meet here: what is in force is less than it was. */
const byPolicy = () => (world.variant() === "usual" ? [] : ["SCOPE_NOT_ALLOWED", "CALLER_NOT_ALLOWED", "CALLER_UNAUTHENTICATED"]);
/** What follows from an answer of the provider's that gives too much; it is spent all the same. */
const tooGenerous = ["SCOPE_NOT_ALLOWED", "TARGET_NOT_ALLOWED", "CALLER_NOT_ALLOWED"];

function at(number: number): Instance {
  const found = world.replicas[number % world.replicas.length];
  if (found === undefined) throw new Error("there is no replica");
  return found;
}

const parallel = (count: number, call: (instance: Instance) => Promise<Answer>) => world.inTime(atOnce(count, world.replicas, call));

interface Code {
  readonly message: object;
  readonly headers: Readonly<Record<string, string>>;
  /** Tokens were given for it. */
  redeemed: boolean;
}

/** How often a replica gave the token endpoint up, also where nobody waited for it any more. */
async function timeouts(replicas: readonly Instance[]): Promise<number> {
  const labels = { endpoint: "token", outcome: "timeout" };
  const counts = await Promise.all(replicas.map((one) => one.metric("cambio_upstream_calls_total", labels)));
  return counts.reduce((sum, count) => sum + count, 0);
}

interface Known {
  readonly families: Family[];
  readonly codes: Code[];
  /** Of the replicas there are, before this program. */
  timeouts: number;
  /** How often anything was given. */
  yes: number;
}

/** Undefined: nothing could be begun now, and the answer says so; or no user gets to the provider. */
async function authorizationUrl(instance: Instance, message: object, headers: Code["headers"]): Promise<string | undefined> {
  if (world.providerHeld()) return undefined;
  const answer = await world.inTime(instance.rpc("CreateAuthorizationUrl", message, headers));
  const [begun] = given([answer], byPolicy());
  return begun === undefined ? undefined : String(begun.body["authorizationUrl"]);
}

async function signIn({ families, codes }: Known, now: Extract<Step, { do: "sign-in" }>): Promise<number> {
  const { at: where, copies: count, meanwhile } = now;
  const { verifier, challenge } = await newPkce();
  const headers = { origin: page };
  const url = await authorizationUrl(at(where), { clientId: "web", redirectUri: pageRedirectUri, codeChallenge: challenge }, headers);
  if (url === undefined) return 0;
  const { code, state } = await world.stack.provider.login(url);
  world.stack.canary.register("verifier", verifier);
  world.stack.canary.register("state", state);
  const begunMs = world.stack.time.nowMs;
  if (meanwhile !== null) await strike(world, meanwhile);
  // A strike may let an hour pass: a sign-in that took so long has ended.
  const inGoodTime = world.stack.time.nowMs === begunMs;
  const message = { clientId: "web", authorizationCode: { code, codeVerifier: verifier, redirectUri: pageRedirectUri, state } };
  const answers = await parallel(count, (instance) => instance.rpc("Exchange", message, headers));
  const yes = given(answers, ["GRANT_INVALID", ...byPolicy(), ...tooGenerous]);
  codes.push({ message, headers, redeemed: yes.length > 0 });
  expect(yes.length).toBeLessThanOrEqual(1);
  if (inGoodTime && allDecided(answers) && properly(code) && byPolicy().length === 0) expect(yes.length).toBe(1);
  for (const answer of yes) {
    checkHandedOut(world, answer);
    families.push({ code, handles: [handleOf(answer)], clean: true, over: false, shaken: false, left: false });
  }
  return yes.length;
}

/** The provider answered about it as it should, or was never asked. */
function properly(code: string): boolean {
  const asked = world.stack.provider.requests.filter(({ body }) => body.includes(code));
  return asked.every(({ fault }) => fault === undefined);
}

function handleOf(answer: Answer): string {
  return String((answer.body["tokens"] as Readonly<Record<string, unknown>>)["refreshToken"]);
}

/** Several codes under one state, whose verifier the service keeps: one of them at most is sent. */
async function serviceSignIn(where: number, count: number): Promise<number> {
  const headers = { authorization: world.stack.authorization("backend") };
  const url = await authorizationUrl(at(where), {}, headers);
  if (url === undefined) return 0;
  const logins = await Promise.all(Array.from({ length: count }, () => world.stack.provider.login(url)));
  world.stack.canary.register("state", logins[0]?.state ?? "");
  const left = logins.map(({ code, state }) => ({ authorizationCode: { code, state, redirectUri: backendRedirectUri } }));
  const answers = await parallel(count, (instance) => instance.rpc("Exchange", left.shift() ?? {}, headers));
  const yes = given(answers, ["GRANT_INVALID", ...tooGenerous]);
  expect(yes.length).toBeLessThanOrEqual(1);
  return yes.length;
}

async function refresh(family: Family, { copies: count, handle }: { copies: number; handle: number }): Promise<number> {
  const shown = family.handles.at(-1 - handle);
  if (shown === undefined) return 0;
  const message = { clientId: "web", refreshToken: shown };
  const answers = await parallel(count, (instance) => instance.rpc("Refresh", message, { origin: page }));
  const yes = given(answers, ["REAUTHENTICATION_REQUIRED", ...byPolicy(), ...tooGenerous]);
  const ended = answers.some((answer) => outcomeOf(answer) === "REAUTHENTICATION_REQUIRED");
  if (family.over) expect(yes).toEqual([]);
  const successors = new Set(yes.map(handleOf));
  expect(successors.size).toBeLessThanOrEqual(1);
  // Of one whose answer was lost the end is true, and some call says that it was.
  if (handle === 0 && family.clean && !family.over && !lost(family)) expect(ended).toBe(false);
  for (const answer of yes) checkHandedOut(world, answer);
  const [successor] = successors;
  // A handle that was replaced answers with the one that took its place.
  if (handle === 1 && successor !== undefined && family.clean) expect(successor).toBe(family.handles.at(-1));
  if (successor !== undefined && !family.handles.includes(successor)) family.handles.push(successor);
  family.clean &&= yes.length === answers.length;
  family.over ||= ended;
  family.left ||= answers.some((answer) => outcomeOf(answer) === "DEADLINE_EXCEEDED");
  // One that was replaced may be taken for a thief's, whether or not anybody could say so.
  family.shaken ||= answers.some(isOpen) || (handle > 0 && !allDecided(answers));
  return yes.length;
}

/** The database fails while the provider has the token, before its answer can be written. */
async function tornRefresh(family: Family, { copies: count, meanwhile }: Extract<Step, { do: "torn-refresh" }>): Promise<number> {
  const { provider } = world.stack;
  const before = provider.callsTo("token");
  const release = provider.hold("token");
  const refreshed = refresh(family, { copies: count, handle: 0 });
  try {
    const arrived = eventually("the provider has the token", () => provider.callsTo("token") > before, providerTimeoutMs);
    // It may never get there: what failed before may still be felt.
    await Promise.race([refreshed, arrived.catch(() => undefined)]);
    await strike(world, meanwhile);
  } finally {
    release();
  }
  return refreshed;
}

/** Its provider has lost it, or something else may have. */
function lost(family: Family): boolean {
  return family.shaken || wasLost(world.stack.provider.requests, family);
}

/** In which what a replica could not write down is written, once its database is back. */
const graceMs = 10_000;

/** Once everything is well again: who was not told that a sign-in is over, and whose provider has lost nothing of it, still has it. */
async function livesOn(family: Family): Promise<void> {
  if (family.over || lost(family)) return;
  const message = { clientId: "web", refreshToken: family.handles.at(-1) };
  let outcome = "";
  const decided = async () => {
    outcome = outcomeOf(await world.inTime(at(0).rpc("Refresh", message, { origin: page })));
    return outcome === "200" || outcome === "REAUTHENTICATION_REQUIRED";
  };
  await eventually("a sign-in that nobody lost is refreshed, or is said to be over", decided, graceMs);
  // By this call, too, its answer may have been lost.
  expect([outcome, lost(family)]).not.toEqual(["REAUTHENTICATION_REQUIRED", false]);
}

async function greed(instance: Instance, family: Family | undefined): Promise<void> {
  const { challenge } = await newPkce();
  const start = { clientId: "web", redirectUri: pageRedirectUri, codeChallenge: challenge };
  const asked = [
    instance.rpc("CreateAuthorizationUrl", { ...start, scopes: ["openid", "orders:admin"] }, { origin: page }),
    instance.rpc("CreateAuthorizationUrl", { ...start, audiences: ["payroll"] }, { origin: page }),
  ];
  const answers = await world.inTime(Promise.all(asked));
  expect(given(answers, ["SCOPE_NOT_ALLOWED", "TARGET_NOT_ALLOWED", ...byPolicy()])).toEqual([]);
  if (family === undefined) return;
  const message = { clientId: "web", refreshToken: family.handles.at(-1), scopes: ["orders:admin"] };
  const refused = await world.inTime(instance.rpc("Refresh", message, { origin: page }));
  expect(given([refused], ["SCOPE_NOT_ALLOWED", "REAUTHENTICATION_REQUIRED", ...byPolicy()])).toEqual([]);
}

async function assertion(count: number): Promise<number> {
  const now = Math.floor(world.stack.time.nowMs / 1_000);
  const claims = { iss: "courier", sub: "courier", aud: ownName, iat: now, exp: now + 60, jti: crypto.randomUUID() };
  const token = world.stack.canary.register("assertion", world.courier.token(claims, { typ: "JWT" }));
  const headers = { authorization: `Bearer ${token}` };
  const answers = await parallel(count, (instance) => instance.rpc("CreateAuthorizationUrl", {}, headers));
  const yes = given(answers, ["CALLER_UNAUTHENTICATED"]);
  expect(yes.length).toBeLessThanOrEqual(1);
  if (allDecided(answers)) expect(yes.length).toBe(1);
  return yes.length;
}

async function replay(code: Code | undefined, count: number): Promise<void> {
  if (code === undefined) return;
  const answers = await parallel(count, (instance) => instance.rpc("Exchange", code.message, code.headers));
  // One that was given back, because nothing of it was sent, may still be good.
  const yes = given(answers, ["GRANT_INVALID", ...byPolicy(), ...tooGenerous]);
  expect(yes.length).toBeLessThanOrEqual(code.redeemed ? 0 : 1);
  for (const answer of yes) checkHandedOut(world, answer);
  code.redeemed ||= yes.length > 0;
}

async function revoke(family: Family, instance: Instance): Promise<void> {
  const message = { clientId: "web", token: { value: family.handles.at(-1) } };
  const answer = await world.inTime(instance.rpc("Revoke", message, { origin: page }));
  given([answer], byPolicy());
  family.clean = false;
  family.shaken = true;
  family.over ||= answer.status === 200;
}

/** Beyond the time in which a replica whose refresh has no outcome has to come back, and in which a replaced handle still answers. */
const longMs = 600_000;

async function step(known: Known, now: Step): Promise<void> {
  const { nowMs } = world.stack.time;
  await run(known, now);
  // What hung then was not in its replica's hands for so long; and who connects to a provider that does not read is not seen by it.
  if (world.stack.time.nowMs - nowMs >= longMs || world.providerHeld())
    for (const family of known.families) family.shaken ||= world.providerHeld() || !family.clean;
}

async function run(known: Known, now: Step): Promise<void> {
  const family = "family" in now ? known.families.at(-1 - now.family) : undefined;
  switch (now.do) {
    case "sign-in":
      known.yes += await signIn(known, now);
      return;
    case "service-sign-in":
      known.yes += await serviceSignIn(now.at, now.copies);
      return;
    case "refresh":
      if (family === undefined) return;
      known.yes += await refresh(family, now);
      // Once a thief was noticed, what the other one holds is good for nothing.
      if (now.handle > 1) known.yes += await refresh(family, { copies: 1, handle: 0 });
      return;
    case "torn-refresh":
      if (family !== undefined) known.yes += await tornRefresh(family, now);
      return;
    case "replay":
      return replay(known.codes[now.code % known.codes.length], now.copies);
    case "greed":
      return greed(at(now.at), family);
    case "assertion":
      known.yes += await assertion(now.copies);
      return;
    case "revoke":
      return family === undefined ? undefined : revoke(family, at(now.at));
    case "restart":
      known.timeouts -= await timeouts([at(now.at)]);
      return world.restart(now.at);
    case "wait":
      world.stack.time.nowMs += now.ms;
      return;
    case "reload":
      return world.reload(now.variant);
    case "strike":
      return strike(world, now.what);
    case "heal":
      return world.heal();
  }
}

it("nothing one-time is used twice and nothing wider is handed out, whatever fails meanwhile", { timeout: 6 * budgetMs }, async () => {
  const until = performance.now() + budgetMs;
  let programs = 0;
  let yes = 0;
  await fc.assert(
    fc.asyncProperty(program, async (steps) => {
      if (performance.now() > until) return;
      const known: Known = { families: [], codes: [], timeouts: await timeouts(world.replicas), yes: 0 };
      for (const now of steps) {
        await step(known, now);
        seen.check();
        expect(world.strangers()).toEqual([]);
      }
      await world.recover();
      // Whoever left a call that went on by itself was told nothing of an answer that came too late.
      const late = (await timeouts(world.replicas)) > known.timeouts;
      for (const family of known.families) if (!(late && family.left)) await livesOn(family);
      seen.check();
      programs += 1;
      yes += known.yes;
    }),
    { numRuns: 60, endOnFailure: true },
  );
  // Otherwise nothing was shown.
  expect(programs).toBeGreaterThan(1);
  expect(yes).toBeGreaterThan(5);
  expect(world.stack.provider.violations).toEqual([]);
  const internal = world
    .everyReplica()
    .flatMap((one) => one.logLines())
    .filter((line) => line["reason"] === "INTERNAL");
  expect(internal).toEqual([]);
});
