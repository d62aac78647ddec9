// A process of its own that serves a call, with traces to the address in its argument or without any, and writes down which modules of
// OpenTelemetry it loaded.

import { registerHooks } from "node:module";
import { readFileSync } from "node:fs";

const loaded = new Set<string>();
registerHooks({
  load(url, context, next) {
    const [, name] = /node_modules\/(@opentelemetry\/[^/]+)\//.exec(url) ?? [];
    if (name !== undefined) loaded.add(name);
    return next(url, context);
  },
});

const { loadConfiguration } = await import("../../src/config/load.ts");
const { startService } = await import("../../src/service.ts");
const { environment, exampleFile } = await import("../config/example-environment.ts");

const [, , collector = ""] = process.argv;
const env = { ...environment, PORT: "0", CAMBIO_HOST: "localhost", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector };
const configuration = loadConfiguration({ path: exampleFile.pathname, env, readFile: (path) => readFileSync(path, "utf8") });
const quiet = { write: () => undefined };
const service = await startService(configuration, { logDestination: quiet, auditDestination: quiet });
await (
  await fetch(`${service.url}/cambio.v1.TokenExchangeService/Refresh`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ clientId: "cli", refreshToken: "unknown" }),
  })
).text();
await service.close();
process.stdout.write(JSON.stringify([...loaded].toSorted()));
