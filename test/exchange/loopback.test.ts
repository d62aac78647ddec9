import { expect, it } from "vitest";
import { isLoopbackHost } from "../../src/exchange/loopback.ts";

it.each([
  ["http://localhost/", true],
  ["http://127.0.0.1/", true],
  ["http://127.9.8.7/", true],
  ["http://2130706433/", true],
  ["http://0x7f.1/", true],
  ["http://[::1]/", true],
  ["http://[0:0:0:0:0:0:0:1]/", true],
  ["http://notlocalhost/", false],
  ["http://localhost.evil.example/", false],
  ["http://127.0.0.1.nip.io/", false],
  ["http://127.0.0.1@evil.example/", false],
  ["http://[::2]/", false],
  ["http://[::ffff:127.0.0.1]/", false],
  ["http://0.0.0.0/", false],
  ["http://10.0.0.1/", false],
])("%s is this machine itself: %j", (address, expected) => {
  expect(isLoopbackHost(new URL(address).hostname)).toBe(expected);
});

it("a name under localhost may be asked of the network, so it is not this machine", () => {
  expect(isLoopbackHost("app.localhost")).toBe(false);
});

it.each([
  ["::1", true],
  ["127.0.0.2", true],
  ["::", false],
  ["", false],
])("the address %j to listen on is this machine itself: %j", (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});
