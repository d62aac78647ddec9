// The first page: what this is, and the two ways in.

import { icon, link, make } from "./elements.ts";
import type { Session } from "./session.ts";

export function homeView(session: Session): HTMLElement {
  const ways =
    session.kind === "signed-in"
      ? [link("/dashboard", "button primary", "Open the dashboard")]
      : [link("/register", "button primary", "Create an account"), link("/login", "button", "Sign in")];
  return make(
    "div",
    { class: "home" },
    make(
      "section",
      { class: "hero" },
      make("p", { class: "eyebrow" }, "Session to backend token"),
      make("h1", { tabindex: "-1" }, "Sign in once. Call any backend."),
      make(
        "p",
        { class: "lead" },
        "You sign in with a cookie, as people do. The backend wants a signed token, as services do. Cambio stands between the two and turns one into the other.",
      ),
      session.kind === "unavailable"
        ? make("p", { class: "notice bad", role: "status" }, "The sign-in service does not answer at the moment.")
        : undefined,
      make("p", { class: "actions" }, ...ways),
    ),
    wayOfAToken(),
  );
}

const steps = [
  ["Your session", "A cookie that no script can read. It stays between browser and sign-in service."],
  ["Cambio", "Asks whose session it is and signs a token: for one backend, for fifteen minutes."],
  ["The backend", "Checks the signature by public keys. It knows no session and shares no secret."],
] as const;

export function wayOfAToken(): HTMLElement {
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
