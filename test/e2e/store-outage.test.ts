import { describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, environmentFor, exampleFile, type FakeCode, type Instance, startFakeStack } from "../support/fake-stack.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { counted, type Given, outcomeOf, redeem, refresh, refreshesAt, signedIn, tokensOf, untilReady, useServers } from "./replica-rig.ts";

// PostgreSQL away, silent and back: what needs it is refused before anything is spent, what does not goes on, nothing is lost.

const servers = useServers();
const postgres = { postgres: true } as const;

/** A connection that is made anew, and a replica that looks again. */
const recoveryLimitMs = 10_000;

interface Signed extends Given {
  readonly code: FakeCode;
  readonly handle: string;
  readonly known: string;
  readonly unseen: string;
}

/** Somebody has signed in, a token is known, and a code and a token are about to be used. */
async function prepared(given: Given): Promise<Signed> {
  const { stack } = given;
  const { refreshToken, accessToken } = await signedIn(given);
  expect(outcomeOf(await stack.cambio.validate(accessToken))).toBe("200");
  return { ...given, code: await stack.newCode(), handle: refreshToken, known: accessToken, unseen: await stack.token() };
}

/** No call may take longer than the service's own deadline, whatever the database does. @throws Error where one does */
async function inTime({ stack }: Given, work: Promise<Answer>): Promise<string> {
  const limit = Promise.withResolvers<never>();
  const late = () => limit.reject(new Error("a call took longer than the deadline"));
  const timer = setTimeout(late, stack.configuration.server.deadline);
  try {
    return outcomeOf(await Promise.race([work, limit.promise]));
  } finally {
    clearTimeout(timer);
  }
}

/** What becomes of each kind of call while the database cannot be used. */
async function whileAway(signed: Signed): Promise<Readonly<Record<string, readonly string[]>>> {
  const { stack, replicas, code, handle, known, unseen } = signed;
  const each = (call: (at: Instance) => Promise<Answer>) => Promise.all(replicas.map((at) => inTime(signed, call(at))));
  const [validated, validatedFirst, codes, handles, revokes] = await Promise.all([
    each((at) => at.validate(known)),
    each((at) => at.validate(unseen)),
    each((at) => redeem(at, code)),
    each((at) => refresh(at, handle)),
    each((at) => at.rpc("Revoke", { token: { value: unseen } }, { authorization: stack.authorization("backend") })),
  ]);
  return { validated, validatedFirst, codes, handles, revokes };
}

const allOf = (outcome: string): readonly string[] => [outcome, outcome, outcome];
const refusedAndGoingOn = {
  validated: allOf("200"),
  validatedFirst: allOf("200"),
  codes: allOf("STORE_UNAVAILABLE"),
  handles: allOf("STORE_UNAVAILABLE"),
  revokes: allOf("STORE_UNAVAILABLE"),
};

/** The same code and the same handle as before work now: nothing was spent. */
async function nothingIsLost({ replicas, code, handle }: Signed): Promise<void> {
  const [one, other] = replicas;
  await eventually("the code is redeemed", async () => outcomeOf(await redeem(one, code)) === "200", recoveryLimitMs);
  let answer = await refresh(other, handle);
  await eventually("the handle is used", async () => (answer = await refresh(other, handle)).status === 200, recoveryLimitMs);
  expect(outcomeOf(await refresh(one, tokensOf(answer).refreshToken))).toBe("200");
}

describe("PostgreSQL that is", () => {
  it("killed: codes and handles are refused unspent, validation goes on, and it recovers without a restart", async () => {
    const signed = await prepared(await servers.given(postgres));
    const { stack, replicas } = signed;
    const calls = stack.provider.callsTo("token");
    const start = await servers.kill(servers.postgres());
    expect(await whileAway(signed)).toEqual(refusedAndGoingOn);
    expect(stack.provider.callsTo("token")).toBe(calls);
    expect(stack.provider.callsTo("revocation")).toBe(0);
    await start();
    await untilReady(replicas, "database", recoveryLimitMs);
    await nothingIsLost(signed);
    const away = stack.cambio.logLines().filter(({ msg }) => String(msg).startsWith("the database is away"));
    expect(away).toHaveLength(1);
  });

  it.each([
    ["behind a network that swallows requests", "request"],
    ["behind a network that swallows answers", "answer"],
  ] as const)("%s: every call is answered before its deadline, and what was claimed unheard is given back", async (_, at) => {
    const proxy = await startFaultProxy(servers.postgres().port);
    servers.defer(() => proxy.close());
    const signed = await prepared(await servers.given(postgres, { behind: proxy.port }));
    const { stack, replicas } = signed;
    const calls = stack.provider.callsTo("token");
    proxy.always({ kind: "hang", at });
    expect(await whileAway(signed)).toEqual(refusedAndGoingOn);
    expect(stack.provider.callsTo("token")).toBe(calls);
    proxy.clear();
    await untilReady(replicas, "database", recoveryLimitMs);
    await nothingIsLost(signed);
  });

  it("frozen: nobody waits past a deadline, and it goes on where it stopped", async () => {
    const signed = await prepared(await servers.given(postgres));
    servers.postgres().pause();
    servers.defer(async () => servers.postgres().resume());
    expect(await whileAway(signed)).toEqual(refusedAndGoingOn);
    servers.postgres().resume();
    await untilReady(signed.replicas, "database", recoveryLimitMs);
    await nothingIsLost(signed);
  });

  it("restarted under load: validation never fails, and no code reaches the provider twice", async () => {
    const signed = await prepared(await servers.given(postgres));
    const { stack, replicas, known } = signed;
    const codes = await Promise.all(Array.from({ length: 30 }, () => stack.newCode()));
    let restarted: Promise<void> | undefined;
    let next = 0;
    const exchanged: Answer[] = [];
    const validated: Answer[] = [];
    const worker = async (): Promise<void> => {
      while (next < codes.length) {
        const number = next++;
        if (number === 10) restarted = servers.postgres().restart();
        const [at, code] = [replicas[number % 3], codes[number]];
        if (at === undefined || code === undefined) throw new Error("there is nobody to ask");
        const [exchange, validation] = await Promise.all([redeem(at, code), at.validate(known)]);
        exchanged.push(exchange);
        validated.push(validation);
      }
    };
    await Promise.all(Array.from({ length: 6 }, worker));
    await restarted;
    expect(counted(validated)).toEqual({ "200": codes.length });
    const { "200": redeemed = 0, STORE_UNAVAILABLE: refused = 0 } = counted(exchanged);
    expect(redeemed + refused).toBe(codes.length);
    expect(refused).toBeGreaterThan(0);
    const sent = stack.provider.requests
      .filter(({ endpoint }) => endpoint === "token")
      .map(({ body }) => new URLSearchParams(body).get("code"));
    expect(new Set(sent).size).toBe(sent.length);
    await untilReady(replicas, "database", recoveryLimitMs);
    await nothingIsLost(signed);
    expect(refreshesAt(signed)).toBe(2);
  });
});

describe("a start", () => {
  it.each([
    [
      "whose database is away",
      async (): Promise<string> => "postgres://cambio:a-password-canary@127.0.0.1:1/cambio",
      /the database cannot be used \([A-Z]+/,
    ],
    [
      "whose database was never migrated",
      async (): Promise<string> => {
        await servers.postgres().query("create database empty");
        return `postgres://cambio:a-password-canary@127.0.0.1:${servers.postgres().port}/empty`;
      },
      /the database is not up to date\. Run `cambio migrate`/,
    ],
  ] as const)("%s says so in one sentence, with status 1", async (_, url, sentence) => {
    const stack = await startFakeStack();
    servers.defer(() => stack.close());
    const child = startChild(["src/cli/cambio.mjs", "serve", exampleFile], {
      ...environmentFor(stack.provider),
      DATABASE_URL: await url(),
    });
    expect(await child.ended).toBe(1);
    expect(child.errors()).toMatch(/^cambio did not start: [^\n]+\n$/);
    expect(child.errors()).toMatch(sentence);
    expect(child.errors()).not.toContain("canary");
    expect(child.output()).not.toContain('"msg":"listening"');
  });
});
