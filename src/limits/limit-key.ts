// Under which key an address is counted: an IPv4 address by itself, an IPv6 address by its /64, because one subscriber has all of
// that and could else be a new caller with every call. Where an address comes from is transport/client-address.ts.

/** Groups of an IPv6 address, and those of its /64. */
const allGroups = 8;
const networkGroups = 4;

/** @param address in canonical form (RFC 5952), IPv4 in IPv6 as IPv4; anything else, such as `unknown`, is a key of its own */
export function limitKeyOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = [], tail] = address.split("::").map(groupsOf);
  const groups = tail === undefined ? [...head] : [...head, ...zeros(allGroups - head.length - tail.length), ...tail];
  return `${groups.slice(0, networkGroups).join(":")}::/64`;
}

function groupsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(":");
}

function zeros(count: number): readonly string[] {
  return Array.from({ length: count }, () => "0");
}
