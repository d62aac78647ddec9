import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "cambio-client-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (command: string, ...parameters: readonly string[]) => execFileSync(command, parameters, { cwd: folder, encoding: "utf8" });

it("the part for pages is less than 10 kB compressed, and brings no library along", async () => {
  const options = { bundle: true, minify: true, write: false, format: "esm", metafile: true } as const;
  const { outputFiles, metafile } = await build({ ...options, entryPoints: [join(root, "src/client/index.ts")] });
  const compressed = gzipSync(outputFiles[0]?.contents ?? "").byteLength;
  expect(compressed).toBeGreaterThan(1_000);
  expect(compressed).toBeLessThan(10_000);
  expect(Object.keys(metafile.inputs).filter((file) => !/^src\/client\/[\w-]+\.ts$/.test(file))).toEqual([]);
});

describe("the package, installed", () => {
  const installed = join(folder, "node_modules/cambio");

  beforeAll(() => {
    // Built for this test alone: dist/ is the developer's.
    mkdirSync(join(folder, "source/docs"), { recursive: true });
    for (const file of ["package.json", "README.md", "docs/client.md", "src/cli/cambio.mjs"])
      cpSync(join(root, file), join(folder, "source", file));
    run(join(root, "scripts/build-client.sh"), join(folder, "source/dist/client"));
    run("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, join(folder, "source"));
    mkdirSync(installed, { recursive: true });
    run("tar", "-xzf", readdirSync(folder).find((file) => file.endsWith(".tgz")) ?? "", "--strip-components=1", "-C", installed);
    const libraries = ["@bufbuild", "@connectrpc", "@types", "express", "fastify", "lru-cache"];
    for (const name of libraries) symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  }, 60_000);

  it("holds both parts and nothing of the service but its command", () => {
    const files = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((file) => /\.(?:m?[jt]s)$/.test(file));
    expect(files).toEqual(expect.arrayContaining(["dist/client/src/client/index.js", "dist/client/src/client/node/index.d.ts"]));
    expect(files.filter((file) => !/^dist\/client\/(?:src\/client|gen\/cambio)\//.test(file))).toEqual(["src/cli/cambio.mjs"]);
  });

  it("is imported by its names, and nothing else of it is", () => {
    const script = `
      import { createCambioClient } from "cambio/client";
      import { createTokenGuard } from "cambio/client/node";
      const refused = await import("cambio/dist/client/src/client/index.js").catch((failure) => failure.code);
      const client = createCambioClient({ apiBaseUrl: "http://localhost:1", baseUrl: "http://localhost:1" });
      const failure = await client.getToken().catch(({ name, status }) => [name, status]);
      const { check } = createTokenGuard({ cambio: "http://localhost:1" }).requireToken();
      console.log(JSON.stringify([refused, failure, (await check(["Bearer abc"])).kind, (await check([])).kind]));
    `;
    writeFileSync(join(folder, "consumer.mjs"), script);
    // It ends by itself: neither part keeps the process.
    const output: unknown = JSON.parse(run(process.execPath, "consumer.mjs"));
    expect(output).toEqual(["ERR_PACKAGE_PATH_NOT_EXPORTED", ["ApiError", 0], "undecided", "denied"]);
  });

  it("has types for pages that know nothing of Node", () => {
    const page = `
      import { apiClient, type ApiError, configureCambio, fetchWithAuth } from "cambio/client";
      configureCambio({ apiBaseUrl: "https://api.example.com" });
      export const answer: Promise<{ readonly id: string }> = apiClient.post("/things", { name: "Ada" });
      export const response: Promise<Response> = fetchWithAuth("/things", { skipAuth: true, body: [1], method: "POST" });
      export const statusOf = (failure: ApiError): number => failure.status;
    `;
    const wrong = 'import { apiClient } from "cambio/client"; apiClient.fetch("/things");';
    const options = { module: "esnext", moduleResolution: "bundler", lib: ["es2023", "dom"], types: [], skipLibCheck: false };
    expect(typeErrors("page", { "page.ts": page, "wrong.ts": wrong }, options)).toMatch(/^page\/wrong\.ts\S+ error TS2339: [^\n]+\n$/);
  });

  it("type-checks every example of docs/client.md", () => {
    const text = readFileSync(join(root, "docs/client.md"), "utf8");
    const examples = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match, index) => [`example-${index + 1}.ts`, match[1] ?? ""]);
    expect(examples.length).toBeGreaterThan(4);
    const options = { module: "nodenext", lib: ["es2023", "dom", "esnext.disposable"], types: ["node"], skipLibCheck: true };
    expect(typeErrors("examples", Object.fromEntries(examples) as Record<string, string>, options)).toBe("");
  });

  /** What the compiler objects to. */
  function typeErrors(name: string, files: Readonly<Record<string, string>>, options: object): string {
    mkdirSync(join(folder, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text);
    const compilerOptions = { ...options, target: "es2023", strict: true, noEmit: true };
    writeFileSync(join(folder, name, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
    return spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", name, "--pretty", "false"], { cwd: folder, encoding: "utf8" }).stdout;
  }
});
