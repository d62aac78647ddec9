// `make test-callers`: the tests of callers and verifiers in other languages, which scripts/callers.sh has built.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.callers.ts"],
    environment: "node",
    // Packages are loaded as Node itself loads them.
    deps: { interopDefault: false },
    globalSetup: ["test/global-setup.ts"],
    // Two cores: while a virtual machine starts on one, the service answers on the other.
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
