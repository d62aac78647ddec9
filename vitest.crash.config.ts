// `make test-crash`: replicas that are killed at random instants while clients refresh.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/crash/*.crash.ts"],
    environment: "node",
    // Packages are loaded as Node itself loads them.
    deps: { interopDefault: false },
    globalSetup: ["test/global-setup.ts"],
    // Of two cores the replicas need all that is left.
    maxWorkers: 1,
    testTimeout: 60_000,
    // Seven processes are started, each of which takes seconds where there is more to do.
    hookTimeout: 240_000,
    // At the end all that the killed replicas wrote is searched for secrets, which takes some ten seconds.
    teardownTimeout: 60_000,
  },
});
