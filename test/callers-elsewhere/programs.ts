// The programs in other languages: how each is started, and which of them scripts/callers.sh could build here. One run of one of them
// gets its input on standard input, and what it wrote is searched for secrets like everything else.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { sawInTheRun } from "../support/run-canary.ts";

export interface Program {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

export interface Verifier extends Program {
  readonly algorithms: readonly string[];
}

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

export interface Input {
  readonly arguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly standardInput: string;
}

const repository = join(import.meta.dirname, "../..");
const built = join(repository, ".cache/callers");
const here = (path: string) => join(import.meta.dirname, "verify-minted", path);
const ready = new Set(readFileSync(join(built, "ready"), "utf8").split("\n"));
const tried = <P extends Program>(needs: string, program: P): P[] => (ready.has(needs) ? [program] : []);

const python = join(built, "python/venv/bin/python");
/** A virtual machine that lives for one call compiles quickly rather than well. */
const classes = (folder: string) => [
  "-XX:TieredStopAtLevel=1",
  "-XX:+UseSerialGC",
  "-cp",
  `${built}/${folder}/target/classes:${built}/${folder}/target/lib/*`,
];

/** Each asks Cambio about the token on its standard input; see examples/callers/README.md. */
export const callers: readonly Program[] = [
  ...tried("go", { name: "Go (grpc-go)", command: [join(built, "go/validate")] }),
  ...tried("python", { name: "Python (grpcio)", command: [python, join(built, "python/validate.py")] }),
  ...tried("java", { name: "Java (grpc-java)", command: ["java", ...classes("java"), "Validate"] }),
  ...tried("grpcurl", { name: "grpcurl", command: [join(repository, "examples/callers/shell/grpcurl.sh")] }),
  ...tried("buf-curl", { name: "buf curl", command: [join(repository, "examples/callers/shell/buf-curl.sh")] }),
];

/** Each verifies the token on its standard input by itself. Arguments: algorithm, JWKS URL, issuer, audience. Prints the subject. */
export const verifiers: readonly Verifier[] = [
  { name: "TypeScript (jose)", command: [process.execPath, here("typescript/with-jose.ts")], algorithms: ["ES256", "EdDSA", "RS256"] },
  {
    name: "TypeScript (oauth4webapi)",
    command: [process.execPath, here("typescript/with-oauth4webapi.ts")],
    algorithms: ["ES256", "EdDSA", "RS256"],
  },
  ...tried("python", {
    name: "Python (PyJWT)",
    command: [python, join(built, "python/published_key.py")],
    algorithms: ["ES256", "EdDSA", "RS256"],
  }),
  ...tried("go", { name: "Go (jwx)", command: [join(built, "go/verify/verify")], algorithms: ["ES256", "EdDSA", "RS256"] }),
  // Nimbus verifies EdDSA only with a further library.
  ...tried("java", { name: "Java (Nimbus)", command: ["java", ...classes("java/verify"), "Verify"], algorithms: ["ES256", "RS256"] }),
];

/** Each verifies the token on its standard input by the secret in JWT_SECRET, HS256. */
export const sharedSecretVerifiers: readonly Program[] = [
  ...tried("python", { name: "Python (PyJWT)", command: [python, join(built, "python/shared_secret.py")] }),
];

/** Reads a compose file and a Dockerfile. Arguments: compose file, env file, Dockerfile. */
export const loaders: readonly Program[] = [
  ...tried("go", { name: "Compose's loader and BuildKit's parser", command: [join(built, "go/loader/loader")] }),
];

export function run({ command: [program, ...words] }: Program, input: Input): Promise<Outcome> {
  const child = spawn(program, [...words, ...(input.arguments ?? [])], {
    env: { ...process.env, PATH: [join(built, "bin"), process.env["PATH"]].join(delimiter), ...input.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: 30_000,
  });
  const written = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (written.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (written.err += text));
  // One that fails before it reads its input is judged by its exit status.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input.standardInput);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      sawInTheRun(`the output of ${program}`, written.out);
      sawInTheRun(`the errors of ${program}`, written.err);
      resolve({ status, output: written.out });
    });
  });
}
