// Under which key an address is counted: an IPv4 address by itself, an IPv6 address by its /64, because one subscriber has all of
// that and could else be a new caller with every call. Subscribers are often given more: a network of IPv6 /48 or IPv4 /24 has a key
// of its own, for what must not be had again with every /64. Where an address comes from is transport/client-address.ts.

/** Groups of an IPv6 address, those of its /64, and those of its /48. */
const allGroups = 8;
const subscriberGroups = 4;
const networkGroups = 3;

/** @param address in canonical form (RFC 5952), IPv4 in IPv6 as IPv4; anything else, such as `unknown`, is a key of its own */
export function limitKeyOf(address: string): string {
  return address.includes(":") ? `${groupsOfAddress(address, subscriberGroups)}::/64` : address;
}

/** The wider network of the same; what is no address is a key of its own again. */
export function networkKeyOf(address: string): string {
  if (address.includes(":")) return `${groupsOfAddress(address, networkGroups)}::/48`;
  const end = address.lastIndexOf(".");
  return end === -1 ? address : `${address.slice(0, end)}.0/24`;
}

function groupsOfAddress(address: string, count: number): string {
  const [head = [], tail] = address.split("::").map(groupsOf);
  const groups = tail === undefined ? [...head] : [...head, ...zeros(allGroups - head.length - tail.length), ...tail];
  return groups.slice(0, count).join(":");
}

function groupsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(":");
}

function zeros(count: number): readonly string[] {
  return Array.from({ length: count }, () => "0");
}
