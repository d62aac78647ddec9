import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limitKeyOf, networkKeyOf } from "../../src/limits/limit-key.ts";
import { createClientAddress } from "../../src/transport/client-address.ts";

const keyOf = (peer: string) => limitKeyOf(createClientAddress([])(peer, undefined));

describe("an address is counted", () => {
  it.each([
    ["IPv4 whole", "203.0.113.9", "203.0.113.9"],
    ["IPv4 in IPv6 as IPv4", "::ffff:203.0.113.9", "203.0.113.9"],
    ["IPv4 in IPv6 in hexadecimal as IPv4", "::ffff:cb00:7109", "203.0.113.9"],
    ["IPv6 by its /64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["IPv6 with zeros left out behind its /64", "2001:db8:1:2::6", "2001:db8:1:2::/64"],
    ["IPv6 with zeros left out within its /64", "2001:db8::3:4:5:6", "2001:db8:0:0::/64"],
    ["IPv6 with few groups", "2001:db8::1", "2001:db8:0:0::/64"],
    ["IPv6 with zeros in front", "::2:3:4:5:6:7", "0:0:2:3::/64"],
    ["IPv6 with zeros at its end", "2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["loopback", "::1", "0:0:0:0::/64"],
    ["IPv6 with a dotted end", "::1.2.3.4", "0:0:0:0::/64"],
    ["link-local without its zone", "fe80::1%eth0", "fe80:0:0:0::/64"],
    ["no address at all, all alike", "", "unknown"],
  ])("%s", (_, peer, expected) => {
    expect(keyOf(peer)).toBe(expected);
  });

  it.each([
    ["IPv4 by its /24", "203.0.113.9", "203.0.113.0/24"],
    ["IPv6 by its /48", "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
    ["IPv6 with zeros left out within its /48", "2001:db8::1", "2001:db8:0::/48"],
    ["no address at all, all alike", "unknown", "unknown"],
  ])("with its wider network: %s", (_, address, expected) => {
    expect(networkKeyOf(address)).toBe(expected);
  });

  it("an attacker who uses every address of its /64 has one key, and its neighbours have others", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const half = fc.tuple(group, group, group, group).map((groups) => groups.map((one) => one.toString(16)).join(":"));
    fc.assert(
      fc.property(half, half, half, half, (network, other, one, two) => {
        fc.pre(!network.startsWith("0:0:0:0") && !other.startsWith("0:0:0:0"));
        expect(keyOf(`${network}:${one}`)).toBe(keyOf(`${network}:${two}`));
        expect(keyOf(`${network}:${one}`) === keyOf(`${other}:${one}`)).toBe(network === other);
      }),
    );
  });
});
