import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { basic } from "../../examples/clients.ts";
import type { Method } from "../../src/exchange/clients.ts";
import { eventually } from "../support/eventually.ts";
import { detailOf, type FakeCode, type FakeStack, page, reasonOf, startFakeStack } from "../support/fake-stack.ts";
import { outcomeOf } from "./replica-rig.ts";
import { limited, times } from "./limits-rig.ts";

/** Milliseconds: ten connections and three calls a look take their time on a machine that does much else. */
const loadedMs = 15_000;

describe("calls at one time", () => {
  let stack: FakeStack;
  beforeAll(async () => {
    stack = await startFakeStack({ change: limited({ concurrent_calls: 10, public_clients: 1_000, services: 10_000 }) });
  });
  afterAll(() => stack.close());

  const startSignIn = () =>
    stack.cambio.rpc("CreateAuthorizationUrl", { provider: "main" }, { authorization: stack.authorization("backend") });
  const refresh = () => stack.cambio.rpc("Refresh", { clientId: "cli", refreshToken: "handle-of-nobody" });
  const validate = async () => stack.cambio.validate(await stack.token());
  const outcomes = async () => [outcomeOf(await startSignIn()), outcomeOf(await refresh()), outcomeOf(await validate())];
  const usual = ["200", "REAUTHENTICATION_REQUIRED", "200"];

  /** A call whose body has begun and does not end. */
  function unfinished(method: Method, authorization: string): { leave: () => void } {
    const headers = { "content-type": "application/json", authorization };
    const call = request({
      host: "localhost",
      port: stack.cambio.port,
      path: `/cambio.v1.TokenExchangeService/${method}`,
      method: "POST",
      headers,
      agent: false,
    });
    call.on("error", () => undefined);
    call.write("{");
    return { leave: () => call.destroy() };
  }

  /** Twice as many as have places: whoever looks takes one for a moment, and a call that finds none then is refused, and is not there later. */
  function unfinishedIn(places: number, method: Method, service: "backend" | "orders"): readonly { leave: () => void }[] {
    return Array.from({ length: 2 * places }, () => unfinished(method, stack.authorization(service)));
  }

  it("exchanges that wait for a slow provider have two fifths of them, and those who leave give theirs back", async () => {
    const codes: FakeCode[] = [];
    while (codes.length < 5) codes.push(await stack.newCode());
    const before = stack.provider.callsTo("token");
    const release = stack.provider.hold("token");
    const leaving = new AbortController();
    const redeem = ({ code, codeVerifier, redirectUri, state }: FakeCode, signal?: AbortSignal) =>
      fetch(`${stack.cambio.url}/cambio.v1.TokenExchangeService/Exchange`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: page },
        body: JSON.stringify({ clientId: "web", authorizationCode: { code, codeVerifier, redirectUri, state } }),
        ...(signal === undefined ? {} : { signal }),
      }).then(
        ({ status }) => status,
        () => "left",
      );
    const [last, ...first] = codes as [FakeCode, ...FakeCode[]];
    const waiting = first.map((code) => redeem(code, leaving.signal));
    await eventually("all four exchanges are at the provider", () => stack.provider.callsTo("token") === before + 4);
    expect(await redeem(last)).toBe(503);
    expect(await outcomes()).toEqual(usual);

    leaving.abort();
    expect(await Promise.all(waiting)).toEqual(["left", "left", "left", "left"]);
    // Nobody leaves the provider: what was sent runs to its end there, and only the place is free.
    const next = eventually("the last is let through", async () => (await redeem(last)) === 200);
    await eventually("the provider has it", () => stack.provider.callsTo("token") === before + 5);
    release();
    await next;
    expect(await outcomes()).toEqual(usual);
  });

  it("exchanges beyond theirs are told when to ask again, by RPC and on the plain route", async () => {
    const held = unfinishedIn(6, "Exchange", "backend");
    await eventually("their places are taken", async () => outcomeOf(await startSignIn()) === "OVERLOADED");
    const refused = await startSignIn();
    expect([refused.status, reasonOf(refused), detailOf(refused)?.["retryAfter"]]).toEqual([429, "OVERLOADED", "1s"]);
    const plain = await fetch(`${stack.cambio.url}/api/auth/exchange`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: page },
      body: "{}",
    });
    expect([plain.status, plain.headers.get("retry-after")]).toEqual([429, "1"]);
    await plain.text();
    for (const one of held) one.leave();
    await eventually("their places are free", async () => outcomeOf(await startSignIn()) === "200");
  });

  it.each([
    ["60 % are exchanges: these wait", "Exchange", "backend", 6, ["OVERLOADED", ...usual.slice(1)]],
    ["80 % are refreshes: these wait as well", "Refresh", "backend", 8, ["OVERLOADED", "OVERLOADED", "200"]],
    ["all are validations: everything waits", "ValidateCrossClient", "orders", 10, ["OVERLOADED", "OVERLOADED", "OVERLOADED"]],
  ] as const)(
    "of bodies that never end: %s, until those who hold them leave",
    async (_case, method, service, count, while_) => {
      const held = unfinishedIn(count, method, service);
      await eventually("every place is taken", async () => (await outcomes()).join() === while_.join(), loadedMs);
      expect(await outcomes()).toEqual(while_);
      for (const one of held) one.leave();
      await eventually("every place is free", async () => (await outcomes()).join() === usual.join(), loadedMs);
    },
    3 * loadedMs,
  );

  it("a thousand calls that are refused on their way in leave no place taken", async () => {
    await times(1_000, (number) =>
      number % 2 === 0
        ? stack.cambio.rpc("Exchange", {}, { authorization: basic("backend", "wrong-wrong-wrong") })
        : stack.cambio.rpc("Refresh", {}),
    );
    stack.time.nowMs += 5_000;
    expect(await outcomes()).toEqual(usual);
  });
});
