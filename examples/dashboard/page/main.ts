// Which view stands for which path, who may see it, and what a sign-out does, in this tab and in the others.

import { accountForm } from "./account-form.ts";
import { createCambioClient } from "../../../src/client/index.ts";
import { dashboardView } from "./dashboard.ts";
import { homeView } from "./home.ts";
import { callProtected } from "./protected-call.ts";
import { endSession, fetchSession, type Session } from "./session.ts";
import { createShell, unavailableView, unknownView, waitingView } from "./shell.ts";

const root = document.getElementById("app");
if (root === null) throw new Error("the page has no #app");

/** Answers that come for a view that was left meanwhile are dropped. */
let visit = 0;

const cambio = createCambioClient({ apiBaseUrl: "", onSignedOut: () => go("/", "replace"), onUserChanged: () => void showPath() });
const shell = createShell(root, signOut);

function go(path: string, how: "push" | "replace" = "push", notice?: string): void {
  if (how === "push") history.pushState(null, "", path);
  else history.replaceState(null, "", path);
  void showPath(notice);
}

async function showPath(notice?: string): Promise<void> {
  const mine = ++visit;
  const path = location.pathname;
  shell.show(waitingView(path === "/dashboard"), "One moment");
  const session = await fetchSession();
  if (mine !== visit) return;
  shell.showSession(session);
  showFor(path, session, notice);
}

function showFor(path: string, session: Session, notice?: string): void {
  switch (path) {
    case "/":
      return shell.show(homeView(session), "Home");
    case "/register":
    case "/login":
      if (session.kind === "signed-in") return go("/dashboard", "replace");
      return showAccountForm(path === "/login" ? "login" : "register", notice);
    case "/dashboard":
      if (session.kind === "anonymous") return go("/login", "replace", "Sign in to see your dashboard.");
      if (session.kind === "unavailable")
        return shell.show(
          unavailableView(() => void showPath()),
          "Away",
        );
      return shell.show(dashboardView({ user: session.user, call: (skipAuth) => callProtected(cambio, skipAuth) }), "Dashboard");
    default:
      return shell.show(unknownView(), "Nothing here");
  }
}

function showAccountForm(kind: "login" | "register", notice: string | undefined): void {
  shell.show(accountForm({ kind, notice, onSignedIn }), kind === "login" ? "Sign in" : "Register");
}

function onSignedIn(): void {
  // A token of whoever was signed in before must not be used for whoever signs in now.
  cambio.clearTokenCache();
  go("/dashboard", "replace");
}

/** @returns why it did not happen */
async function signOut(): Promise<string | undefined> {
  const refusal = await endSession();
  if (refusal !== undefined) return `You are still signed in. ${refusal.sentence}`;
  cambio.announceSignOut();
  go("/");
  return undefined;
}

document.addEventListener("click", (event) => {
  const anchor = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-inside]") : null;
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (anchor === null || !plain) return;
  event.preventDefault();
  go(anchor.pathname);
});
window.addEventListener("popstate", () => void showPath());
// A page out of the browser's back-forward cache shows who was signed in then.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) void showPath();
});

void showPath();
