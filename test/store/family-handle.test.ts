import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { createFamilyHandles } from "../../src/store/family-handle.ts";
import { flipped, masterKey } from "../cache/fixtures.ts";

const handles = createFamilyHandles([masterKey("a")]);
const shown = { id: Buffer.alloc(16, 7).toString("base64url"), generation: 3 };
const handle = handles.write("web", shown).reveal();
const bytes = Buffer.from(handle.slice("cambio_rt_".length), "base64url");
const wrap = (value: Uint8Array) => `cambio_rt_${Buffer.from(value).toString("base64url")}`;
const read = (text: string, clientId = "web") => handles.read(clientId, new Secret(text));

/** The bytes of generation 3 with another one written over it. */
function raised(generation: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(generation, 16);
  return copy;
}

test("a handle says family and generation to its client, and is always written the same", () => {
  expect(read(handle)).toEqual(shown);
  expect(handles.write("web", shown).reveal()).toBe(handle);
  expect(handle).toMatch(/^cambio_rt_[A-Za-z0-9_-]{70}$/);
});

describe("is no handle:", () => {
  test.each([
    ["one with the generation raised by hand", wrap(raised(4))],
    ["one with the generation lowered by hand", wrap(raised(2))],
    ["one whose mark is cut off", wrap(bytes.subarray(0, 20))],
    ["one whose mark is nothing", wrap(Buffer.concat([bytes.subarray(0, 20), Buffer.alloc(32)]))],
    ["one that is longer", wrap(Buffer.concat([bytes, Buffer.alloc(1)]))],
    ["one without its prefix", handle.slice("cambio_rt_".length)],
    ["one with another prefix", handle.replace("cambio_rt_", "cambio_at_")],
    ["one with padding", `${handle.slice(0, -1)}=`],
    ["one with a space inside", `${handle.slice(0, 30)} ${handle.slice(31)}`],
    [
      "one with stray bits at the end",
      `${handle.slice(0, -1)}${handle.endsWith("A") ? "B" : String.fromCharCode(handle.charCodeAt(79) + 1)}`,
    ],
    [
      "one with the mark of another key",
      createFamilyHandles([masterKey("a", 9)])
        .write("web", shown)
        .reveal(),
    ],
    ["the prefix alone", "cambio_rt_"],
    ["nothing", ""],
  ])("%s", (_, text) => {
    expect(read(text)).toBeUndefined();
  });

  test("one with any bit flipped", () => {
    for (let bit = 0; bit < bytes.length * 8; bit += 1) expect(read(wrap(flipped(bytes, bit)))).toBeUndefined();
  });

  test("one of another client, however the two names are cut", () => {
    expect(read(handle, "other")).toBeUndefined();
    expect(read(handle, "we")).toBeUndefined();
    expect(read(handle, "")).toBeUndefined();
  });

  test("anything random of the right length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 52, maxLength: 52 }), (random) => {
        expect(read(wrap(random))).toBeUndefined();
      }),
    );
  });
});

test("handles of every family, generation and client come back as they were", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(2 ** 31 - 1), fc.string(), (id, generation, clientId) => {
      const written = { id: Buffer.from(id).toString("base64url"), generation };
      expect(handles.read(clientId, handles.write(clientId, written))).toEqual(written);
    }),
  );
});

test("an old key's handles are read, and none is written under it any more", () => {
  const rotated = createFamilyHandles([masterKey("b"), masterKey("a")]);
  expect(rotated.read("web", new Secret(handle))).toEqual(shown);
  expect(handles.read("web", rotated.write("web", shown))).toBeUndefined();
});

test("without a key there are no handles", () => {
  expect(() => createFamilyHandles([])).toThrow("at least one key");
});
