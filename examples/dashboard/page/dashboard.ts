// The dashboard: whose session this is, the protected endpoint tried out, with the answer in green or the failure in red, and the live
// connection.

import { fact, icon, link, make, setAttributes } from "./elements.ts";
import type { Outcome } from "./protected-call.ts";
import type { User } from "./session.ts";
import { sessionCard, type SessionCardOptions } from "./session-card.ts";

export interface DashboardOptions extends SessionCardOptions {
  call(skipAuth: boolean): Promise<Outcome>;
  readonly live: HTMLElement;
}

export function dashboardView({ user, call, live, ...more }: DashboardOptions): HTMLElement {
  return make(
    "div",
    { class: "dashboard" },
    make(
      "header",
      { class: "greeting" },
      make("p", { class: "eyebrow" }, "Dashboard"),
      make("h1", { tabindex: "-1" }, `Hello, ${user.name}`),
      make("p", { class: "quiet" }, "You are signed in. Reload the page, or open it in another tab: the session stays."),
    ),
    make("div", { class: "columns" }, sessionCard({ user, ...more }), endpointCard(user, call)),
    live,
  );
}

function endpointCard(user: User, call: DashboardOptions["call"]): HTMLElement {
  const test = make("button", { type: "button", class: "button primary" }, "Test protected endpoint");
  const bare = make("button", { type: "button", class: "button" }, "Call it without a token");
  const result = make("div", { class: "result", "aria-live": "polite", "aria-atomic": "true", "data-result": "none" });
  result.append(make("p", { class: "quiet" }, "Nothing called yet. The answer appears here."));

  const run = async (skipAuth: boolean): Promise<void> => {
    for (const button of [test, bare]) button.disabled = true;
    setAttributes(result, { "data-result": "loading" });
    result.replaceChildren(
      make(
        "p",
        { class: "waiting" },
        make("span", { class: "spinner", "aria-hidden": "true" }),
        skipAuth ? "Calling the backend…" : "Getting a token, calling the backend…",
      ),
    );
    const outcome = await call(skipAuth);
    for (const button of [test, bare]) button.disabled = false;
    setAttributes(result, { "data-result": outcome.kind });
    result.replaceChildren(...(outcome.kind === "answered" ? showAnswer(outcome, user) : showFailure(outcome)), footnote(outcome));
  };
  test.addEventListener("click", () => void run(false));
  bare.addEventListener("click", () => void run(true));

  return make(
    "section",
    { class: "card", "aria-labelledby": "endpoint-title" },
    make("h2", { id: "endpoint-title" }, "Protected endpoint"),
    make(
      "p",
      { class: "quiet" },
      "The page asks Cambio for a token and calls ",
      make("code", {}, "GET /api/protected"),
      " with it. The backend answers whose token it was.",
    ),
    make("p", { class: "actions" }, test, bare),
    result,
  );
}

function showAnswer(outcome: Outcome & { kind: "answered" }, user: User): readonly HTMLElement[] {
  // Where there is another way of signing in, those of this one have a prefix in the token (cambio-discord.yaml).
  const same = [user.id, `site:${user.id}`].includes(outcome.userId);
  return [
    make("p", { class: "verdict" }, icon("check"), make("strong", {}, "200 OK"), make("span", {}, outcome.message)),
    make("dl", { class: "facts" }, ...fact("user_id", make("code", { "data-fact": "backend-user-id" }, outcome.userId))),
    make("p", {}, same ? "The same user as in your session." : "This is not the user of your session."),
  ];
}

function showFailure(outcome: Outcome & { kind: "failed" }): readonly HTMLElement[] {
  return [
    make("p", { class: "verdict" }, icon("cross"), make("strong", {}, outcome.statusLine), make("span", {}, outcome.title)),
    make("p", {}, outcome.sentence),
    ...(outcome.signInAgain ? [make("p", {}, link("/login", "button", "Sign in again"))] : []),
  ];
}

function footnote({ milliseconds, requestId }: Outcome): HTMLElement {
  const id = requestId === "" ? [] : [" · request ", make("code", { "data-fact": "request-id" }, requestId)];
  return make("p", { class: "footnote" }, `${Math.round(milliseconds)} ms`, ...id);
}
