import { describe, expect, it } from "vitest";
import { dropLongTimeout } from "../../src/transport/client-timeout.ts";

const deadlineMs = 10_000;
const left = (name: string, value: string, protocol: "grpc" | "grpc-web" | "connect") => {
  const header = new Headers({ [name]: value });
  dropLongTimeout(header, protocol, deadlineMs);
  return header.get(name);
};

describe("a time limit that a client names", () => {
  it.each([
    "10S",
    "10000m",
    "99999999m",
    "1M",
    "1H",
    // More milliseconds than a timer can count: it would fire at once.
    "99999999S",
    "99999999M",
    "99999999H",
  ])("is taken away where ours is nearer, over gRPC and gRPC-Web: %s", (value) => {
    expect(left("grpc-timeout", value, "grpc")).toBeNull();
    expect(left("grpc-timeout", value, "grpc-web")).toBeNull();
  });

  it.each(["9S", "9999m", "9999999u", "99999999n", "0S"])("stays where it is nearer than ours: %s", (value) => {
    expect(left("grpc-timeout", value, "grpc")).toBe(value);
  });

  it.each([
    ["10000", null],
    ["9999999999", null],
    ["9999", "9999"],
    ["0", "0"],
  ])("is milliseconds over Connect: %s", (value, expected) => {
    expect(left("connect-timeout-ms", value, "connect")).toBe(expected);
  });

  it.each(["", "H", "1", "1h", "-1S", "1.5S", "999999999S", "1S1S", "99999999999"])(
    "stays where it is malformed, to be refused: %j",
    (value) => {
      expect(left("grpc-timeout", value, "grpc")).toBe(value);
      expect(left("connect-timeout-ms", `${value}x`, "connect")).toBe(`${value}x`);
    },
  );

  it("is another protocol's where its header is", () => {
    expect(left("connect-timeout-ms", "9999999999", "grpc")).toBe("9999999999");
    expect(left("grpc-timeout", "1H", "connect")).toBe("1H");
  });
});
