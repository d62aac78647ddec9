// The ports to what is remembered outside of this process, with a span for each question: what for, and where. What is kept in this
// process is not wrapped. What is asked and answered does not come into a span.

import type { EndableGrant, HeldConnection, HeldGrant, HeldSession, HeldToken, RefreshHandles } from "../exchange/handle-ports.ts";
import type { CodeClaim, OneTimeStore } from "../exchange/one-time-ports.ts";
import type { Revocations, UpstreamRevocations } from "../exchange/ports.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import type { DatabaseSystem, Traces } from "./traces.ts";

export interface Asking {
  readonly traces: Traces;
  readonly system: DatabaseSystem;
}

export function createTracedOneTimeStore(store: OneTimeStore, asking: Asking): OneTimeStore {
  const ask = asker(asking);
  const claimed = (claim: CodeClaim): CodeClaim => ({ release: () => ask("release code", () => claim.release()) });
  return {
    claimCode: async (provider, code) => {
      const claim = await ask("claim code", () => store.claimCode(provider, code));
      return claim === undefined ? undefined : claimed(claim);
    },
    keepState: (state, pending) => ask("keep state", () => store.keepState(state, pending)),
    takeState: (state) => ask("take state", () => store.takeState(state)),
  };
}

export function createTracedHandles(handles: RefreshHandles, asking: Asking): RefreshHandles {
  const ask = asker(asking);
  // Asks the provider in between.
  const rotating = (work: () => Promise<TokenSet>) => ask("rotate handle", work, "internal");
  const token = (grant: HeldToken): HeldToken => ({ ...grant, rotate: (send) => rotating(() => grant.rotate(send)) });
  const session = (grant: HeldSession): HeldSession => ({
    ...grant,
    rotate: (renew, signal) => rotating(() => grant.rotate(renew, signal)),
  });
  const connection = (grant: HeldConnection): HeldConnection => ({
    ...grant,
    rotate: (renew, signal) => rotating(() => grant.rotate(renew, signal)),
  });
  const held = (grant: HeldGrant): HeldGrant => {
    switch (grant.kind) {
      case "token":
        return token(grant);
      case "session":
        return session(grant);
      case "connection":
        return connection(grant);
    }
  };
  const endable = (grant: EndableGrant): EndableGrant => ({ ...grant, end: () => ask("end handle", () => grant.end()) });
  return {
    issue: (clientId, provider, tokens) => ask("issue handle", () => handles.issue(clientId, provider, tokens)),
    find: async (clientId, handle) => {
      const grant = await ask("find handle", () => handles.find(clientId, handle));
      return grant === undefined ? undefined : held(grant);
    },
    findToEnd: async (clientId, handle) => {
      const grant = await ask("find handle", () => handles.findToEnd(clientId, handle));
      return grant === undefined ? undefined : endable(grant);
    },
  };
}

export function createTracedRevocations(revocations: Revocations, asking: Asking): Revocations {
  const ask = asker(asking);
  return {
    // Decided from memory.
    check: (token) => revocations.check(token),
    revoke: (revocation) => ask("revoke", () => revocations.revoke(revocation)),
  };
}

/** Queues, and asks the provider. */
export function createTracedUpstreamRevocations(upstream: UpstreamRevocations, traces: Traces): UpstreamRevocations {
  const telling = { name: "tell provider", kind: "internal", attributes: {} } as const;
  return { tell: (about, signal) => traces.child(telling, () => upstream.tell(about, signal)) };
}

function asker({ traces, system }: Asking) {
  return <T>(summary: string, work: () => Promise<T>, kind: "client" | "internal" = "client"): Promise<T> =>
    traces.child({ name: summary, kind, attributes: { "db.system.name": system, "db.query.summary": summary } }, work);
}
