// `make test-workers`: a supervisor and its workers as real processes, each test with some of its own.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/workers/*.workers.ts"],
    environment: "node",
    // Packages are loaded as Node itself loads them.
    deps: { interopDefault: false },
    globalSetup: ["test/global-setup.ts"],
    // Of two cores the workers need all that is left.
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 30_000,
    teardownTimeout: 60_000,
  },
});
