import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRefreshHandles } from "../../src/cache/refresh-handles.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { flipped, masterKey } from "./fixtures.ts";

const sealer = createSealer([masterKey("a")], "refresh-handle");
const handles = createRefreshHandles(sealer);
const grant = { provider: "main", refreshToken: new Secret("the provider's own token") };
const handle = handles.seal("spa", grant).reveal();
const body = handle.slice("cambio_rt_".length);
const wrap = (sealed: Uint8Array) => `cambio_rt_${Buffer.from(sealed).toString("base64url")}`;

test("a handle opens for its client to provider and token, and shows neither", () => {
  const opened = handles.open("spa", new Secret(handle));
  expect([opened?.provider, opened?.refreshToken.reveal()]).toEqual(["main", "the provider's own token"]);
  expect(handle).toMatch(/^cambio_rt_[A-Za-z0-9_-]+$/);
  expect(Buffer.from(body, "base64url").includes("provider")).toBe(false);
});

test("a stolen handle is nothing to another client", () => {
  expect(handles.open("other-spa", new Secret(handle))).toBeUndefined();
});

describe("is not a handle:", () => {
  test.each([
    ["one with a bit flipped", wrap(flipped(Buffer.from(body, "base64url"), 160))],
    ["one cut short", handle.slice(0, -4)],
    ["one without its prefix", body],
    ["one with another prefix", `cambio_at_${body}`],
    ["one with padding", `${handle}=`],
    ["one with a space inside", `${handle.slice(0, 30)} ${handle.slice(30)}`],
    ["one in the other base64 alphabet", `cambio_rt_${Buffer.from(body, "base64url").toString("base64")}`],
    ["a value sealed for another purpose under the same key", wrap(createSealer([masterKey("a")], "pending-state").seal(json(), ["spa"]))],
    ["one made with other key bytes under the same id", wrap(createSealer([masterKey("a", 9)], "refresh-handle").seal(json(), ["spa"]))],
    ["a sealed value that is not JSON", wrap(sealer.seal(Buffer.from("{"), ["spa"]))],
    ["a sealed value of another shape", wrap(sealer.seal(Buffer.from('{"provider":"main"}'), ["spa"]))],
    ["a provider's raw refresh token", "the provider's own token"],
    ["the bare prefix", "cambio_rt_"],
    ["nothing", ""],
    ["more than 16 KiB", `cambio_rt_${"A".repeat(16 * 1024)}`],
  ])("%s", (_, text) => {
    expect(handles.open("spa", new Secret(text))).toBeUndefined();
  });

  test("anything random", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(handles.open("spa", new Secret(wrap(bytes)))).toBeUndefined();
      }),
    );
  });
});

test("a handle still opens after a new first key was added, and not after its own was taken out", () => {
  const rotated = createRefreshHandles(createSealer([masterKey("b"), masterKey("a")], "refresh-handle"));
  expect(rotated.open("spa", new Secret(handle))?.provider).toBe("main");
  expect(handles.open("spa", rotated.seal("spa", grant))).toBeUndefined();
  expect(createRefreshHandles(createSealer([masterKey("b")], "refresh-handle")).open("spa", new Secret(handle))).toBeUndefined();
});

test("a refresh token so long that its handle could not come back is refused, not handed out", () => {
  const longest = { provider: "main", refreshToken: new Secret("x".repeat(12_000)) };
  expect(handles.open("spa", handles.seal("spa", longest))?.refreshToken.reveal().length).toBe(12_000);
  const tooLong = { provider: "main", refreshToken: new Secret("x".repeat(13_000)) };
  expect(() => handles.seal("spa", tooLong)).toThrow(expect.objectContaining({ reason: "OUTCOME_UNKNOWN" }));
});

function json(): Uint8Array {
  return Buffer.from(JSON.stringify({ provider: "main", refreshToken: "the provider's own token" }));
}
