import { expect, it } from "vitest";
import { limited, times } from "../e2e/limits-rig.ts";
import { startFakeStack } from "../support/fake-stack.ts";

it("an attacker who goes on although a limit refuses him leaves one record a second, and every call is counted, also when the service stops", async () => {
  const stack = await startFakeStack({ change: limited({ addresses: 5 }) });
  const { cambio } = stack;
  const outcomes = await times(500, () => cambio.rpc("ValidateCrossClient", {}));
  const refused = outcomes.filter((outcome) => outcome === "RATE_LIMITED").length;
  expect(refused).toBeGreaterThan(400);
  const labels = { method: "cambio.v1.TokenExchangeService/ValidateCrossClient", reason: "RATE_LIMITED" };
  expect(await cambio.metric("cambio_calls_total", labels)).toBe(refused);
  await stack.close();
  for (const lines of [cambio.auditLines(), cambio.logLines()]) {
    const told = lines.filter((line) => line["reason"] === "RATE_LIMITED");
    expect(told.reduce((sum, line) => sum + Number(line["count"]), 0)).toBe(refused);
    expect(told.length).toBeLessThan(refused / 10);
  }
});
