// Revocations, with what follows from where tokens of our own come from: an order that ends all that a provider's user has also ends
// what was issued here for that user.

import { type Minting, ownProvider } from "./minting.ts";
import type { Revocations } from "./ports.ts";

export function createOriginRevocations(revocations: Revocations, minting: Minting): Revocations {
  const prefixes = new Map(
    [...minting.values()].flatMap(({ from }) => [...from].map(([name, { subjectPrefix }]) => [name, subjectPrefix])),
  );
  prefixes.delete(ownProvider);
  return {
    check(token) {
      revocations.check(token);
      if (token.provider !== ownProvider) return;
      for (const [provider, prefix] of prefixes) {
        if (!token.subject.startsWith(prefix)) continue;
        revocations.check({ provider, id: "", subject: token.subject.slice(prefix.length), issuedAt: token.issuedAt });
      }
    },
    revoke: (revocation) => revocations.revoke(revocation),
  };
}
