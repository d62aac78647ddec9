import { expect, it } from "vitest";
import { instantText } from "../../src/exchange/instant-text.ts";

it("an instant is written in UTC to the millisecond, whichever was written before it", () => {
  const instants = [0, 1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_000, -1];
  expect(instants.map(instantText)).toEqual(instants.map((ms) => new Date(ms).toISOString()));
});
