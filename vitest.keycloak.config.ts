// `make test-keycloak`: the tests that need a real Keycloak. One file at a time, for each starts a server of its own.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.keycloak.ts"],
    environment: "node",
    globalSetup: ["test/global-setup.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
