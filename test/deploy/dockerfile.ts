// The Dockerfile, read as tests and measurements need it: its stages, what each takes from the repository, and how the service is started.

import { read } from "./files.ts";

export interface Stage {
  readonly name: string;
  readonly base: string;
  /** Each instruction, continuation lines joined. */
  readonly instructions: readonly string[];
}

export function stages(): readonly Stage[] {
  const lines = read("deploy/Dockerfile")
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const found: { name: string; base: string; instructions: string[] }[] = [];
  for (const line of lines) {
    const [, base = "", name = ""] = /^FROM (\S+) AS (\S+)$/.exec(line) ?? [];
    if (name === "") found.at(-1)?.instructions.push(line);
    else found.push({ name, base, instructions: [] });
  }
  return found;
}

/** @throws Error where there is none of that name */
export function stage(name: string): Stage {
  const found = stages().find((one) => one.name === name);
  if (found === undefined) throw new Error(`the Dockerfile has no stage ${name}`);
  return found;
}

/** What a stage takes from the repository. */
export function copiedInto({ instructions }: Stage): readonly string[] {
  return instructions
    .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
    .flatMap((line) =>
      line
        .split(/\s+/)
        .slice(1, -1)
        .map((source) => source.replace(/^\.\//, "")),
    );
}

/** An instruction of the service's stage in its JSON form. */
export function wordsOf(instruction: "ENTRYPOINT" | "CMD"): readonly string[] {
  const line = stage("service").instructions.find((one) => one.startsWith(`${instruction} `)) ?? "";
  return JSON.parse(line.slice(instruction.length)) as string[];
}

/** How the image starts the service: the settings of the engine, and its program, as a path from the repository that `make service` has built. */
export function serviceCommand(): { readonly engine: readonly string[]; readonly program: string } {
  const words = wordsOf("ENTRYPOINT");
  return { engine: words.slice(1, -1), program: words.at(-1) ?? "" };
}
