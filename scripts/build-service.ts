// Builds the service to dist/service, or to the folder that is named: `cambio` as one program, out of src/ and of what it takes from
// packages. Beside it lies the list of these packages, in CycloneDX's form, as nothing else in an image would tell a scanner of them.
//
// Nothing is renamed or shortened: an error's stack reads as it does in src/.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Metafile } from "esbuild";

const repository = join(import.meta.dirname, "..");
const folder = process.argv[2] ?? join(repository, "dist/service");

/** Packages of CommonJS ask for Node's own modules by `require`, which a module does not have by itself. */
const withRequire = `import { createRequire as createRequireOfProgram } from "node:module"; const require = createRequireOfProgram(import.meta.url);`;

rmSync(folder, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: repository,
  // A worker is a program of its own, which lies beside whatever starts it, as in src/workers.
  entryPoints: { cambio: "src/cli/cambio.mjs", worker: "src/workers/worker.ts" },
  outdir: folder,
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  outExtension: { ".js": ".mjs" },
  target: "esnext",
  banner: { js: withRequire },
  // The database driver's other half, which nobody has asked for.
  external: ["pg-native"],
  // The same wherever it is built: in an image there is no file of these settings.
  tsconfigRaw: {},
  legalComments: "external",
  metafile: true,
  logLevel: "warning",
});
writeFileSync(join(folder, "cambio.cdx.json"), `${JSON.stringify(materialsOf(metafile), null, 2)}\n`);

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

function materialsOf({ inputs }: Metafile) {
  const folders = Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  const packages = [...new Set(folders)].map((path): Package => JSON.parse(readFileSync(join(repository, path, "package.json"), "utf8")));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    components: packages
      .map(({ name, version, license }) => ({
        type: "library",
        name,
        version,
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
      }))
      .toSorted((a, b) => a.purl.localeCompare(b.purl)),
  };
}
