// What the tabs of one origin tell each other about the session: that it ended, or that it is somebody else's now. A word, and never
// a token or a user. Where there is no BroadcastChannel every tab is on its own, and finds out by its next exchange.

export type SessionNews = "signed-out" | "user-changed";

/** The part of a BroadcastChannel that is used. */
export interface Channel {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  close(): void;
}

export interface SessionChannel {
  tell(news: SessionNews): void;
  close(): void;
}

const name = "cambio";

/** @param open makes the channel; undefined: there is none here */
export function openSessionChannel(open: (name: string) => Channel | undefined, hear: (news: SessionNews) => void): SessionChannel {
  let channel = open(name);
  channel?.addEventListener("message", ({ data }) => {
    if (data === "signed-out" || data === "user-changed") hear(data);
  });
  return {
    tell(news) {
      // A channel reaches its own origin only; it is windows that have to be told a target.
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      channel?.postMessage(news);
    },
    close() {
      channel?.close();
      channel = undefined;
    },
  };
}

export function openBroadcastChannel(channelName: string): Channel | undefined {
  if (typeof BroadcastChannel !== "function") return undefined;
  try {
    const channel = new BroadcastChannel(channelName);
    // Outside of a browser an open channel would keep the process alive.
    if ("unref" in channel && typeof channel.unref === "function") channel.unref();
    return channel;
  } catch {
    // Sandboxed pages have no origin to share.
    return undefined;
  }
}
