// Builds the service to dist/service, or to the folder that is named: `cambio` as one program, out of src/ and of what it takes from
// packages. Beside it lie the list of these packages, in CycloneDX's form, as nothing else in an image would tell a scanner of them, and
// the texts of their licences, which are to go wherever the code goes.
//
// Nothing is renamed or shortened: an error's stack reads as it does in src/.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, type Metafile } from "esbuild";

const repository = join(import.meta.dirname, "..");
const folder = resolve(process.argv[2] ?? join(repository, "dist/service"));

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
const packages = packagesIn(metafile);
writeFileSync(join(folder, "cambio.cdx.json"), `${JSON.stringify(materialsOf(packages), null, 2)}\n`);
writeFileSync(join(folder, "licenses.txt"), packages.map(licenseOf).join("\n"));

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  /** Where it is installed. */
  readonly folder: string;
}

function packagesIn({ inputs }: Metafile): readonly Package[] {
  const folders = Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)]
    .toSorted()
    .map((path) => ({ ...JSON.parse(readFileSync(join(repository, path, "package.json"), "utf8")), folder: join(repository, path) }));
}

function materialsOf(all: readonly Package[]) {
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    components: all
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

/** Some packages bring no text, and only name a licence that is known everywhere. */
function licenseOf({ name, version, license, folder: at }: Package): string {
  const files = readdirSync(at).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  const texts = files.map((file) => readFileSync(join(at, file), "utf8").trim());
  return [`== ${name} ${version}: ${license ?? "no licence named"}`, ...texts, ""].join("\n\n");
}
