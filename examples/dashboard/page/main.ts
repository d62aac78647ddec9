// Which view stands for which path, who may see it, and what a sign-out does, in this tab and in the others.

import { accountForm, type Notice } from "./account-form.ts";
import { dashboardView } from "./dashboard.ts";
import { beginSignIn, finishSignIn } from "./discord.ts";
import { homeView } from "./home.ts";
import { forgetLive, type LiveCard, liveCard } from "./live-card.ts";
import { offersDiscord } from "./offers.ts";
import { callProtected } from "./protected-call.ts";
import type { Session } from "./session.ts";
import { createSignIns } from "./sign-ins.ts";
import { createShell, unavailableView, unknownView, waitingView } from "./shell.ts";

const root = document.getElementById("app");
if (root === null) throw new Error("the page has no #app");

/** Answers that come for a view that was left meanwhile are dropped. */
let visit = 0;

/** Of the view that is shown. */
let live: LiveCard | undefined;

const signIns = createSignIns({ onSignedOut: () => leave("replace"), onUserChanged: () => void showPath() });
const shell = createShell(root, signOut);

function go(path: string, how: "push" | "replace" = "push", notice?: Notice): void {
  if (how === "push") history.pushState(null, "", path);
  else history.replaceState(null, "", path);
  void showPath(notice);
}

async function showPath(notice?: Notice): Promise<void> {
  const mine = ++visit;
  const path = location.pathname;
  live?.close();
  live = undefined;
  shell.show(waitingView(path === "/dashboard"), "One moment");
  if (path === "/auth/discord") return comeBack(mine);
  const session = await signIns.fetch();
  if (mine !== visit) return;
  shell.showSession(session);
  showFor(path, session, notice);
}

function showFor(path: string, session: Session, notice?: Notice): void {
  switch (path) {
    case "/":
      return shell.show(homeView(session), "Home");
    case "/register":
    case "/login":
      if (session.kind === "signed-in") return go("/dashboard", "replace");
      return showAccountForm(path === "/login" ? "login" : "register", notice);
    case "/dashboard":
      if (session.kind === "anonymous") return go("/login", "replace", noticeFor(session.why));
      if (session.kind === "unavailable")
        return shell.show(
          unavailableView(() => void showPath()),
          "Away",
        );
      return showDashboard(session);
    default:
      return shell.show(unknownView(), "Nothing here");
  }
}

function showAccountForm(kind: "login" | "register", notice: Notice | undefined): void {
  const onDiscord = offersDiscord ? beginSignIn : undefined;
  shell.show(accountForm({ kind, notice, onSignedIn, onDiscord }), kind === "login" ? "Sign in" : "Register");
}

function noticeFor(why: string | undefined): Notice {
  return why === undefined ? { sentence: "Sign in to see your dashboard.", bad: false } : { sentence: why, bad: true };
}

function showDashboard({ user, by }: Session & { kind: "signed-in" }): void {
  const client = signIns.client();
  live = liveCard({ getToken: () => client.getToken(), clearToken: () => client.clearTokenCache() });
  const { reloadProfile } = signIns;
  const call = (skipAuth: boolean) => callProtected(client, skipAuth);
  shell.show(dashboardView({ user, by, reloadProfile, call, live: live.element }), "Dashboard");
}

function onSignedIn(): void {
  signIns.byPassword();
  go("/dashboard", "replace");
}

/** From Discord's consent page, with a code that belongs in no history. */
async function comeBack(mine: number): Promise<void> {
  const query = new URLSearchParams(location.search);
  history.replaceState(null, "", location.pathname);
  const finished = await finishSignIn(query);
  if (finished.kind === "signed-in") signIns.byDiscord(finished.token);
  if (mine !== visit) return;
  if (finished.kind === "signed-in") go("/dashboard", "replace");
  else go("/login", "replace", { sentence: finished.sentence, bad: true });
}

function leave(how: "push" | "replace"): void {
  forgetLive();
  go("/", how);
}

/** @returns why it did not happen */
async function signOut(): Promise<string | undefined> {
  const why = await signIns.signOut();
  if (why !== undefined) return `You are still signed in. ${why}`;
  leave("push");
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
