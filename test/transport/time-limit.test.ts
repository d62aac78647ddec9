import { afterEach, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { outcomeOf } from "../../src/exchange/outcome.ts";
import { withDeadline } from "../../src/transport/time-limit.ts";
import { eventually } from "../support/eventually.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { overH1, overH2 } from "./raw-request.ts";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

const open: PortRig[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((rig) => rig.close()));
});

const reasonOf = (thrown: unknown): unknown => (thrown instanceof ExchangeError ? thrown.reason : thrown);

describe("a deadline", () => {
  it("gives the work's own answer while there is time", async () => {
    expect(await withDeadline(new AbortController().signal, 10_000, async () => "done")).toBe("done");
    const failing = withDeadline(new AbortController().signal, 10_000, () => Promise.reject(new ExchangeError("GRANT_INVALID")));
    expect(reasonOf(await failing.catch((thrown: unknown) => thrown))).toBe("GRANT_INVALID");
  });

  it("ends the wait for work that ignores its signal, and that work's later failure is nobody's crash", async () => {
    const late = Promise.withResolvers<never>();
    const waiting = withDeadline(new AbortController().signal, 20, () => late.promise);
    expect(reasonOf(await waiting.catch((thrown: unknown) => thrown))).toBe("DEADLINE_EXCEEDED");
    late.reject(new Error("too late"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  it("takes work that throws at once, though nobody waits any more", async () => {
    const waiting = withDeadline(AbortSignal.abort(), 10_000, () => {
      throw new ExchangeError("GRANT_INVALID");
    });
    expect(reasonOf(await waiting.catch((thrown: unknown) => thrown))).toBe("GRANT_INVALID");
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  it("lets the work say what became of something it had sent", async () => {
    const waiting = withDeadline(new AbortController().signal, 20, (inner) => outcomeOf(new Promise<never>(() => undefined), inner));
    expect(reasonOf(await waiting.catch((thrown: unknown) => thrown))).toBe("OUTCOME_UNKNOWN");
  });

  it("aborts the work with that reason, and so does the caller's own signal", async () => {
    const leaving = new AbortController();
    for (const [signal, ms] of [
      [new AbortController().signal, 20],
      [leaving.signal, 10_000],
      [AbortSignal.abort(), 10_000],
    ] as const) {
      let seen: AbortSignal | undefined;
      const waiting = withDeadline(signal, ms, (inner) => ((seen = inner), new Promise<never>(() => undefined)));
      leaving.abort();
      expect(reasonOf(await waiting.catch((thrown: unknown) => thrown))).toBe("DEADLINE_EXCEEDED");
      expect([seen?.aborted, reasonOf(seen?.reason)]).toEqual([true, "DEADLINE_EXCEEDED"]);
    }
  });
});

describe("the server's deadline", () => {
  const json = { "content-type": "application/json" };

  it.each(["deaf", "listening"])("answers a call whose client sets none, and whose handler is %s", async (provider) => {
    const rig = await startPort({ deadlineMs: 50 });
    open.push(rig);
    for (const over of [overH1, overH2]) {
      const answer = await over({ port: rig.port, path: exchangePath, headers: json, body: JSON.stringify({ provider }) });
      expect(answer.status).toBe(504);
      expect(answer.everything).toContain("ERROR_REASON_DEADLINE_EXCEEDED");
    }
  });

  it("is not moved by a client that asks for more", async () => {
    const rig = await startPort({ deadlineMs: 50 });
    open.push(rig);
    const headers = { ...json, "connect-timeout-ms": "3600000" };
    expect((await overH1({ port: rig.port, path: exchangePath, headers, body: `{"provider":"deaf"}` })).status).toBe(504);
  });

  it.each([
    ["gRPC", { "content-type": "application/grpc+json", "grpc-timeout": "99999999H" }, [0, 0, 0, 0, 19]],
    ["Connect", { ...json, "connect-timeout-ms": "9999999999" }, []],
  ])("is not brought near by a client that asks for more than a timer can count, over %s", async (_, headers, envelope) => {
    const rig = await startPort({ deadlineMs: 10_000 });
    open.push(rig);
    const body = Buffer.concat([Buffer.from(envelope), Buffer.from(`{"provider":"held"}`)]);
    const answer = overH2({ port: rig.port, path: exchangePath, headers, body });
    await eventually("the call's arrival", () => rig.backend.seen.length === 1);
    // A timer that had to fire at once has fired by the time another call has come and gone.
    await overH1({ port: rig.port, path: exchangePath, headers: json, body: "{}" });
    rig.backend.release();
    expect((await answer).everything).toContain("token for");
  });

  it("ends at once where the process stops", async () => {
    const stop = new AbortController();
    const rig = await startPort({ shutdownSignal: stop.signal });
    open.push(rig);
    const answer = overH2({ port: rig.port, path: exchangePath, headers: json, body: `{"provider":"deaf"}` });
    while (rig.backend.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    expect((await answer).status).toBe(504);
  });

  it("lets work that it gave up on run to its end", async () => {
    const rig = await startPort({ deadlineMs: 50 });
    open.push(rig);
    await overH1({ port: rig.port, path: exchangePath, headers: json, body: `{"provider":"deaf"}` });
    expect(rig.backend.settled).toEqual([]);
    rig.backend.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect([rig.backend.settled, unhandled]).toEqual([["deaf"], []]);
  });
});
