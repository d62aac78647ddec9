// How a process that others replace gives up its connections: each is told with its next answer that it was the last one, so that none
// is closed under a call. When that begins, and when the process stops, is decided elsewhere.

import type { Hooks } from "./visit.ts";

export interface Leaving {
  readonly hooks: Hooks;
  /** From now on. */
  begin(): void;
}

/**
 * Over HTTP/2 the connection's end comes before the answer; calls beside it that cross it are refused unread (REFUSED_STREAM), which gRPC
 * libraries take for a reason to send them again.
 */
export function createLeaving(): Leaving {
  let begun = false;
  return {
    hooks: {
      onBegin({ res }) {
        if (!begun) return;
        if ("stream" in res) res.stream.session?.close();
        else res.setHeader("connection", "close");
      },
      onEnd: () => undefined,
    },
    begin() {
      begun = true;
    },
  };
}
