import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configurationSchema } from "../../src/config/schema.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { createCors } from "../../src/transport/cors.ts";
import { exchangePath, page, type PortRig, startPort } from "./port-rig.ts";
import { overH1, overH2, type RawAnswer } from "./raw-request.ts";

const handle = () => Promise.resolve({ status: 200, body: "{}" });
let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({
    plain: [
      { method: "POST", path: "/plain", accepts: "application/json", handle },
      { method: "GET", path: "/plain", handle },
    ],
  });
});
afterAll(() => rig.close());

const corsHeaders = (answer: RawAnswer) => Object.keys(answer.headers).filter((name) => name.startsWith("access-control-"));
const list = (value: unknown) => String(value).toLowerCase().split(", ");

describe.each([
  ["HTTP/1.1", overH1],
  ["HTTP/2", overH2],
])("CORS over %s", (_, over) => {
  const preflight = (origin: string, path: string) =>
    over({
      port: rig.port,
      path,
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
    });
  const post = (origin: string | undefined, path = exchangePath) =>
    over({
      port: rig.port,
      path,
      headers: { "content-type": "application/json", ...(origin === undefined ? {} : { origin }) },
      body: "{}",
    });

  it.each([
    [exchangePath, "post"],
    ["/plain", "post, get, head"],
  ])("answers a listed page's preflight for %s", async (path, methods) => {
    const answer = await preflight(page, path);
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({ "access-control-allow-origin": page, "access-control-max-age": "7200", vary: "Origin" });
    expect(list(answer.headers["access-control-allow-methods"])).toEqual(methods.split(", "));
    for (const name of [
      "connect-protocol-version",
      "connect-timeout-ms",
      "x-grpc-web",
      "grpc-timeout",
      "content-type",
      "authorization",
      "x-request-id",
      "traceparent",
    ]) {
      expect(list(answer.headers["access-control-allow-headers"])).toContain(name);
    }
    expect(answer.headers).not.toHaveProperty("access-control-allow-credentials");
  });

  it.each([exchangePath, "/plain", "/nowhere"])("lets a listed page read the answer of %s, errors included", async (path) => {
    const answer = await post(page, path);
    expect(answer.headers).toMatchObject({ "access-control-allow-origin": page, vary: "Origin" });
    for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id", "retry-after", "www-authenticate"]) {
      expect(list(answer.headers["access-control-expose-headers"])).toContain(name);
    }
  });

  it.each([
    "https://evil.example",
    "null",
    "https://app.example.com.evil.example",
    "http://app.example.com",
    "https://app.example.com:444",
    "HTTPS://APP.EXAMPLE.COM",
  ])("never reflects an origin that is not listed: %s", async (origin) => {
    const [before, after] = [await preflight(origin, exchangePath), await post(origin)];
    expect([before.status, corsHeaders(before), corsHeaders(after)]).toEqual([403, [], []]);
    expect([before.headers["vary"], after.headers["vary"]]).toEqual(["Origin", "Origin"]);
  });

  it("says nothing to those who name no origin, but varies", async () => {
    const answer = await post(undefined);
    expect([corsHeaders(answer), answer.headers["vary"]]).toEqual([[], "Origin"]);
  });
});

it("never lets `null` be an origin, even where somebody listed it", async () => {
  const headers = new Map<string, unknown>();
  const res = { setHeader: (name: string, value: unknown) => void headers.set(name, value) };
  createCors(() => ({ origins: new Set(["null"]), credentialOrigins: new Set(["null"]) })).mark("null", res as never);
  expect([...headers.keys()]).toEqual(["vary"]);
});

describe("a page's cookies", () => {
  const [cookies, none] = ["https://cookies.example", "https://none.example"];
  const listed = { origins: new Set([cookies, none, "null"]), credentialOrigins: new Set([cookies, "null", "https://unlisted.example"]) };
  const marked = (origin: string | undefined) => {
    const headers = new Map<string, unknown>();
    createCors(() => listed).mark(origin, { setHeader: (name: string, value: unknown) => void headers.set(name, value) } as never);
    return headers;
  };

  it("may be sent along where its origin is that of a client which uses some", () => {
    expect(marked(cookies).get("access-control-allow-credentials")).toBe("true");
    expect(marked(cookies).get("access-control-allow-origin")).toBe(cookies);
  });

  it.each([none, "https://unlisted.example", "null", "HTTPS://COOKIES.EXAMPLE", undefined])("may not be sent along from %s", (origin) => {
    expect(marked(origin).has("access-control-allow-credentials")).toBe(false);
  });

  it("may not be sent along any more once the configuration says so", () => {
    let now = listed;
    const headers = new Map<string, unknown>();
    const cors = createCors(() => now);
    now = { ...listed, credentialOrigins: new Set() };
    cors.mark(cookies, { setHeader: (name: string, value: unknown) => void headers.set(name, value) } as never);
    expect(headers.has("access-control-allow-credentials")).toBe(false);
  });
});

it.each<[string, object, boolean]>([
  ["a client that uses sessions", { providers: { site: {} } }, true],
  ["a client with a refresh cookie", { providers: { main: {} }, refresh_cookie: "__Secure-r" }, true],
  ["a client that uses neither", { providers: { main: {} } }, false],
])("pages of %s may send cookies along only if they are of use to it", (_what, given, expected) => {
  const { credentialOrigins, origins } = compilePolicy(
    configurationSchema.parse({
      providers: {
        site: { kind: "better-auth", issuer: "https://app.example.com" },
        main: { kind: "oidc", issuer: "https://login.example.com", client: { id: "x", secret: "unused" } },
      },
      clients: { web: { kind: "browser", origins: ["https://web.example"], ...given } },
    }),
  );
  expect([origins.has("https://web.example"), credentialOrigins.has("https://web.example")]).toEqual([true, expected]);
});
