import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createBackend } from "../../examples/dashboard/backend.ts";
import { createFront } from "../../examples/dashboard/front.ts";
import { createJsonLog } from "../../examples/dashboard/json-log.ts";
import { type Listening, listen } from "../../examples/dashboard/serve.ts";
import { eventually } from "../support/eventually.ts";
import { createRunCanary } from "../support/run-canary.ts";
import { createSigningKeys, type SigningKeys } from "../support/signing-keys.ts";

const issuer = "http://localhost:5180";
const audience = "https://backend.dashboard.example";
const now = Date.UTC(2026, 10, 27, 12, 0, 0);
const seconds = now / 1000;
const canary = createRunCanary();

let keys: SigningKeys;
let strangers: SigningKeys;
let jwksUrl: string;
let backend: Listening;
let front: Listening;
let lines: string[];
const running = new AsyncDisposableStack();

async function startBackend(clock = () => now, jwks = jwksUrl): Promise<Listening> {
  const log = createJsonLog("backend", (line) => lines.push(line));
  const started = await listen(createBackend({ pageOrigin: issuer, issuer, audience, jwksUrl: jwks, clock }, log), 0);
  running.defer(() => started.close());
  return started;
}

beforeAll(async () => {
  keys = await createSigningKeys("cambio");
  strangers = await createSigningKeys("cambio");
  lines = [];
  const published = await listen(
    createServer((_, response) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(keys.jwks()))),
    0,
  );
  running.defer(() => published.close());
  jwksUrl = published.url;
  backend = await startBackend();
  const log = createJsonLog("front", (line) => lines.push(line));
  front = await listen(
    createFront(new Map(), () => backend.url, log),
    0,
  );
  running.defer(() => front.close());
});

afterAll(() => running.disposeAsync());

beforeEach(() => {
  lines.length = 0;
});

async function tokenOf(sub: string, { exp = seconds + 840, signer = keys } = {}): Promise<string> {
  const token = await signer.sign(
    { iss: issuer, aud: audience, sub, iat: seconds - 60, exp, jti: "1", client_id: "web" },
    { alg: "ES256" },
  );
  return canary.register("a token of the live connection", token);
}

interface Asked {
  readonly at?: Listening;
  readonly path?: string;
  readonly origin?: string;
  readonly protocols: readonly string[];
}

function ask({ at = front, path = "/api/live", origin = issuer, protocols }: Asked): WebSocket {
  return new WebSocket(`${at.url.replace("http", "ws")}${path}`, [...protocols], origin === "" ? {} : { origin });
}

const bearer = (token: string) => ["cambio.v1.live", `bearer.${token}`];

/** What is answered instead of an upgrade. */
async function refusalOf(asked: Asked): Promise<{ readonly status: number | undefined; readonly body: unknown; readonly headers: object }> {
  const socket = ask(asked);
  const [, answer] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, body: JSON.parse(text) as unknown, headers: answer.headers };
}

async function connect(asked: Asked): Promise<{ readonly socket: WebSocket; readonly first: unknown; readonly closed: Promise<number> }> {
  const socket = ask(asked);
  const closed = once(socket, "close").then(([code]) => code as number);
  const [data] = (await once(socket, "message")) as [Buffer];
  return { socket, first: JSON.parse(data.toString()) as unknown, closed };
}

describe.each(["by way of the front", "at the backend"])("the live connection %s", (way) => {
  const at = () => (way === "at the backend" ? backend : front);

  it("is opened by a token in a subprotocol, which the answer does not repeat, and logged with request id and user id", async () => {
    const token = await tokenOf("user-1");
    const socket = ask({ at: at(), protocols: bearer(token) });
    const said = once(socket, "message");
    const [answer] = (await once(socket, "upgrade")) as [IncomingMessage];
    expect(answer.headers["sec-websocket-protocol"]).toBe("cambio.v1.live");
    expect(answer.rawHeaders.join("\n")).not.toContain(token);
    const [data] = (await said) as [Buffer];
    const expires_at = "2026-11-27T12:14:00.000Z";
    expect(JSON.parse(data.toString())).toEqual({ type: "connected", user_id: "user-1", request_id: expect.any(String), expires_at });
    const { request_id } = JSON.parse(data.toString()) as { request_id: string };
    socket.close(1000);
    await once(socket, "close");
    await eventually("the end in the log", () => lines.some((line) => line.includes("live closed")));
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ service }) => service === "backend");
    expect(logged).toMatchObject([
      { msg: "live connected", request_id, user_id: "user-1", path: "/api/live", status: 101 },
      { msg: "live closed", request_id, user_id: "user-1", path: "/api/live", reason: "closed_1000" },
    ]);
    canary.saw("the log of front and backend", lines.join(""));
    expect(lines.join("")).not.toContain(token.split(".")[2]);
  });

  const refused: readonly [string, number, () => Promise<Asked>][] = [
    ["no token", 401, async () => ({ protocols: ["cambio.v1.live"] })],
    ["something that is no token", 401, async () => ({ protocols: bearer("abc") })],
    ["a token that has expired", 401, async () => ({ protocols: bearer(await tokenOf("user-1", { exp: seconds - 1 })) })],
    ["a token of a stranger", 401, async () => ({ protocols: bearer(await tokenOf("user-1", { signer: strangers })) })],
    ["two tokens", 400, async () => ({ protocols: [...bearer(await tokenOf("user-1")), `bearer.${await tokenOf("user-2")}`] })],
    ["a token and no word of the protocol", 400, async () => ({ protocols: [`bearer.${await tokenOf("user-1")}`] })],
    [
      "a token in the query",
      400,
      async () => ({ path: `/api/live?access_token=${await tokenOf("user-1")}`, protocols: ["cambio.v1.live"] }),
    ],
    ["a page of another origin", 403, async () => ({ origin: "http://evil.example", protocols: bearer(await tokenOf("user-1")) })],
    ["a page of no origin", 403, async () => ({ origin: "null", protocols: bearer(await tokenOf("user-1")) })],
    ["no page at all", 403, async () => ({ origin: "", protocols: bearer(await tokenOf("user-1")) })],
  ];

  it.each(refused)("is refused before it is upgraded to %s: %i", async (_, status, asked) => {
    const answer = await refusalOf({ at: at(), ...(await asked()) });
    expect(answer.status).toBe(status);
    expect(answer.headers).toHaveProperty("x-request-id");
    expect("www-authenticate" in answer.headers).toBe(status === 401);
    expect(JSON.stringify(answer.body)).not.toContain("eyJ");
    await eventually("a line in the log", () => lines.some((line) => line.includes(`"status":${status}`)));
    expect(lines.join("")).not.toContain("eyJ");
  });

  it("ends a message that is too large, with the reason", async () => {
    const { socket, closed } = await connect({ at: at(), protocols: bearer(await tokenOf("user-1")) });
    socket.send("x".repeat(1_025));
    expect(await closed).toBe(1009);
  });

  it("counts as long as it lasts", async () => {
    const { socket, closed } = await connect({ at: at(), protocols: bearer(await tokenOf("user-1")) });
    const [data] = (await once(socket, "message")) as [Buffer];
    expect(JSON.parse(data.toString())).toEqual({ type: "heartbeat", count: 1 });
    socket.close();
    await closed;
  });
});

describe("the live connection", () => {
  it("ends with 4401 when its token does", async () => {
    const soon = await startBackend(() => now + 840_000 - 150);
    const { first, closed } = await connect({ at: soon, protocols: bearer(await tokenOf("user-1")) });
    expect(first).toMatchObject({ user_id: "user-1" });
    expect(await closed).toBe(4401);
  });

  it("is not opened while nobody can say whether the token is good", async () => {
    const gone = createServer();
    await once(gone.listen(0, "localhost"), "listening");
    const { port } = gone.address() as AddressInfo;
    gone.close();
    const lost = await startBackend(() => now, `http://localhost:${port}`);
    const answer = await refusalOf({ at: lost, protocols: bearer(await tokenOf("user-1")) });
    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({ "retry-after": "5" });
  });

  it("is kept open eight times for one user, and for others still", async () => {
    const token = await tokenOf("user-many");
    const open = await Promise.all(Array.from({ length: 8 }, () => connect({ protocols: bearer(token) })));
    expect((await refusalOf({ protocols: bearer(token) })).status).toBe(429);
    open.push(await connect({ protocols: bearer(await tokenOf("user-other")) }));
    for (const { socket } of open) socket.close();
    await Promise.all(open.map(({ closed }) => closed));
    await eventually("a place", async () => {
      const again = ask({ protocols: bearer(token) });
      const outcome = await Promise.race([once(again, "open").then(() => true), once(again, "unexpected-response").then(() => false)]);
      again.terminate();
      return outcome;
    });
  });

  it("is told that the backend goes", async () => {
    const leaving = await startBackend();
    const { closed } = await connect({ at: leaving, protocols: bearer(await tokenOf("user-1")) });
    await leaving.close();
    expect(await closed).toBe(1001);
  });

  it("is no ordinary request: 426 says what it wants", async () => {
    const answer = await fetch(`${front.url}/api/live`);
    expect(answer.status).toBe(426);
    expect(await answer.json()).toMatchObject({ error: "upgrade_required" });
  });
});
