import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { apiClient, clearTokenCache, configureCambio, fetchWithAuth, getToken } from "../../src/client/index.ts";
import { type ClientRig, failureOf, type Seen, startClientRig } from "./client-rig.ts";

let rig: ClientRig;
let elsewhere: ClientRig;
beforeEach(async () => {
  rig = await startClientRig();
  elsewhere = await startClientRig();
});
afterEach(async () => {
  await rig.close();
  await elsewhere.close();
});

const seenBy = async (response: Response) => (await response.json()) as Seen;

describe("an endpoint", () => {
  it("that begins with / is put behind the base, whose path stays", async () => {
    const client = rig.client({ apiBaseUrl: `${rig.url}/v1/` });
    expect(await seenBy(await client.fetchWithAuth("/things?page=2"))).toMatchObject({
      path: "/v1/things?page=2",
      authorization: "Bearer token-1",
    });
  });

  it("that is a whole address of the API's origin gets the token", async () => {
    expect(await seenBy(await rig.client().fetchWithAuth(new URL("/things", rig.url)))).toMatchObject({ authorization: "Bearer token-1" });
  });

  it("of another origin gets no token, and none is fetched for it", async () => {
    const response = await rig.client().fetchWithAuth(`${elsewhere.url}/things`);
    expect(await seenBy(response)).toMatchObject({ path: "/things", authorization: "" });
    expect(rig.exchange.seen).toEqual([]);
  });

  it.each(["//HOST/things", "/\\HOST/things", "/\t/HOST/things"])(
    "that only looks like a path, as in %j, gets no token on another host",
    async (form) => {
      const { host } = new URL(elsewhere.url);
      const page = { href: rig.url };
      Reflect.set(globalThis, "location", page);
      try {
        await failureOf(
          rig
            .client({ apiBaseUrl: "" })
            .fetchWithAuth(form.replace("HOST", host))
            .then(() => Promise.reject(new Error("answered"))),
        );
      } finally {
        Reflect.deleteProperty(globalThis, "location");
      }
      expect([...elsewhere.api.seen, ...rig.api.seen].map(({ authorization }) => authorization)).toEqual([""]);
    },
  );

  it.each(["things", "", "javascript:alert(1)//", "data:text/plain,x"])("such as %j gets no token", async (endpoint) => {
    await rig
      .client()
      .fetchWithAuth(endpoint)
      .catch(() => undefined);
    expect([...rig.exchange.seen, ...rig.api.seen]).toEqual([]);
  });

  it("is called without a token where the caller says so, or brings its own", async () => {
    const client = rig.client();
    expect(await seenBy(await client.fetchWithAuth("/things", { skipAuth: true }))).toMatchObject({ authorization: "" });
    const headers = { Authorization: "Bearer mine" };
    expect(await seenBy(await client.fetchWithAuth("/things", { headers }))).toMatchObject({ authorization: "Bearer mine" });
    expect(rig.exchange.seen).toEqual([]);
  });

  it("that redirects to another origin does not hand the token on", async () => {
    rig.api.reply = () => ({ status: 302, headers: { location: `${elsewhere.url}/things` } });
    expect(await seenBy(await rig.client().fetchWithAuth("/things"))).toMatchObject({ authorization: "" });
  });

  it("that does not answer is waited for no longer than the limit", async () => {
    const { promise, resolve } = Promise.withResolvers<object>();
    rig.api.reply = () => promise;
    expect(await failureOf(rig.client({ timeoutMs: 50 }).fetchWithAuth("/things"))).toMatchObject({ name: "TimeoutError" });
    resolve({});
  });
});

describe("a body", () => {
  it.each([
    { what: "an object", body: { a: [1] }, sent: '{"a":[1]}', type: "application/json" },
    { what: "a list", body: [1, "two"], sent: '[1,"two"]', type: "application/json" },
    { what: "a number", body: 0, sent: "0", type: "application/json" },
    { what: "a string that is JSON already", body: '{"a":1}', sent: '{"a":1}', type: "application/json" },
    { what: "a form", body: new URLSearchParams({ a: "1" }), sent: "a=1", type: "application/x-www-form-urlencoded;charset=UTF-8" },
    { what: "bytes", body: new TextEncoder().encode("abc"), sent: "abc", type: "" },
  ])("that is $what is sent in its form", async ({ body, sent, type }) => {
    const response = await rig.client().fetchWithAuth("/things", { method: "POST", body });
    expect(await seenBy(response)).toMatchObject({ body: sent, contentType: type });
  });

  it("keeps the type that the caller gives it", async () => {
    const headers = { "content-type": "application/merge-patch+json" };
    const response = await rig.client().fetchWithAuth("/things", { method: "PATCH", body: { a: 1 }, headers });
    expect(await seenBy(response)).toMatchObject({ contentType: "application/merge-patch+json" });
  });

  it("that JSON cannot say is refused before anything is sent", async () => {
    expect(await failureOf(rig.client().fetchWithAuth("/things", { method: "POST", body: () => 1 }))).toBeInstanceOf(TypeError);
    expect(rig.exchange.seen).toEqual([]);
  });
});

describe("apiClient", () => {
  it.each(["get", "delete"] as const)("%s comes back with a value", async (method) => {
    const client = rig.client();
    expect(await client.apiClient[method]<Seen>("/things")).toMatchObject({
      method: method.toUpperCase(),
      body: "",
      contentType: "",
    });
  });

  it.each(["post", "put", "patch"] as const)("%s sends data as JSON", async (method) => {
    const client = rig.client();
    const sent = await client.apiClient[method]<Seen>("/things", { name: "Ada" }, { headers: { "x-extra": "1" } });
    expect(sent).toMatchObject({ method: method.toUpperCase(), body: '{"name":"Ada"}', contentType: "application/json" });
    expect(await client.apiClient[method]<Seen>("/things", "plain")).toMatchObject({ body: '"plain"' });
    expect(await client.apiClient[method]<Seen>("/things", null)).toMatchObject({ body: "null" });
    expect(await client.apiClient[method]<Seen>("/things")).toMatchObject({ body: "", contentType: "" });
  });

  it.each([
    { what: "JSON", reply: { status: 422, body: { error: "name_missing" } }, body: { error: "name_missing" } },
    { what: "text", reply: { status: 422, headers: { "content-type": "text/plain" }, body: "no name" }, body: "no name" },
    { what: "nothing", reply: { status: 422 }, body: undefined },
    { what: "more than is read", reply: { status: 422, body: "x".repeat(70_000) }, body: undefined },
  ])("throws an ApiError with status and body for a failure that says $what", async ({ reply, body }) => {
    rig.api.reply = () => reply;
    expect(await failureOf(rig.client().apiClient.post("/things", {}))).toMatchObject({
      name: "ApiError",
      status: 422,
      source: "api",
      body,
      message: "The API answered with status 422.",
    });
  });

  it("comes back with undefined for an answer without a body, and with text that is not JSON", async () => {
    const { apiClient: api } = rig.client();
    rig.api.reply = () => ({ status: 204 });
    expect(await api.delete("/things")).toBeUndefined();
    rig.api.reply = () => ({ headers: { "content-type": "text/plain" }, body: "pong" });
    expect(await api.get("/ping")).toBe("pong");
  });

  it("throws for an answer that breaks off in the middle of its JSON", async () => {
    rig.api.reply = () => ({ body: '{"half":' });
    expect(await failureOf(rig.client().apiClient.get("/things"))).toMatchObject({ name: "ApiError", status: 0, source: "api" });
  });

  it("shows the 401 of an API that is called without a token", async () => {
    rig.api.reply = ({ authorization }) => ({ status: authorization === "" ? 401 : 200 });
    expect(await failureOf(rig.client().apiClient.get("/api/protected", { skipAuth: true }))).toMatchObject({ status: 401, source: "api" });
  });
});

describe("the functions of the module", () => {
  it("go to the client that was configured last", async () => {
    const options = { baseUrl: rig.url, apiBaseUrl: rig.url };
    configureCambio(options);
    expect(await apiClient.get<Seen>("/things")).toMatchObject({ authorization: "Bearer token-1" });
    clearTokenCache();
    expect(await getToken()).toBe("token-2");
    configureCambio(options).close();
    expect(await seenBy(await fetchWithAuth("/things"))).toMatchObject({ authorization: "Bearer token-3" });
  });
});
