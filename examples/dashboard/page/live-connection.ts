// The live connection as the page keeps it: opened with the token in a subprotocol, opened again with a fresh one when the token is over,
// and after a while when it was lost. Nothing here knows the document.

import { ApiError } from "../../../src/client/index.ts";

export type LiveState =
  | { readonly kind: "connecting" }
  | { readonly kind: "connected"; readonly userId: string; readonly heartbeats: number }
  /** It tries again by itself. */
  | { readonly kind: "waiting"; readonly sentence: string }
  /** It does not: somebody has to sign in first. */
  | { readonly kind: "over"; readonly sentence: string };

export interface LiveConnectionDeps {
  getToken(): Promise<string>;
  /** The next token shall be a fresh one. */
  clearToken(): void;
  tell(state: LiveState): void;
}

const protocol = "cambio.v1.live";
/** The backend's word for a token that is over. */
const tokenExpired = 4401;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;

export function openLiveConnection({ getToken, clearToken, tell }: LiveConnectionDeps): { close(): void } {
  let closed = false;
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let userId: string | undefined;

  async function open(): Promise<void> {
    let token: string;
    try {
      token = await getToken();
    } catch (failure) {
      if (closed) return;
      const isOver = failure instanceof ApiError && (failure.status === 401 || failure.status === 403);
      if (isOver) return tell({ kind: "over", sentence: "There is no token for you any more. Sign in again." });
      return again("No token could be had.");
    }
    if (closed) return;
    const address = new URL("/api/live", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(address, [protocol, `bearer.${token}`]);
    socket = mine;
    let heard = false;
    mine.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      const state = stateOf(data);
      if (closed || state === undefined) return;
      heard = true;
      tell(state);
    });
    mine.addEventListener("close", ({ code }) => {
      if (closed) return;
      if (code === tokenExpired) clearToken();
      // A refused token looks like a lost connection: a browser tells no page the status.
      else if (!heard && failures % 2 === 1) clearToken();
      if (code === tokenExpired && heard && failures === 0) return reopen(0);
      again(heard ? "The connection was lost." : "The backend did not take the connection.");
    });
  }

  function stateOf(data: unknown): LiveState | undefined {
    const message = parse(data);
    if (message["type"] === "connected" && typeof message["user_id"] === "string") {
      userId = message["user_id"];
      return { kind: "connected", userId, heartbeats: 0 };
    }
    if (message["type"] !== "heartbeat" || typeof message["count"] !== "number" || userId === undefined) return undefined;
    // Not before it has lasted: what ends as soon as it begins is not asked for without a pause.
    failures = 0;
    return { kind: "connected", userId, heartbeats: message["count"] };
  }

  function again(sentence: string): void {
    failures += 1;
    const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs);
    tell({ kind: "waiting", sentence: `${sentence} Trying again in ${Math.ceil(pauseMs / 1_000)} s.` });
    reopen(pauseMs);
  }

  function reopen(pauseMs: number): void {
    timer = setTimeout(() => {
      tell({ kind: "connecting" });
      void open();
    }, pauseMs);
  }

  tell({ kind: "connecting" });
  void open();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      socket?.close(1000);
    },
  };
}

function parse(data: unknown): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = typeof data === "string" ? JSON.parse(data) : undefined;
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
