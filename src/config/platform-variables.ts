// Variables that platforms and OpenTelemetry set by themselves: they fill what the file leaves open, by the same way as if it named
// them (`${NAME}`). What such a reference becomes is expand.ts; whether the value is right, the schema.

import { isMap } from "./expand.ts";
import type { Environment } from "./references.ts";

export function withEnvironment(value: Record<string, unknown>, env: Environment): Record<string, unknown> {
  const server = value["server"] ?? {};
  const fillPort = isMap(server) && !isGiven(server, "port") && Boolean(env["PORT"]);
  const traces = withTracesEnvironment(value["traces"], env);
  const database = value["database"] ?? {};
  const databaseOpen = isMap(database) && ["url", "url_file", "file"].every((key) => !isGiven(database, key));
  const fillDatabase = databaseOpen && Boolean(env["DATABASE_URL"]);
  const redis = value["redis"] ?? {};
  const redisOpen = isMap(redis) && ["url", "url_file", "sentinel", "cluster"].every((key) => !isGiven(redis, key));
  const fillRedis = redisOpen && Boolean(env["REDIS_URL"]);
  return {
    ...value,
    ...(fillPort ? { server: { ...server, port: "${PORT}" } } : {}),
    ...(fillDatabase ? { database: { ...database, url: "${DATABASE_URL}" } } : {}),
    ...(traces === undefined ? {} : { traces }),
    ...(fillRedis ? { redis: { ...redis, url: "${REDIS_URL}" } } : {}),
  };
}

/** OpenTelemetry's own variables. Whatever else is set of them: without an address there are no traces. */
function withTracesEnvironment(written: unknown, env: Environment): unknown {
  const traces = written ?? {};
  if (!isMap(traces)) return written;
  const open = (...keys: readonly string[]): boolean => keys.every((key) => !isGiven(traces, key));
  const address = open("otlp_url") ? collectorAddress(env) : {};
  if (isMap(written) || Object.hasOwn(address, "otlp_url")) {
    const headers = open("headers", "headers_file") && Boolean(env["OTEL_EXPORTER_OTLP_HEADERS"]);
    const serviceName = open("service_name") && Boolean(env["OTEL_SERVICE_NAME"]);
    return {
      ...traces,
      ...address,
      ...(headers ? { headers: "${OTEL_EXPORTER_OTLP_HEADERS}" } : {}),
      ...(serviceName ? { service_name: "${OTEL_SERVICE_NAME}" } : {}),
    };
  }
  return undefined;
}

/** The variable of traces counts as it is; the general one is where the paths of all signals begin. */
function collectorAddress(env: Environment): { readonly otlp_url?: string } {
  if (env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) return { otlp_url: "${OTEL_EXPORTER_OTLP_TRACES_ENDPOINT}" };
  const general = env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  if (!general) return {};
  return { otlp_url: `\${OTEL_EXPORTER_OTLP_ENDPOINT}${general.endsWith("/") ? "" : "/"}v1/traces` };
}

export function isGiven(map: Record<string, unknown>, key: string): boolean {
  return map[key] !== undefined && map[key] !== null;
}
