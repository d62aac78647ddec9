// What every view stands in: the bar with the name and who is signed in, and the views that stand for waiting and for trouble.

import { icon, link, make } from "./elements.ts";
import type { Session } from "./session.ts";

export interface Shell {
  /** @param title of the browser's tab */
  show(view: HTMLElement, title: string): void;
  showSession(session: Session): void;
}

export function createShell(root: HTMLElement, onSignOut: () => Promise<string | undefined>): Shell {
  const account = make("div", { class: "account" });
  const main = make("main", { id: "main" });
  const trouble = make("p", { class: "notice bad floating", role: "alert", hidden: true });
  root.replaceChildren(
    make("a", { class: "skip", href: "#main" }, "Skip to content"),
    make("header", { class: "bar" }, make("div", {}, link("/", "brand", icon("exchange"), make("span", {}, "Cambio")), account)),
    trouble,
    main,
    make("footer", { class: "foot" }, "Better Auth · Cambio · one backend, on your machine"),
  );

  function signOutButton(): HTMLElement {
    const button = make("button", { type: "button", class: "button small" }, "Sign out");
    button.addEventListener("click", () => {
      button.disabled = true;
      button.textContent = "Signing out…";
      void finish(button);
    });
    return button;
  }

  async function finish(button: HTMLButtonElement): Promise<void> {
    const sentence = await onSignOut();
    button.disabled = false;
    button.textContent = "Sign out";
    trouble.textContent = sentence ?? "";
    trouble.hidden = sentence === undefined;
  }

  return {
    show(view, title) {
      document.title = `${title} · Cambio`;
      trouble.hidden = true;
      main.replaceChildren(view);
      window.scrollTo(0, 0);
      // Whoever listens instead of looking hears where they are now.
      main.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    },
    showSession(session) {
      if (session.kind !== "signed-in") return account.replaceChildren();
      account.replaceChildren(make("span", { class: "who" }, session.user.name), signOutButton());
    },
  };
}

function bones(): HTMLElement {
  return make("div", { class: "card" }, ...["short", "long", "middle"].map((length) => make("span", { class: `bone ${length}` })));
}

/** @param withCards what comes will be the dashboard */
export function waitingView(withCards: boolean): HTMLElement {
  return make(
    "div",
    { class: "skeleton", "aria-busy": "true" },
    make("p", { role: "status", class: "waiting" }, make("span", { class: "spinner", "aria-hidden": "true" }), "Looking for your session…"),
    withCards ? make("div", { class: "columns", "aria-hidden": "true" }, bones(), bones()) : undefined,
  );
}

export function unavailableView(onRetry: () => void): HTMLElement {
  const again = make("button", { type: "button", class: "button primary" }, "Try again");
  again.addEventListener("click", onRetry);
  return make(
    "section",
    { class: "card narrow" },
    make("h1", { tabindex: "-1" }, "The sign-in service is away"),
    make("p", { role: "alert" }, "Nobody can say right now whether you are signed in. Nothing is lost: try again in a moment."),
    again,
  );
}

export function unknownView(): HTMLElement {
  return make(
    "section",
    { class: "card narrow" },
    make("h1", { tabindex: "-1" }, "There is nothing here"),
    make("p", {}, link("/", "button", "To the first page")),
  );
}
