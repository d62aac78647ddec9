// The live connection on the dashboard: opened and ended by a button, and opened again where it was open before a reload.

import { link, make, setAttributes } from "./elements.ts";
import { type LiveConnectionDeps, type LiveState, openLiveConnection } from "./live-connection.ts";

export interface LiveCard {
  readonly element: HTMLElement;
  /** The view is left. */
  close(): void;
}

/** Of this tab: whether the connection was open. */
const remembered = "cambio-dashboard.live";

export function forgetLive(): void {
  sessionStorage.removeItem(remembered);
}

export function liveCard(tokens: Pick<LiveConnectionDeps, "getToken" | "clearToken">): LiveCard {
  const button = make("button", { type: "button", class: "button" });
  const state = make("div", { class: "live", "aria-live": "polite", "data-live": "off" });
  const counter = make("p", { class: "footnote" });
  let connection: { close(): void } | undefined;

  function tell(told: LiveState): void {
    const before = state.dataset["live"];
    setAttributes(state, { "data-live": told.kind });
    counter.textContent = told.kind === "connected" ? beats(told.heartbeats) : "";
    // Said once, and not with every heartbeat.
    if (told.kind !== "connected" || before !== "connected") state.replaceChildren(...words(told));
  }

  function show(): void {
    button.textContent = connection === undefined ? "Go live" : "Disconnect";
    if (connection !== undefined) return;
    setAttributes(state, { "data-live": "off" });
    state.replaceChildren(make("p", { class: "quiet" }, "Not connected."));
    counter.textContent = "";
  }

  function close(): void {
    connection?.close();
    connection = undefined;
  }

  button.addEventListener("click", () => {
    if (connection === undefined) {
      sessionStorage.setItem(remembered, "on");
      connection = openLiveConnection({ ...tokens, tell });
    } else {
      forgetLive();
      close();
    }
    show();
  });
  if (sessionStorage.getItem(remembered) === "on") connection = openLiveConnection({ ...tokens, tell });
  show();

  const element = make(
    "section",
    { class: "card", "aria-labelledby": "live-title" },
    make("h2", { id: "live-title" }, "Live connection"),
    make(
      "p",
      { class: "quiet" },
      "A WebSocket at ",
      make("code", {}, "/api/live"),
      ", opened with the same token. It ends with the token, and begins again with the next.",
    ),
    make("div", { class: "live-row" }, make("p", { class: "actions" }, button), make("div", {}, state, counter)),
  );
  return { element, close };
}

function words(told: LiveState): readonly HTMLElement[] {
  switch (told.kind) {
    case "connecting":
      return [make("p", { class: "waiting" }, make("span", { class: "spinner", "aria-hidden": "true" }), "Connecting…")];
    case "connected":
      return [make("p", {}, "live: connected as ", make("code", { "data-fact": "live-user-id" }, told.userId))];
    case "waiting":
      return [make("p", {}, told.sentence)];
    case "over":
      return [make("p", {}, told.sentence), make("p", {}, link("/login", "button", "Sign in again"))];
  }
}

function beats(count: number): string {
  return count === 1 ? "1 heartbeat" : `${count} heartbeats`;
}
