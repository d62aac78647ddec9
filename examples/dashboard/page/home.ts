// The first page: what this is, and the two ways in.

import { icon, link, make } from "./elements.ts";
import type { Session } from "./session.ts";

export function homeView(session: Session): HTMLElement {
  return make("div", { class: "home" }, make("div", { class: "opening" }, hero(session), slip()), wayOfAToken());
}

function hero(session: Session): HTMLElement {
  return make(
    "section",
    { class: "hero" },
    make("p", { class: "eyebrow" }, "Session to backend token"),
    make("h1", { tabindex: "-1" }, make("span", {}, "Sign in once."), " ", make("span", {}, "Call any backend.")),
    make(
      "p",
      { class: "lead" },
      "You sign in with a cookie, as people do. The backend wants a signed token, as services do. Cambio stands between the two and turns one into the other.",
    ),
    session.kind === "unavailable"
      ? make("p", { class: "notice bad", role: "status" }, "The sign-in service does not answer at the moment.")
      : undefined,
    make("p", { class: "actions" }, ...waysIn(session)),
  );
}

function waysIn(session: Session): readonly HTMLElement[] {
  if (session.kind === "signed-in") return [link("/dashboard", "button primary", "Open the dashboard")];
  return [link("/register", "button primary", "Create an account"), link("/login", "button", "Sign in")];
}

function line(name: string, value: string): HTMLElement {
  return make("div", { class: "line" }, make("span", {}, name), make("code", {}, value));
}

/** Decoration: the steps below say it in words. */
function slip(): HTMLElement {
  return make(
    "figure",
    { class: "card slip", "aria-hidden": "true" },
    make(
      "div",
      {},
      make("span", { class: "side" }, "In"),
      make("strong", {}, "A session's cookie"),
      line("from", "this browser"),
      line("readable", "by no script"),
    ),
    make("div", { class: "turn" }, icon("exchange")),
    make(
      "div",
      {},
      make("span", { class: "side" }, "Out"),
      make("strong", {}, "A signed token"),
      line("sub", "you"),
      line("aud", "one backend"),
      line("exp", "in 15 minutes"),
    ),
  );
}

const steps = [
  ["Your session", "A cookie that no script can read. It stays between browser and sign-in service."],
  ["Cambio", "Asks whose session it is and signs a token: for one backend, for fifteen minutes."],
  ["The backend", "Checks the signature by public keys. It knows no session and shares no secret."],
] as const;

function wayOfAToken(): HTMLElement {
  const items = steps.map(([title, sentence], index) =>
    make(
      "li",
      {},
      make("span", { class: "step" }, index === 1 ? icon("exchange") : String(index + 1)),
      make("h2", {}, title),
      make("p", {}, sentence),
    ),
  );
  return make("ol", { class: "way", "aria-label": "The way of a token" }, ...items);
}
