import { describe, expect, it } from "vitest";
import { readTally } from "./suite-report.ts";

const output = `Computed 4 config case permutations.
Running 508 tests with reference client for server config {HTTP_VERSION_2, PROTOCOL_GRPC, TLS:false}...
Running 6 tests with reference client for server config {HTTP_VERSION_2, PROTOCOL_GRPC, TLS:true (with client certs)}...
Running 180 tests with reference client (grpc) for server config {HTTP_VERSION_2, PROTOCOL_GRPC, TLS:false}...
INFO: gRPC Unexpected Requests/HTTPVersion:2/TLS:false/unexpected-uri failed (as expected):
	connect error JSON: unexpected end of JSON input
INFO: gRPC Unexpected Requests/HTTPVersion:2/TLS:true/unexpected-uri failed (as expected):
	connect error JSON: unexpected end of JSON input
FAILED: Basic/HTTPVersion:2/TLS:false/unimplemented:
	actual error {code: 13 (internal), message: "FAILED: of sorts"}
FAILED: Basic/HTTPVersion:2/TLS:true/unary was expected to fail but did not

Total cases: 694
690 passed, 2 failed
(Another 2 failed as expected due to being known failures/flakes.)
`;

describe("the suite's output", () => {
  const tally = readTally(output);

  it("is counted per protocol, version and connection", () => {
    expect([...tally.cases].map(([row, counts]) => [row, Object.fromEntries(counts)])).toEqual([
      ["GRPC over HTTP/2", { "clear text": 508, "TLS with client certificates": 6, "clear text, asked by grpc-go": 180 }],
    ]);
  });

  it("tells what failed, by itself or because it should have, and counts what failed as listed", () => {
    expect(tally.failed).toEqual([
      'FAILED: Basic/HTTPVersion:2/TLS:false/unimplemented:\n\tactual error {code: 13 (internal), message: "FAILED: of sorts"}',
      "FAILED: Basic/HTTPVersion:2/TLS:true/unary was expected to fail but did not",
    ]);
    expect([...tally.known]).toEqual([["unexpected-uri", 2]]);
  });

  it("ends with the suite's own count", () => {
    expect(tally.total).toMatch(/^Total cases: 694, 690 passed, 2 failed, \(Another 2 /);
  });
});
