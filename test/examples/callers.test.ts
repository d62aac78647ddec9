import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repository } from "../support/child.ts";

const read = (path: string) => readFileSync(join(repository, path), "utf8");
const readme = read("examples/callers/README.md");
const script = read("scripts/callers.sh");

/** The one group of a pattern; a file that says nothing of the kind has no version. */
const version = (path: string, pattern: RegExp): string => pattern.exec(read(path))?.[1] ?? `nowhere in ${path}`;

describe("the README of the callers in other languages", () => {
  it.each([
    ["grpc-go", version("examples/callers/go/go.mod", /google\.golang\.org\/grpc v(\S+)/)],
    ["`protoc-gen-go`", version("scripts/callers.sh", /^protoc_gen_go=(\S+)/m)],
    ["`protoc-gen-go-grpc`", version("scripts/callers.sh", /^protoc_gen_go_grpc=(\S+)/m)],
    ["grpcio", version("examples/callers/python/requirements.txt", /^grpcio==(\S+)/m)],
    ["grpcio-tools", version("examples/callers/python/requirements.txt", /^grpcio-tools==(\S+)/m)],
    ["grpc-java", version("examples/callers/java/pom.xml", /<grpc\.version>([^<]+)/)],
    ["protoc", version("examples/callers/java/pom.xml", /<protobuf\.version>([^<]+)/)],
    ["grpcurl", version("scripts/callers.sh", /^grpcurl=(\S+)/m)],
    ["buf", version("package.json", /"@bufbuild\/buf": "([^"]+)"/)],
  ])("names the version of %s that is tried", (name, tried) => {
    expect(readme).toContain(`${name} ${tried}`);
  });

  it("shows commands with the versions that the script installs", () => {
    const shown = [...readme.matchAll(/protoc-gen-go(-grpc)?@v(\S+)/g)].map(([, grpc, shownVersion]) => [grpc !== undefined, shownVersion]);
    expect(shown).toEqual([
      [false, /^protoc_gen_go=(\S+)/m.exec(script)?.[1]],
      [true, /^protoc_gen_go_grpc=(\S+)/m.exec(script)?.[1]],
    ]);
  });

  it("says of every caller which exit status it ends with", () => {
    const sources = ["go/main.go", "python/validate.py", "java/src/main/java/Validate.java", "shell/grpcurl.sh", "shell/buf-curl.sh"];
    const statuses = [...readme.matchAll(/\| (1\d) +\|/g)].map(([, status]) => status);
    expect(statuses).toEqual(["10", "11", "12"]);
    for (const source of sources) {
      const text = read(`examples/callers/${source}`);
      expect({ source, missing: statuses.filter((status) => !new RegExp(`\\b${status}\\b`).test(text)) }).toEqual({ source, missing: [] });
    }
  });
});
