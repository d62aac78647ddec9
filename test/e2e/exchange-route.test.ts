import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { type FakeStack, page, pageRedirectUri, registerTokens, startFakeStack } from "../support/fake-stack.ts";
import { startTestStack } from "../support/stack.ts";

const path = "/api/auth/exchange";
const properVerifier = "proper-verifier-proper-verifier-proper-verifier";
const unknownCode = { code: "code-that-nobody-issued", code_verifier: properVerifier, redirect_uri: pageRedirectUri };

let stack: FakeStack;
beforeAll(async () => {
  stack = await startFakeStack();
});
afterAll(() => stack.close());

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Sending {
  readonly at?: FakeStack;
  readonly headers?: Readonly<Record<string, string>>;
}

async function send(body: string | object, { at = stack, headers = {} }: Sending = {}): Promise<Reply> {
  const response = await fetch(at.cambio.url + path, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
  const text = await response.text();
  const parsed = (text === "" ? {} : JSON.parse(text)) as Reply["body"];
  if (response.status === 200) registerTokens(at.canary, { accessToken: parsed["access_token"], refreshToken: parsed["refresh_token"] });
  else at.canary.saw("an error of the route", text);
  return { status: response.status, headers: response.headers, text, body: parsed };
}

async function freshBody(at = stack): Promise<Record<string, string>> {
  const { code, codeVerifier, redirectUri } = await at.newCode();
  return { code, code_verifier: codeVerifier, redirect_uri: redirectUri };
}

const curl = async (body: string) => {
  const command = ["curl", "-sS", "-i", "-X", "POST", stack.cambio.url + path, "-H", "Content-Type: application/json", "-d", body] as const;
  const child = startChild([...command]);
  expect(await child.ended).toBe(0);
  const [head = "", answer = ""] = child.output().split("\r\n\r\n");
  return { statusLine: head.split("\r\n")[0], answer: JSON.parse(answer) as Reply["body"] };
};

const preflight = (origin: string) =>
  fetch(stack.cambio.url + path, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
  });

describe("a code that is good", () => {
  it("becomes exactly the four members, for a page at the listed origin", async () => {
    const { status, headers, body } = await send(await freshBody(), { headers: { origin: page } });
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^ey[^.]+\.[^.]+\.[^.]+$/),
      token_type: "Bearer",
      expires_in: 3600,
      refresh_token: expect.stringMatching(/^cambio_rt_/),
    });
    expect(headers.get("content-type")).toBe("application/json");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("access-control-allow-origin")).toBe(page);
    expect(headers.get("access-control-expose-headers")).toMatch(/X-Request-Id/i);
  });

  it("goes to the token endpoint form-encoded, with the client's id and secret in Basic and nowhere else", async () => {
    const body = await freshBody();
    await send(body);
    const { id, secret = "" } = stack.provider.client;
    const sent = stack.provider.requests.findLast(({ endpoint }) => endpoint === "token");
    const encoded = [id, secret].map((part) => new URLSearchParams([["", part]]).toString().slice(1)).join(":");
    expect(sent?.headers.authorization).toBe(`Basic ${Buffer.from(encoded).toString("base64")}`);
    expect(sent?.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
    expect(Object.fromEntries(new URLSearchParams(sent?.body))).toEqual({ grant_type: "authorization_code", ...body });
    expect(sent?.url).toBe("/token");
  });

  it("with its state, which is checked here: another state is refused, and then the code has not reached the provider", async () => {
    const { code, codeVerifier, redirectUri, state } = await stack.newCode();
    const calls = stack.provider.callsTo("token");
    const body = { code, code_verifier: codeVerifier, redirect_uri: redirectUri };
    expect((await send({ ...body, state: `${state.slice(0, -4)}AAAA` })).body["error"]).toBe("invalid_grant");
    expect(stack.provider.callsTo("token")).toBe(calls);
    expect((await send({ ...body, state })).status).toBe(200);
  });

  it("of a real provider becomes tokens too", async () => {
    await using real = await startTestStack().then((started) => ({ ...started, [Symbol.asyncDispose]: () => started.close() }));
    const { code, codeVerifier, redirectUri } = await real.newCode();
    const response = await fetch(real.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", origin: page },
      body: JSON.stringify({ code, code_verifier: codeVerifier, redirect_uri: redirectUri }),
    });
    expect(await response.json()).toMatchObject({ access_token: expect.any(String), token_type: "Bearer", expires_in: 3600 });
  });

  it("says nothing of an expiry that the provider does not tell", async () => {
    const body = await freshBody();
    const answer = { access_token: "access-token-of-no-expiry", token_type: "bearer" };
    stack.provider.faults.next("token", { kind: "status", status: 200, body: answer });
    const reply = await send(body);
    expect(reply.body).toEqual({ access_token: answer.access_token, token_type: "Bearer" });
  });
});

describe("curl, without an Origin", () => {
  it("is told invalid_grant with 400 for the call of the mission, word for word", async () => {
    const calls = stack.provider.callsTo("token");
    const { statusLine, answer } = await curl(`{"code":"invalid","code_verifier":"test","redirect_uri":"${pageRedirectUri}"}`);
    expect(statusLine).toBe("HTTP/1.1 400 Bad Request");
    expect(answer).toMatchObject({ error: "invalid_grant", error_description: expect.any(String), reason: "GRANT_INVALID" });
    expect(stack.provider.callsTo("token")).toBe(calls);
  });

  it("is told the same for a proper verifier, by the provider's word", async () => {
    const calls = stack.provider.callsTo("token");
    const { statusLine, answer } = await curl(JSON.stringify(unknownCode));
    expect(statusLine).toBe("HTTP/1.1 400 Bad Request");
    expect(answer).toMatchObject({ error: "invalid_grant", reason: "GRANT_INVALID" });
    expect(stack.provider.callsTo("token")).toBe(calls + 1);
  });
});

describe("a request that is not one", () => {
  it.each([
    ["malformed JSON", `{"code":"`, "invalid_request", "MALFORMED_REQUEST"],
    ["an array", "[]", "invalid_request", "MALFORMED_REQUEST"],
    ["nothing", "", "invalid_request", "MALFORMED_REQUEST"],
    ["bytes that are no text", Buffer.from([0xff, 0xfe]).toString("latin1"), "invalid_request", "MALFORMED_REQUEST"],
    ["no code", { ...unknownCode, code: undefined }, "invalid_request", "MALFORMED_REQUEST"],
    ["no redirect URI", { ...unknownCode, redirect_uri: undefined }, "invalid_request", "MALFORMED_REQUEST"],
    ["a number for a code", { ...unknownCode, code: 1 }, "invalid_request", "MALFORMED_REQUEST"],
    ["a client of its own choice", { ...unknownCode, client_id: "cli" }, "invalid_request", "MALFORMED_REQUEST"],
    ["a provider of its own choice", { ...unknownCode, provider: "corporate" }, "invalid_request", "MALFORMED_REQUEST"],
    ["a prototype", `{"__proto__":{"code":"x"}}`, "invalid_request", "MALFORMED_REQUEST"],
    ["a code with a line break", { ...unknownCode, code: "one\ntwo" }, "invalid_grant", "GRANT_INVALID"],
    ["a code of 3,000 characters", { ...unknownCode, code: "c".repeat(3_000) }, "invalid_grant", "GRANT_INVALID"],
    ["a verifier of 42 characters", { ...unknownCode, code_verifier: "v".repeat(42) }, "invalid_grant", "GRANT_INVALID"],
    ["a verifier of 129 characters", { ...unknownCode, code_verifier: "v".repeat(129) }, "invalid_grant", "GRANT_INVALID"],
  ])("with %s is answered 400 and never reaches the provider", async (_name, body, error, reason) => {
    const calls = stack.provider.callsTo("token");
    const reply = await send(body);
    expect({ status: reply.status, error: reply.body["error"], reason: reply.body["reason"] }).toEqual({ status: 400, error, reason });
    expect(stack.provider.callsTo("token")).toBe(calls);
  });

  it("of more than 64 KiB is answered 413", async () => {
    const reply = await send({ ...unknownCode, code: "c".repeat(70_000) });
    expect({ status: reply.status, reason: reply.body["reason"] }).toEqual({ status: 413, reason: "MESSAGE_TOO_LARGE" });
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"])(
    "of the type %s, which any page may send without asking, is answered 415",
    async (type) => {
      const reply = await send(unknownCode, { headers: { "content-type": type } });
      expect(reply.status).toBe(415);
      expect(reply.body).toEqual({ error: "invalid_request", error_description: expect.any(String), request_id: expect.any(String) });
    },
  );

  it("takes the type in any case, with parameters", async () => {
    const reply = await send(unknownCode, { headers: { "content-type": "Application/JSON; charset=UTF-8" } });
    expect(reply.body["reason"]).toBe("GRANT_INVALID");
  });

  it.each(["GET", "PUT", "DELETE", "HEAD"])("by %s is answered 405 with what it takes", async (method) => {
    const response = await fetch(stack.cambio.url + path, { method });
    await response.arrayBuffer();
    expect({ status: response.status, allow: response.headers.get("allow") }).toEqual({ status: 405, allow: "POST, OPTIONS" });
  });

  it("with two authorization headers is answered 401 with a challenge, since nobody can say which one counts", async () => {
    const headers = ["Host", "localhost", "Content-Type", "application/json", "Authorization", "Basic YTpi", "Authorization", "Basic YTpj"];
    const response = await new Promise<{ status: number | undefined; challenge: string | undefined }>((resolve, reject) => {
      const sent = request({ host: "localhost", port: stack.cambio.port, path, method: "POST", headers }, (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode, challenge: answer.headers["www-authenticate"] });
      });
      sent.once("error", reject);
      sent.end("{}");
    });
    expect(response).toEqual({ status: 401, challenge: 'Basic realm="cambio"' });
  });
});

describe("pages of other origins", () => {
  it.each(["https://evil.example", "null", `${page}.evil.example`, page.toUpperCase(), `${page}/`])(
    "%s may neither call nor read",
    async (origin) => {
      const calls = stack.provider.callsTo("token");
      const reply = await send(unknownCode, { headers: { origin } });
      expect({ status: reply.status, reason: reply.body["reason"] }).toEqual({ status: 403, reason: "ORIGIN_NOT_ALLOWED" });
      expect([...reply.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
      expect(reply.headers.get("vary")).toMatch(/origin/i);
      expect(stack.provider.callsTo("token")).toBe(calls);
    },
  );

  it("are told so in the preflight", async () => {
    const response = await preflight("https://evil.example");
    expect(response.status).toBe(403);
    expect([...response.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
  });

  it("and the listed one is told that it may send JSON", async () => {
    const response = await preflight(page);
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(page);
    expect(response.headers.get("access-control-allow-methods")).toBe("POST");
    expect(response.headers.get("access-control-allow-headers")).toMatch(/content-type/i);
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
  });

  it("can read the errors that are meant for the listed one", async () => {
    const reply = await send(unknownCode, { headers: { origin: page } });
    expect(reply.headers.get("access-control-allow-origin")).toBe(page);
    expect(reply.body["error"]).toBe("invalid_grant");
  });
});

describe("a failure", () => {
  it("carries the caller's request id in header, body and log, and is never stored", async () => {
    const { headers, body } = await send(unknownCode, { headers: { "x-request-id": "page-load-17" } });
    expect([headers.get("x-request-id"), body["request_id"]]).toEqual(["page-load-17", "page-load-17"]);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(stack.cambio.logLines().findLast((line) => line["request_id"] === "page-load-17")).toMatchObject({
      method: path,
      protocol: "http",
      caller: "web",
      provider: "main",
      status: 400,
      reason: "GRANT_INVALID",
    });
  });

  it.each(["two words", "x".repeat(300), "<script>"])("gets an id of its own where the caller's is not sane: %s", async (id) => {
    const { headers, body } = await send(unknownCode, { headers: { "x-request-id": id } });
    expect(body["request_id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get("x-request-id")).toBe(body["request_id"]);
  });
});

it("whatever was sent, the strict provider had nothing to object to", () => {
  expect(stack.provider.callsTo("token")).toBeGreaterThan(3);
  expect(stack.provider.violations).toEqual([]);
});
