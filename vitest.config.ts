import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
    // Packages are loaded as Node itself loads them.
    deps: { interopDefault: false },
    globalSetup: ["test/global-setup.ts"],
    // The default leaves one core to vitest itself; most of these tests wait for servers, so that two fit on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // At the end all that was written is searched for secrets, while workers are on their way out.
    teardownTimeout: 60_000,
  },
});
