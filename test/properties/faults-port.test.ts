import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { reasons } from "../../src/exchange/errors.ts";
import { overH1, overH2, type RawAnswer } from "../transport/raw-request.ts";
import { oddRequest } from "./requests.ts";
import { rubbish, throwAt } from "./rubbish.ts";
import { anyStrike, strike } from "./strikes.ts";
import { startWorld, type World } from "./world.ts";

// Nothing that comes in ends a process or leaves it speechless, also while everything behind it fails.

/** Milliseconds that all programs together may take; a loaded machine runs fewer of them. */
const budgetMs = 8_000;

let world: World;
beforeAll(async () => {
  world = await startWorld({ bodyMs: 1_000, headersMs: 1_000, sniffMs: 500, checkEveryMs: 50 });
});
afterAll(() => world.close());

const at = fc.nat({ max: 2 });
/** Of the arbitrary requests some come from somebody who may ask. */
const authorizations = () => (["orders", "backend"] as const).map((service) => world.stack.authorization(service));

const known: ReadonlySet<string> = new Set(reasons);

/** A failure of ours is always one of those that were foreseen; undefined: nothing is wrong. */
function wrongWith({ status, body, everything }: RawAnswer): string | undefined {
  world.stack.canary.saw("an answer to an odd request", status === 200 ? "" : everything);
  const [, reason = "none"] = /"reason":"(?:ERROR_REASON_)?(\w+)"/.exec(body.toString("latin1")) ?? [];
  if (reason === "INTERNAL") return everything;
  const framing = status === 501 || status === 505;
  return status < 200 || (status >= 500 && !framing && !known.has(reason)) ? everything : undefined;
}

const program = () =>
  fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant("throw" as const),
          at,
          what: fc.array(rubbish, { minLength: 1, maxLength: 4 }),
          end: fc.constantFrom("end" as const, "reset" as const),
        }),
      },
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant("ask" as const),
          at,
          what: fc.array(oddRequest(authorizations()), { minLength: 1, maxLength: 6 }),
          over: fc.constantFrom("h1" as const, "h2" as const),
        }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("strike" as const), what: anyStrike }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("heal" as const) }) },
    ),
    { minLength: 8, maxLength: 14, size: "max" },
  );
type Step = ReturnType<typeof program> extends fc.Arbitrary<readonly (infer T)[]> ? T : never;

/** @returns what was wrong with the answers */
async function run(now: Step): Promise<readonly string[]> {
  if (now.do === "strike") await strike(world, now.what);
  if (now.do === "heal") await world.heal();
  if (now.do === "strike" || now.do === "heal") return [];
  const port = world.replicas[now.at]?.port ?? 0;
  const wrong = now.do === "throw" ? await throwAll(port, now) : await askAll(port, now);
  const { status } = await world.inTime(fetch(`http://localhost:${port}/livez`));
  return status === 200 ? wrong : [...wrong, `/livez answered ${status}`];
}

async function throwAll(port: number, { what, end }: Extract<Step, { do: "throw" }>): Promise<readonly string[]> {
  for (const text of await world.inTime(Promise.all(what.map((bytes) => throwAt(port, bytes, end)))))
    world.stack.canary.saw("what came back for bytes", text);
  return [];
}

async function askAll(port: number, { what, over }: Extract<Step, { do: "ask" }>): Promise<readonly string[]> {
  const send = over === "h1" ? overH1 : overH2;
  const came = await world.inTime(Promise.all(what.map((request) => send({ port, ...request }))));
  return came.map(wrongWith).filter((wrong) => wrong !== undefined);
}

it("no bytes and no request end a process, whatever fails meanwhile", { timeout: 6 * budgetMs }, async () => {
  const until = performance.now() + budgetMs;
  let programs = 0;
  await fc.assert(
    fc.asyncProperty(program(), async (steps) => {
      if (performance.now() > until) return;
      for (const now of steps) {
        expect(await run(now)).toEqual([]);
        expect(world.strangers()).toEqual([]);
      }
      await world.recover();
      programs += 1;
    }),
    { numRuns: 40, endOnFailure: true },
  );
  // Otherwise nothing was shown.
  expect(programs).toBeGreaterThan(0);
  const internal = world.replicas.flatMap((one) => one.logLines()).filter((line) => line["reason"] === "INTERNAL");
  expect(internal).toEqual([]);
});
