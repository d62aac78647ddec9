// `make demo`: starts everything, walks the main job end to end, stops everything. Exit status 0 means that every step went as it
// should. The steps are in demo-steps.ts.

import { startIdentityProvider } from "../test/support/identity-provider.ts";
import { createReport, StepFailed } from "./demo-report.ts";
import { runSteps } from "./demo-steps.ts";
import { startStack } from "./stack.ts";

/** Twenty times what a slow machine needs; a demo that hangs must say so. */
const timeLimitMs = 60_000;

async function demo(): Promise<void> {
  console.log("\nCambio end to end: a real OpenID provider, real clients; the database is a file, and no Redis.\n");
  const started = performance.now();
  const report = createReport(process.stdout);
  const stack = await report.step(
    "OpenID provider and Cambio are started",
    () => startStack({ seams: { logDestination: { write: () => undefined } } }),
    ({ url, identityProvider }) => [
      ["provider", identityProvider.issuer],
      ["Cambio", `${url} (gRPC, gRPC-Web, Connect, HTTP)`],
    ],
  );
  try {
    const stranger = await startIdentityProvider({ clients: [] });
    try {
      await runSteps({ stack, stranger, report });
    } finally {
      await stranger.close();
    }
  } finally {
    await stack.close();
  }
  console.log(`All ${report.count()} steps went as they should, in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
}

const limit = setTimeout(() => {
  console.error(`The demo was not done within ${timeLimitMs / 1000} s.`);
  process.exit(1);
}, timeLimitMs);

try {
  await demo();
} catch (failure) {
  process.exitCode = 1;
  console.error(failure instanceof StepFailed ? `The demo failed at: ${failure.message}` : failure);
} finally {
  clearTimeout(limit);
}
