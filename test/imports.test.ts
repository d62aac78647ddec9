import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const source = join(import.meta.dirname, "../src");

/** All parts of the service, for whoever puts them together. */
const parts = [
  "exchange",
  "config",
  "policy",
  "net",
  "keys",
  "callers",
  "sealing",
  "cache",
  "store",
  "vault",
  "limits",
  "audit",
  "providers",
  "telemetry",
  "tracing",
  "rpc",
  "transport",
];

/** Room → rooms of src/ that it may import beside its own. `.` is the process and the composition root. */
const allowedRooms: Record<string, readonly string[]> = {
  exchange: [],
  // Of providers/ their definitions only; see below.
  config: ["exchange", "providers"],
  policy: ["exchange", "config"],
  net: ["exchange"],
  keys: ["exchange"],
  callers: ["exchange", "keys"],
  sealing: ["exchange"],
  cache: ["exchange", "sealing"],
  store: ["exchange", "sealing"],
  vault: ["exchange", "sealing", "store"],
  limits: ["exchange"],
  audit: ["exchange", "sealing"],
  providers: ["exchange", "net"],
  telemetry: ["exchange", "rpc"],
  tracing: ["exchange", "net", "cache"],
  rpc: ["exchange"],
  transport: ["exchange", "rpc", "telemetry", "tracing"],
  // What others install: nothing of the service comes along, and nothing of the service needs it.
  client: [],
  // Processes around the whole service; nothing of the service knows that they are there.
  workers: ["telemetry", "."],
  cli: ["exchange", "config", "policy", "sealing", "store", "vault", "audit", "wiring", "workers", "."],
  wiring: parts,
  ".": ["wiring", "config", "exchange", "rpc", "telemetry", "transport", "vault"],
};

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
}

const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const roomOf = (file: string): string => (file.includes("/") ? (file.split("/")[0] ?? ".") : ".");

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => ({ file, room: roomOf(file), target: match[1] ?? "" }));
});

const inside = imports.filter((one) => one.target.startsWith("."));
const targetOf = (one: Import): string => relative(source, join(source, dirname(one.file), one.target));

const inNodeClient = (file: string): boolean => file.startsWith("client/node/");
const inBrowserClient = (file: string): boolean => file.startsWith("client/") && !inNodeClient(file);
/** Where Connect and generated code may be: messages of the contract end there. */
const atTheEdge = ({ file, room }: Import): boolean => ["transport", "rpc"].includes(room) || inNodeClient(file);

const isDefinition = (file: string): boolean => /^providers\/(definition|registry|presets\/[a-z-]+)\.ts$/.test(file);

const inSdk = (file: string): boolean => file.startsWith("tracing/sdk/");

describe("imports point inward", () => {
  it("finds the files it judges", () => {
    expect(files.length).toBeGreaterThan(30);
    expect(imports.length).toBeGreaterThan(100);
  });

  it("knows every room, and no others", () => {
    expect([...new Set(files.map(roomOf))].toSorted()).toEqual(Object.keys(allowedRooms).toSorted());
  });

  it("lets each room import only the rooms it may", () => {
    const wrong = inside
      .filter((one) => !targetOf(one).startsWith(".."))
      .filter((one) => roomOf(targetOf(one)) !== one.room && !(allowedRooms[one.room] ?? []).includes(roomOf(targetOf(one))));
    expect(wrong).toEqual([]);
  });

  it("shows the configuration what kinds of provider there are, as data, and nothing of how they are asked", () => {
    const seen = inside.filter((one) => one.room === "config" && roomOf(targetOf(one)) === "providers");
    expect(seen.map(targetOf).filter((file) => !isDefinition(file))).toEqual([]);
    const beneath = inside.filter(({ file }) => isDefinition(file)).map(targetOf);
    expect(beneath.filter((file) => !isDefinition(file) && file !== "exchange/errors.ts")).toEqual([]);
  });

  it("lets no file import itself by way of others, not even for types", () => {
    const importsOf = Map.groupBy(inside, ({ file }) => file);
    const done = new Set<string>();
    const cycleFrom = (file: string, way: readonly string[]): readonly string[] | undefined => {
      if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
      if (done.has(file)) return undefined;
      for (const next of importsOf.get(file) ?? []) {
        const cycle = cycleFrom(targetOf(next), [...way, file]);
        if (cycle !== undefined) return cycle;
      }
      done.add(file);
      return undefined;
    };
    expect(files.map((file) => cycleFrom(file, [])).filter((cycle) => cycle !== undefined)).toEqual([]);
  });

  it("lets the process above workers know neither the configuration nor the service", () => {
    const reached = new Set(["workers/supervise.ts"]);
    for (const file of reached) for (const one of inside) if (one.file === file) reached.add(targetOf(one));
    expect(reached.size).toBeGreaterThan(5);
    expect([...reached].filter((file) => ["config", "wiring", "."].includes(roomOf(file)))).toEqual([]);
  });

  it("keeps every library and every Node module out of the core", () => {
    expect(imports.filter((one) => one.room === "exchange" && !one.target.startsWith("."))).toEqual([]);
  });

  it("keeps Connect in transport, rpc and the services' part of the client", () => {
    expect(imports.filter((one) => one.target.startsWith("@connectrpc/") && !atTheEdge(one))).toEqual([]);
  });

  it("keeps generated code in transport, rpc and the services' part of the client", () => {
    expect(inside.filter((one) => targetOf(one).startsWith("../gen/") && !atTheEdge(one))).toEqual([]);
  });

  it("keeps libraries, Node and the services' part out of the client for pages", () => {
    const ofPages = imports.filter(({ file }) => inBrowserClient(file));
    expect(ofPages.length).toBeGreaterThan(10);
    expect(ofPages.filter((one) => !one.target.startsWith(".") || !inBrowserClient(targetOf(one)))).toEqual([]);
  });

  it("reads the environment in config only", () => {
    const readers = files.filter((file) => /process\.env/.test(readFileSync(join(source, file), "utf8")));
    expect(readers.filter((file) => roomOf(file) !== "config")).toEqual([]);
  });

  it("speaks to the database in store only", () => {
    const libraries = ["kysely", "pg", "node:sqlite"];
    expect(
      imports.filter((one) => libraries.some((name) => one.target === name || one.target.startsWith(`${name}/`)) && one.room !== "store"),
    ).toEqual([]);
  });

  it("keeps OpenTelemetry in one folder, which is loaded where traces are configured and not before", () => {
    expect(imports.filter((one) => one.target.startsWith("@opentelemetry/") && !inSdk(one.file))).toEqual([]);
    const into = inside.filter((one) => inSdk(targetOf(one)) && !inSdk(one.file));
    expect(into.map(({ file }) => file)).toEqual(["wiring/traces.ts"]);
    expect(readFileSync(join(source, "wiring/traces.ts"), "utf8")).toContain('await import("../tracing/sdk/start-traces.ts")');
  });

  it("makes outbound requests in net only", () => {
    expect(imports.filter((one) => one.target === "undici" && one.room !== "net")).toEqual([]);
  });
});
