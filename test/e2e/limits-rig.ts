// Cambio with limits: what the tests of rates, budgets and places begin with.

import { type Configuration, configurationSchema } from "../../src/config/schema.ts";
import type { Answer, Instance } from "../support/fake-stack.ts";
import { outcomeOf } from "./replica-rig.ts";

const defaults = configurationSchema.shape.limits.parse(undefined);

type Limits = Partial<Configuration["limits"]>;
type Change = (configuration: Configuration) => Configuration;

export const limited =
  (limits: Limits = {}, trusted: readonly string[] = []): Change =>
  (configuration) => ({
    ...configuration,
    limits: { ...defaults, ...limits },
    server: { ...configuration.server, trusted_proxies: [...trusted] },
  });
/** Where tests call from. */
export const here = ["127.0.0.0/8", "::1"];

export const from = (address: string) => ({ "x-forwarded-for": address });
/** A call of the command-line tool that needs nothing outside the process. */
export const asTool = (at: Instance, headers: Readonly<Record<string, string>> = {}) =>
  at.rpc("Revoke", { clientId: "cli", provider: "main", token: { value: "token-of-nobody" } }, headers);

export async function times(count: number, call: (number: number) => Promise<Answer>): Promise<readonly string[]> {
  const outcomes: string[] = [];
  // Few at once: it is about their number, not about how many run at one time.
  for (let done = 0; done < count; done += 25) {
    const batch = Array.from({ length: Math.min(25, count - done) }, (_, index) => call(done + index));
    outcomes.push(...(await Promise.all(batch)).map(outcomeOf));
  }
  return outcomes;
}
export const all = (count: number, outcome: string) => Array.from({ length: count }, () => outcome);
