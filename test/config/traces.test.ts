import { describe, expect, it } from "vitest";
import { needsRestart } from "../../src/wiring/core.ts";
import { exampleWith, expectOnlyMistake, load } from "./given.ts";

const url = "https://collector.example.com/v1/traces";
const written = (traces: object): string => exampleWith({ traces });

describe("traces", () => {
  it("are off where nothing asks for them, whatever else is set", () => {
    expect(load().traces).toBeUndefined();
    expect(load({ env: { OTEL_SERVICE_NAME: "other", OTEL_EXPORTER_OTLP_HEADERS: "x-key=1" } }).traces).toBeUndefined();
  });

  it("are complete with an address alone", () => {
    const complete = { otlp_url: url, allow_http: false, sample_ratio: 1, service_name: "cambio" };
    expect(load({ text: written({ otlp_url: url }) }).traces).toEqual(complete);
  });

  it.each([
    ["the variable of traces, as it is", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url }, url],
    ["the general one, with the path of traces", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example" }, "https://otel.example/v1/traces"],
    ["the general one with a slash", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example/at/" }, "https://otel.example/at/v1/traces"],
    ["both", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url, OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example" }, url],
  ])("take an open address from the environment: %s", (_what, env, address) => {
    expect(load({ env }).traces?.otlp_url).toBe(address);
    expect(load({ env, text: written({ otlp_url: "https://written.example/v1/traces" }) }).traces?.otlp_url).toMatch(/written/);
    expect(load({ env, text: written({ sample_ratio: 0.5 }) }).traces).toMatchObject({ otlp_url: address, sample_ratio: 0.5 });
  });

  it("take headers and name from the environment where the file leaves them open", () => {
    const env = { OTEL_EXPORTER_OTLP_HEADERS: "x-key=environment", OTEL_SERVICE_NAME: "environment" };
    const keyOf = (text: string, files = {}): unknown => load({ text, env, files }).traces?.headers?.[0]?.[1].reveal();
    expect(keyOf(written({ otlp_url: url }))).toBe("environment");
    expect(keyOf(written({ otlp_url: url, headers: "x-key=written" }))).toBe("written");
    expect(keyOf(written({ otlp_url: url, headers_file: "/run/key" }), { "/run/key": "x-key=file\n" })).toBe("file");
    expect(load({ text: written({ otlp_url: url }), env }).traces?.service_name).toBe("environment");
    expect(load({ text: written({ otlp_url: url, service_name: "written" }), env }).traces?.service_name).toBe("written");
  });

  it("may go in clear text to this machine, and elsewhere by the switch", () => {
    expect(load({ text: written({ otlp_url: "http://localhost:4318/v1/traces" }) }).traces).toBeDefined();
    const closed = { otlp_url: "http://collector.internal:4318/v1/traces", allow_http: true };
    expect(load({ text: written(closed) }).traces).toBeDefined();
  });

  it("are taken up by a start only, and so is another key", () => {
    const before = load({ text: written({ otlp_url: url, headers: "x-key=1" }) });
    expect(needsRestart(before, load({ text: written({ otlp_url: url, headers: "x-key=2" }) }))).toEqual(["traces"]);
    expect(needsRestart(before, load())).toEqual(["traces"]);
    expect(needsRestart(before, before)).toEqual([]);
  });

  expectOnlyMistake([
    { name: "no address", changes: { traces: { sample_ratio: 1 } }, path: "traces.otlp_url", words: "traces.otlp_url" },
    {
      name: "plain http beyond loopback",
      changes: { traces: { otlp_url: "http://collector.internal/v1/traces" } },
      path: "traces.otlp_url",
      words: "allow_http: true",
    },
    {
      name: "plain http beyond loopback, from the environment",
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.internal:4317" },
      path: "traces.otlp_url",
      words: "is plain http beyond loopback",
    },
    { name: "a query", changes: { traces: { otlp_url: `${url}?key=1` } }, path: "traces.otlp_url", words: "headers" },
    { name: "a ratio beyond 1", changes: { traces: { otlp_url: url, sample_ratio: 2 } }, path: "traces.sample_ratio", words: "1" },
    { name: "headers that are none", changes: { traces: { otlp_url: url, headers: "key" } }, path: "traces.headers", words: "NAME=VALUE" },
  ]);
});
