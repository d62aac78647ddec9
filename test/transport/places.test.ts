import { expect, it } from "vitest";
import { enter } from "../../src/rpc/caller.ts";
import { createPlaces } from "../../src/transport/places.ts";
import { clientOf, refusal } from "../exchange/fixtures.ts";
import { callersOf, callOf, entranceOf } from "../rpc/fixtures.ts";

const end = { status: 200, code: "ok", durationMs: 1 };
const tool = clientOf({ id: "cli", kind: "native", methods: new Set(["Revoke"] as const) });

function rig() {
  const places = { taken: 0 };
  const takePlace = () => {
    places.taken += 1;
    return () => {
      places.taken -= 1;
    };
  };
  const entrance = entranceOf(callersOf(tool), { takePlace });
  const hooks = createPlaces(() => undefined);
  return { places, hooks, enterWith: (call = callOf()) => enter(entrance, call, { clientId: "cli", method: "Revoke" }) };
}

it("a call gives its place back at its end", () => {
  const { places, hooks, enterWith } = rig();
  const call = callOf();
  enterWith(call);
  expect(places.taken).toBe(1);
  hooks.onEnd(call, end);
  expect(places.taken).toBe(0);
});

it("an attacker who leaves while his message is decoded leaves no place taken for ever", () => {
  const { places, hooks, enterWith } = rig();
  const call = callOf();
  hooks.onEnd(call, end);
  expect(() => enterWith(call)).toThrow(refusal("DEADLINE_EXCEEDED"));
  expect(places.taken).toBe(0);
});
