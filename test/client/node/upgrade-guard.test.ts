import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { claimsOf, type RequiredToken } from "../../../src/client/node/index.ts";
import { type GuardRig, startGuardRig } from "./guard-rig.ts";

let rig: GuardRig;
beforeAll(async () => {
  rig = await startGuardRig();
});
afterAll(() => rig.close());

interface LiveServer {
  readonly address: string;
  readonly upgraded: () => number;
  close(): Promise<unknown>;
}

async function start({ upgrade }: Pick<RequiredToken, "upgrade">): Promise<LiveServer> {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "orders.v1" });
  let upgraded = 0;
  const server = createServer().on("upgrade", (request, connection, head) => {
    void (async () => {
      const claims = await upgrade(request, connection);
      if (claims === undefined) return;
      expect(claimsOf(request)).toBe(claims);
      upgraded += 1;
      sockets.handleUpgrade(request, connection, head, (socket) => {
        socket.send(JSON.stringify({ user: claims.subject, scopes: claims.scopes }));
        socket.close(1000);
      });
    })();
  });
  await once(server.listen(0, "localhost"), "listening");
  return {
    address: `ws://localhost:${(server.address() as AddressInfo).port}`,
    upgraded: () => upgraded,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

const past = () => Math.floor(rig.stack.time.nowMs / 1_000) - 5;

async function refusalOf(socket: WebSocket) {
  const [, answer] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(text) as Record<string, unknown> };
}

describe("a guard in front of upgrades", () => {
  let server: LiveServer;
  beforeAll(async () => {
    server = await start(rig.guard().requireToken({ audience: "orders", scopes: ["orders:read"] }));
  });
  afterAll(() => server.close());

  const connect = (protocols: readonly string[], headers: Record<string, string> = {}) =>
    new WebSocket(server.address, ["orders.v1", ...protocols], { headers });

  it("lets a good token through that is offered as a subprotocol, and the answer does not repeat it", async () => {
    const token = await rig.stack.token();
    const socket = connect([`bearer.${token}`]);
    const said = once(socket, "message");
    const [answer] = (await once(socket, "upgrade")) as [IncomingMessage];
    expect(answer.headers["sec-websocket-protocol"]).toBe("orders.v1");
    expect(answer.rawHeaders.join("\n")).not.toContain(token);
    const [data] = (await said) as [Buffer];
    expect(JSON.parse(data.toString())).toEqual({ user: "alice", scopes: ["orders:read"] });
  });

  it("takes one in the header as well, which is what services send", async () => {
    const socket = connect([], { authorization: `Bearer ${await rig.stack.token()}` });
    expect(await once(socket, "message")).toHaveLength(2);
  });

  const refused: readonly [string, number, () => Promise<readonly string[]>, Record<string, string>?][] = [
    ["no token", 401, async () => []],
    ["nonsense", 401, async () => ["bearer.garbage"]],
    ["an expired token", 401, async () => [`bearer.${await rig.stack.token({ iat: past() - 600, exp: past() })}`]],
    ["a token that lacks a scope", 403, async () => [`bearer.${await rig.stack.token({ scope: "orders:list" })}`]],
    ["a token for somebody else", 403, async () => [`bearer.${await rig.stack.token({ aud: "https://other.example" })}`]],
    ["two tokens", 400, async () => [`bearer.${await rig.stack.token()}`, `bearer.${await rig.stack.token({ sub: "bob" })}`]],
    ["a token in each place", 400, async () => [`bearer.${await rig.stack.token()}`], { authorization: "Bearer another" }],
  ];

  it.each(refused)("refuses %s before anything is upgraded, and ends the connection", async (_, status, protocols, headers) => {
    const before = server.upgraded();
    const answer = await refusalOf(connect(await protocols(), headers));
    expect(answer).toMatchObject({ status, headers: { connection: "close", "content-type": "application/json" } });
    expect(JSON.stringify(answer.body)).not.toContain("eyJ");
    expect(server.upgraded()).toBe(before);
  });

  it("lets nobody through while Cambio is away", async () => {
    const gone = await rig.stack.another();
    await gone.close();
    const alone = await start(rig.guard({ cambio: gone.url }).requireToken({ audience: "orders" }));
    const answer = await refusalOf(new WebSocket(alone.address, ["orders.v1", `bearer.${await rig.stack.token()}`]));
    expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    await alone.close();
  });

  it("outlives a connection that fails while its token is looked at, and hands it to nobody", async () => {
    const { upgrade } = rig.guard().requireToken({ audience: "orders" });
    const connection = new Socket();
    const rawHeaders = ["Sec-WebSocket-Protocol", `orders.v1, bearer.${await rig.stack.token()}`];
    const decided = upgrade({ rawHeaders }, connection);
    connection.destroy(new Error("reset"));
    expect(await decided).toBeUndefined();
  });
});
