import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { launchBrowser } from "./browser.ts";
import { eventually } from "./eventually.ts";
import { type FakeJsonProvider, startFakeJsonProvider } from "./fake-json-provider.ts";
import { answerLost, type UpstreamFault } from "./fake-upstream-server.ts";

let fake: FakeJsonProvider;
let now: number;

beforeEach(async () => {
  now = 1_800_000_000_000;
  fake = await startFakeJsonProvider({ clock: () => now });
});

afterEach(() => fake.close());

const refreshBody = (token: unknown): string =>
  JSON.stringify({ grant_type: "refresh_token", client_id: "json-client", refresh_token: token });

function refresh(token: unknown): Promise<Response> {
  return fetch(fake.endpoints.token, { method: "POST", headers: { "content-type": "application/json" }, body: refreshBody(token) });
}

async function newToken(): Promise<string> {
  return String((await fake.connect("user_01"))["refresh_token"]);
}

describe("a refresh token whose fate its sender cannot know", () => {
  it("is spent where only the answer was lost, and its second presentation is noted and refused", async () => {
    const token = await newToken();
    fake.faults.next("token", answerLost);
    await expect(refresh(token)).rejects.toThrow("fetch failed");
    expect(fake.presentedTwice).toEqual([]);
    expect((await refresh(token)).status).toBe(400);
    expect(fake.presentedTwice).toEqual([token]);
  });

  it.each([
    ["an internal error", { kind: "status", status: 503 }],
    ["a cut connection", { kind: "reset" }],
    ["half an answer", { kind: "truncate" }],
    ["a page", { kind: "html" }],
  ] satisfies [string, UpstreamFault][])("counts as presented after %s, though it is good still", async (_name, fault) => {
    const token = await newToken();
    fake.faults.next("token", fault);
    await refresh(token)
      .then((response) => response.text())
      .catch(() => undefined);
    expect((await refresh(token)).status).toBe(200);
    expect(fake.presentedTwice).toEqual([token]);
  });

  it("does not count as presented after an answer that says that nothing was done", async () => {
    const token = await newToken();
    fake.faults.next("token", { kind: "status", status: 400, body: { error: "invalid_request" } });
    fake.faults.next("token", { kind: "error-in-200", error: "temporarily_unavailable" });
    await (await refresh(token)).text();
    await (await refresh(token)).text();
    expect((await refresh(token)).status).toBe(200);
    expect(fake.presentedTwice).toEqual([]);
  });

  it("is accepted again for a while at a provider that allows it, and noted all the same", async () => {
    const lenient = await startFakeJsonProvider({ times: { repeatMs: 5_000 }, clock: () => now });
    const token = String((await lenient.connect("user_01"))["refresh_token"]);
    const send = async (): Promise<number> => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(lenient.endpoints.token, { method: "POST", headers, body: refreshBody(token) });
      await response.text();
      return response.status;
    };
    expect([await send(), await send()]).toEqual([200, 200]);
    now += 5_000;
    expect(await send()).toBe(400);
    expect(lenient.presentedTwice).toEqual([token, token]);
    await lenient.close();
  });
});

describe("a sender that is killed", () => {
  const program = `
    import { request } from "node:http";
    const [url, body, whole] = process.argv.slice(1);
    const call = request(url, { method: "POST", headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } });
    call.on("response", () => process.exit(1));
    if (whole === "yes") call.end(body); else call.write(body.slice(0, -1), () => process.stdout.write("sent"));
  `;

  function sender(token: string, whole: "yes" | "no"): ReturnType<typeof spawn> {
    return spawn(process.execPath, ["--input-type=module", "-e", program, fake.endpoints.token, refreshBody(token), whole]);
  }

  it("while its request waits has presented its token, whoever is left to hear of it", async () => {
    const token = await newToken();
    const release = fake.hold("token");
    const child = sender(token, "yes");
    await eventually("the request arrives", () => fake.callsTo("token") === 1);
    child.kill("SIGKILL");
    await once(child, "exit");
    release();
    await eventually("the connection is gone", () => fake.connections() === 0);
    await (await refresh(token)).text();
    expect(fake.presentedTwice).toEqual([token]);
  });

  it("while its answer waits has spent its token", async () => {
    const token = await newToken();
    const release = fake.hold("token", "answer");
    const made = fake.issued.length;
    const child = sender(token, "yes");
    await eventually("the work is done", () => fake.issued.length > made);
    child.kill("SIGKILL");
    await eventually("the connection is gone", () => fake.connections() === 0);
    release();
    expect((await refresh(token)).status).toBe(400);
    expect(fake.presentedTwice).toEqual([token]);
  });

  it("before its request was whole has presented nothing", async () => {
    const token = await newToken();
    const child = sender(token, "no");
    if (child.stdout !== null) await once(child.stdout, "data");
    child.kill("SIGKILL");
    await eventually("the connection is gone", () => fake.connections() === 0);
    expect(fake.callsTo("token")).toBe(0);
    expect((await refresh(token)).status).toBe(200);
    expect(fake.presentedTwice).toEqual([]);
  });
});

describe("what a fake provider counts", () => {
  it("is the most requests that were open at one time", async () => {
    const release = fake.hold("token");
    const calls = [1, 2, 3].map(async () => (await refresh(await newToken())).text());
    await eventually("all have arrived", () => fake.callsTo("token") === 3);
    release();
    await Promise.all(calls);
    await (await refresh(await newToken())).text();
    expect([fake.mostAtOnce("token"), fake.mostAtOnce("user")]).toEqual([3, 0]);
  });

  it("is the most requests within any second of its clock", async () => {
    for (const at of [0, 600, 999, 1_000, 1_100, 5_000]) {
      now = 1_800_000_000_000 + at;
      await (await refresh("x")).text();
    }
    expect(fake.mostWithinASecond("token", "clock")).toBe(4);
    expect(fake.mostWithinASecond("token", "real")).toBeGreaterThanOrEqual(4);
    expect(fake.mostWithinASecond("user", "clock")).toBe(0);
  });

  it("holds each request with its parsed body", async () => {
    await (await refresh("x")).text();
    expect(fake.requests.at(-1)).toMatchObject({
      endpoint: "token",
      method: "POST",
      path: "/token",
      body: { grant_type: "refresh_token", client_id: "json-client", refresh_token: "x" },
      headers: { "content-type": "application/json" },
      at: now,
    });
  });

  it("is a violation at an address that it does not have", async () => {
    expect((await fetch(`${fake.origin}/oauth/token?x=1`)).status).toBe(404);
    expect(fake.violations).toEqual(["unknown address GET /oauth/token"]);
  });
});

describe("a fake provider", () => {
  it("answers late where it is told to, with the work done at once", async () => {
    const token = await newToken();
    fake.faults.next("token", { kind: "slow", ms: 300_000 });
    const late = refresh(token).catch(() => "cut");
    await eventually("the request arrives", () => fake.callsTo("token") === 1);
    expect((await refresh(token)).status).toBe(400);
    await fake.close();
    expect(await late).toBe("cut");
    fake = await startFakeJsonProvider();
  });

  it("closes with requests that hang, requests that are held and connections that say nothing", async () => {
    const silent = connect(Number(new URL(fake.origin).port), "127.0.0.1");
    const ended = once(silent, "close");
    fake.faults.next("user", { kind: "hang-in-body" });
    fake.hold("token");
    const hanging = (await fetch(fake.endpoints.user)).text().catch(() => "cut");
    const held = refresh("x").catch(() => "cut");
    await eventually("three connections", () => fake.connections() === 3);
    await fake.close();
    expect([await hanging, await held]).toEqual(["cut", "cut"]);
    await ended;
    expect(fake.connections()).toBe(0);
    fake = await startFakeJsonProvider();
  });
});

describe("in a real browser the consent page of a fake provider", () => {
  it.each([
    ["Authorize", "code"],
    ["Cancel", "error"],
  ])("sends the user back when the button %s is pressed", async (button, parameter) => {
    const provider = await startFakeJsonProvider({ redirectUris: [`${fake.origin}/me`], pkce: "optional" });
    const query = {
      response_type: "code",
      client_id: "json-client",
      redirect_uri: `${fake.origin}/me`,
      scope: "user:profile",
      state: "s&t",
    };
    const browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(`${provider.endpoints.authorization}?${new URLSearchParams(query).toString()}`);
    await page.getByRole("button", { name: button }).click();
    await page.waitForURL(`${fake.origin}/me?**`);
    const returned = new URL(page.url()).searchParams;
    expect([returned.has(parameter), returned.get("state")]).toEqual([true, "s&t"]);
    await browser.close();
    await provider.close();
  });
});
