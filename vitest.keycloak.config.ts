// `make test-keycloak`: the tests that need a real Keycloak.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.keycloak.ts"],
    environment: "node",
    // Packages are loaded as Node itself loads them.
    deps: { interopDefault: false },
    globalSetup: ["test/global-setup.ts", "test/keycloak/shared-server.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
