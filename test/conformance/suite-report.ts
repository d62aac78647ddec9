// What the Connect conformance suite prints (`-v`), counted per protocol, version of HTTP and connection.

export interface Tally {
  /** `PROTOCOL_GRPC over HTTP_VERSION_2` → kind of connection → cases. */
  readonly cases: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Cases that failed as the list says, by their last part. */
  readonly known: ReadonlyMap<string, number>;
  /** With what was wrong, as the suite says it. */
  readonly failed: readonly string[];
  /** The suite's own last words. */
  readonly total: string;
}

const running = /^Running (\d+) tests with reference client( \(grpc\))? for server config \{(\w+), (\w+), TLS:(.+)\}\.\.\.$/gm;
const asExpected = /^INFO: (.+) failed \(as expected\):$/gm;
const failure = /^FAILED: .+(?:\n\t.*)*/gm;

export function readTally(output: string): Tally {
  const cases = new Map<string, Map<string, number>>();
  for (const [, count = "", client = "", version = "", protocol = "", tls = ""] of output.matchAll(running)) {
    const row = `${protocol.replace("PROTOCOL_", "")} over ${version.replace("HTTP_VERSION_", "HTTP/")}`;
    const connection = `${connections[tls] ?? tls}${client === "" ? "" : ", asked by grpc-go"}`;
    const counts = cases.get(row) ?? new Map<string, number>();
    cases.set(row, counts.set(connection, Number(count)));
  }
  const known = new Map<string, number>();
  for (const [, name = ""] of output.matchAll(asExpected)) {
    const last = name.slice(name.lastIndexOf("/") + 1);
    known.set(last, (known.get(last) ?? 0) + 1);
  }
  return {
    cases,
    known,
    failed: output.match(failure) ?? [],
    total: output.slice(output.lastIndexOf("Total cases:")).trim().replaceAll("\n", ", "),
  };
}

const connections: Readonly<Record<string, string>> = {
  false: "clear text",
  true: "TLS",
  "true (with client certs)": "TLS with client certificates",
};
