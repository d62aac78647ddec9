// Revocation, with what follows from where tokens of our own come from: who ended all that a user of a provider has has ended what was
// issued here for that user as well.

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
