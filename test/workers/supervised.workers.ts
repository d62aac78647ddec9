import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { basic } from "../../examples/clients.ts";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { readMetric } from "../support/metrics-text.ts";
import { childrenOf, isAlive, linesOf, patienceMs, type Served, testMs, useWorkers } from "./workers-rig.ts";

const rig = useWorkers();

const token = async () => rig.canary.register("token", await rig.provider.mint({ client_id: "cambio" }));
const listens = async (url: string) => (await fetch(`${url}/livez`).catch(() => undefined))?.status === 200;
const stopped = async ({ child }: Served) => {
  child.process.kill("SIGTERM");
  return { status: await child.ended, errors: child.errors() };
};
const clean = { status: 0, errors: "" };

/** Each test starts processes, some of them one after the other. */
describe("cambio serve --workers", { timeout: testMs }, () => {
  it("serves from all workers, says where it listens once, and who says what in each line", async () => {
    const served = await rig.serve(await rig.configure(), ["--workers", "3"]);
    expect(served.workers().length).toBe(3);
    expect(served.said("listening")).toBe(1);
    const given = await token();
    for (let call = 1; call <= 6; call += 1) expect(await served.validate(given)).toBe(200);
    // A new connection each: as many workers answer as there are turns.
    for (let call = 1; call <= 6; call += 1)
      expect((await fetch(`${served.url}/livez`, { headers: { connection: "close" } })).status).toBe(200);
    const workersOf = (method: string) => new Set(served.lines().flatMap((line) => (line["method"] === method ? [line["worker"]] : [])));
    await eventually("all have answered", () => workersOf("/livez").size === 3);
    const nameless = served.lines().filter((line) => !("worker" in line) && !("workers" in line));
    expect(nameless).toEqual([]);
    served.child.process.kill("SIGINT");
    expect({ status: await served.child.ended, errors: served.child.errors() }).toEqual(clean);
    // Every line of the log and of three trails is whole: linesOf would throw.
    const chains = new Set(linesOf(served.child).flatMap((line) => (line["kind"] === "open" ? [line["chain"]] : [])));
    expect(chains.size).toBe(3);
  });

  it("/metrics has the numbers of all workers, whichever is asked", async () => {
    const served = await rig.serve(await rig.configure());
    const given = await token();
    for (let call = 1; call <= 10; call += 1) await served.validate(given);
    const texts = await Promise.all(
      Array.from({ length: 4 }, async () => (await fetch(`${served.url}/metrics`, { headers: { connection: "close" } })).text()),
    );
    for (const text of texts) {
      expect(readMetric(text, "cambio_worker_up")).toBe(2);
      expect(readMetric(text, "cambio_calls_total", { method: "cambio.v1.TokenExchangeService/ValidateCrossClient", reason: "OK" })).toBe(
        10,
      );
      for (const worker of ["1", "2"]) expect(readMetric(text, "cambio_resident_memory_bytes", { worker })).toBeGreaterThan(0);
    }
    expect(await stopped(served)).toEqual(clean);
  });

  it("SIGHUP reaches every worker", async () => {
    const file = await rig.configure();
    const served = await rig.serve(file);
    served.child.process.kill("SIGHUP");
    await served.untilSaid("configuration reloaded", 2);
    await writeFile(file, "clients: [");
    served.child.process.kill("SIGHUP");
    await served.untilSaid("configuration refused: the one before stays in force", 2);
    expect(await stopped(served)).toEqual(clean);
  });

  it("a second signal ends all of it at once, whatever is still in flight", async () => {
    const served = await rig.serve(await rig.configure((text) => text.replace("\nserver:\n", "\nserver:\n  drain: 60s\n")));
    const workers = served.workers();
    const release = rig.provider.hold("jwks");
    const hanging = served.validate(await token()).catch(() => "cut");
    await eventually("it waits for the provider's keys", () => rig.provider.callsTo("jwks") > 0);
    served.child.process.kill("SIGTERM");
    await served.untilSaid("stopping", 2);
    served.child.process.kill("SIGTERM");
    expect(await served.child.ended).toBe(143);
    expect(await hanging).toBe("cut");
    await eventually("no worker is left", () => !workers.some(isAlive));
    release();
  });

  it("a supervisor that was killed leaves no worker and no listener behind", async () => {
    const served = await rig.serve(await rig.configure());
    const workers = served.workers();
    expect(workers.length).toBe(2);
    served.child.process.kill("SIGKILL");
    await eventually("no worker is left", () => !workers.some(isAlive), patienceMs);
    expect(await listens(served.url)).toBe(false);
  });
});

describe("a start that fails is told once, as a single process tells it", { timeout: testMs }, () => {
  it.each([
    ["a configuration with mistakes", async () => ({ file: await rig.configure((text) => `${text}\nnonsense: true\n`), env: rig.env })],
    ["a file that is not there", async () => ({ file: join(rig.folder, "nowhere.yaml"), env: rig.env })],
  ])("%s", async (_name, given) => {
    const { file, env } = await given();
    const [one, several] = [rig.start([file], env), rig.start([file, "--workers", "3"], env)];
    expect(await several.ended).toBe(1);
    expect({ status: await one.ended, errors: one.errors() }).toEqual({ status: 1, errors: several.errors() });
    expect(several.errors()).toContain("1 mistake");
    expect(several.output()).toBe("");
  });

  it("nothing that processes share: the setting is named", async () => {
    const several = rig.start([await rig.configure(), "--workers", "2"], { ...rig.env, REDIS_URL: "" });
    expect(await several.ended).toBe(1);
    expect(several.errors()).toMatch(/^cambio did not start: --workers asks for 2 processes, and .* redis \(or REDIS_URL\); .*\n$/);
  });

  it("a port that is taken", async () => {
    const other = createServer().listen(0, "localhost");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const child = rig.start([await rig.configure(), "--workers", "2"], { ...rig.env, PORT: String(port) });
    expect(await child.ended).toBe(1);
    expect(child.errors()).toMatch(/^cambio did not start: the port is taken by another process\. .*\n$/);
    other.close();
  });
});

describe("a worker that dies", { timeout: testMs }, () => {
  it("again and again is replaced each time, later and later, while the other serves", async () => {
    const served = await rig.serve(await rig.configure());
    const [steady = 0] = served.workers();
    const given = await token();
    for (let death = 1; death <= 3; death += 1) {
      const [victim] = served.workers().filter((pid) => pid !== steady);
      process.kill(victim ?? 0, "SIGKILL");
      await served.untilSaid("a worker ended", death);
      expect(await served.validate(given)).toBe(200);
      // Two were ready at the start.
      await served.untilSaid("a worker is ready", 2 + death);
      expect(served.workers()).toContain(steady);
      expect(served.workers().length).toBe(2);
    }
    expect(served.lines().filter(({ msg, status }) => msg === "a worker ended" && status === "SIGKILL").length).toBe(3);
    expect(await stopped(served)).toEqual(clean);
  });

  it("with nobody left, and no other that could start: all ends, with what a single process would say", async () => {
    const file = await rig.configure();
    const served = await rig.serve(file);
    const text = await readFile(file, "utf8");
    await writeFile(file, `${text}\nnonsense: true\n`);
    for (const pid of served.workers()) process.kill(pid, "SIGKILL");
    expect(await served.child.ended).toBe(1);
    expect(served.child.errors()).toContain("1 mistake\n  nonsense");
  });

  it("while it replaces another: the old one stays, and so do the rest", async () => {
    const file = await rig.configure();
    const served = await rig.serve(file);
    const before = served.workers();
    const text = await readFile(file, "utf8");
    await writeFile(file, `${text}\nnonsense: true\n`);
    served.child.process.kill("SIGUSR2");
    await served.untilSaid("a new worker did not become ready: those that serve go on, and no other is replaced");
    expect(served.lines().find(({ msg }) => msg === "a worker ended before it was ready")?.["mistakes"]).toEqual(
      expect.arrayContaining([expect.stringContaining("nonsense")]),
    );
    expect(served.workers()).toEqual(before);
    expect(await served.validate(await token())).toBe(200);
    await writeFile(file, text);
    served.child.process.kill("SIGUSR2");
    await served.untilSaid("all workers were replaced");
    expect(await stopped(served)).toEqual(clean);
  });
});

it(
  "each worker has an audit trail of its own, which goes on after deaths, replacements and starts; no other supervisor writes there",
  async () => {
    const trail = join(rig.folder, "audit.jsonl");
    const file = await rig.configure((text) => `${text}\naudit:\n  file: ${trail}\n`);
    const given = await token();
    const served = await rig.serve(file);
    for (let call = 1; call <= 4; call += 1) await served.validate(given);
    const second = rig.start([file, "--workers", "2"]);
    expect(await second.ended).toBe(1);
    expect(second.errors()).toMatch(/^cambio did not start: audit\.file: another process is writing .*audit\.1\.jsonl\n$/);
    expect(await served.validate(given)).toBe(200);
    process.kill(served.workers()[0] ?? 0, "SIGKILL");
    await served.untilSaid("a worker is ready", 3);
    served.child.process.kill("SIGUSR2");
    await served.untilSaid("all workers were replaced");
    served.child.process.kill("SIGKILL");
    await served.child.ended;
    await eventually("no worker is left", async () => !(await listens(served.url)), patienceMs);
    const again = await rig.serve(file);
    expect(await stopped(again)).toEqual(clean);
    const files = (await readdir(rig.folder)).filter((name) => /^audit\..*jsonl$/.test(name)).map((name) => join(rig.folder, name));
    const verify = startChild(["src/cli/cambio.mjs", "audit", "verify", "--workers", "--config", file, ...files], rig.env);
    const status = await verify.ended;
    expect({ status, errors: verify.errors(), output: verify.output() }).toEqual({
      status: 0,
      errors: "",
      output: expect.stringMatching(/audit\.1\.jsonl: intact[^]*audit\.2\.jsonl: intact[^]*audit\.3\.jsonl: intact/),
    });
  },
  testMs,
);

it(
  "what supervisor and worker say to each other is of few kinds, and holds no token and no secret",
  async () => {
    const child = rig.run(["test/workers/eavesdropper.ts", await rig.configure()]);
    await child.untilOutput(/"url":"/);
    const url = /"url":"([^"]+)"/.exec(child.output())?.[1] ?? "";
    const call = (method: string, message: object, headers: Readonly<Record<string, string>> = {}) =>
      fetch(`${url}/cambio.v1.TokenExchangeService/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(message),
      });
    const [good, forged] = [await token(), `${await token()}x`];
    const authorization = basic("orders", rig.env["ORDERS_SECRET"] ?? "");
    expect((await call("ValidateCrossClient", { token: { value: good } }, { authorization })).status).toBe(200);
    expect((await call("ValidateCrossClient", { token: { value: forged } }, { authorization })).status).toBe(401);
    expect((await call(`ValidateCrossClient?token=${good}`, {}, { authorization: `Bearer ${good}` })).status).not.toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('cambio_worker_up{worker="1"} 1');
    child.process.kill("SIGHUP");
    child.process.kill("SIGTERM");
    expect(await child.ended).toBe(0);
    const messages = linesOf(child).flatMap((line) => ("message" in line ? [line["message"] as Readonly<Record<string, unknown>>] : []));
    const kinds = new Set(messages.map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(["expose", "exposition", "expositions", "ready", "scrape"]));
    for (const secret of [
      good,
      forged,
      authorization.slice(6),
      ...Object.entries(rig.env).flatMap(([name, value]) => (/SECRET|KEY/.test(name) ? [value] : [])),
    ])
      expect(child.output().includes(secret)).toBe(false);
  },
  testMs,
);

it("a worker's program that nobody supervises serves nothing", async () => {
  const child = rig.run(["src/workers/worker.ts", await rig.configure(), "1", "2", "first"]);
  expect(await child.ended).toBe(2);
  expect(child.errors()).toBe("this is a part of cambio serve --workers, and no program of its own\n");
  expect(childrenOf(child.process.pid ?? 0)).toEqual([]);
});
