import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keySetPath as path, keySetRoute } from "../../src/transport/key-set-route.ts";
import { type PortRig, startPort } from "./port-rig.ts";
import { overH1, overH2 } from "./raw-request.ts";

let keys: readonly object[] = [];
let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({ plain: [keySetRoute(() => ({ keys }))] });
});
afterAll(() => rig.close());

describe.each([
  ["HTTP/1.1", overH1],
  ["HTTP/2", overH2],
])("the published key set over %s", (_, over) => {
  const get = (headers: Record<string, string> = {}, method = "GET") => over({ port: rig.port, path, method, headers });

  it("is an empty set where nothing is signed", async () => {
    keys = [];
    const { status, body } = await get();
    expect([status, JSON.parse(body.toString())]).toEqual([200, { keys: [] }]);
  });

  it("may be kept for ten minutes by everybody", async () => {
    keys = [{ kty: "OKP", kid: "one" }];
    const { status, headers, body } = await get();
    expect([status, JSON.parse(body.toString())]).toEqual([200, { keys }]);
    expect(headers).toMatchObject({ "content-type": "application/json", "cache-control": "public, max-age=600" });
  });

  it("is not sent again to who has it, and is once it has changed", async () => {
    keys = [{ kid: "one" }];
    const etag = String((await get()).headers["etag"]);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const { status, headers, body } = await get({ "if-none-match": known });
      expect([status, body.length, headers["etag"], headers["content-length"]]).toEqual([304, 0, etag, undefined]);
    }
    keys = [{ kid: "one" }, { kid: "two" }];
    const { status, headers } = await get({ "if-none-match": etag });
    expect(status).toBe(200);
    expect(headers["etag"]).not.toBe(etag);
  });

  it("answers HEAD with the same headers and no body", async () => {
    const [whole, head] = [await get(), await get({}, "HEAD")];
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const name of ["etag", "cache-control", "content-length", "content-type"]) expect(head.headers[name]).toBe(whole.headers[name]);
  });

  it("is not written to", async () => {
    expect((await get({ "content-type": "application/json" }, "POST")).status).toBe(405);
  });
});
