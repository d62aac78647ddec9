// Whose session this is: as the application's sign-in knows the user, or as Discord does, with a picture and a way to ask it again.

import { fact, icon, make } from "./elements.ts";
import type { User } from "./session.ts";

export interface SessionCardOptions {
  readonly user: User;
  readonly by: "password" | "discord";
  /** @returns the user as Discord knows them now, or why that is not known */
  reloadProfile(): Promise<User | string>;
}

export function sessionCard({ user, by, reloadProfile }: SessionCardOptions): HTMLElement {
  const shown = make("div", { class: "stack" }, ...factsOf(user));
  return make(
    "section",
    { class: "card", "aria-labelledby": "session-title" },
    make("h2", { id: "session-title" }, "Your session"),
    make("p", { class: "quiet" }, sentences[by]),
    shown,
    ...(by === "discord" ? reloading(reloadProfile, (fresh) => shown.replaceChildren(...factsOf(fresh))) : []),
  );
}

const sentences = {
  password: "As the sign-in service knows you, by the cookie of this browser.",
  discord: "As Discord knows you, and as Cambio keeps it.",
};

function factsOf(user: User): readonly HTMLElement[] {
  const { id, name, email, username = "", avatarUrl = "" } = user;
  const facts = make(
    "dl",
    { class: "facts" },
    ...fact("Name", make("span", { "data-fact": "name" }, name)),
    ...(username === "" ? [] : fact("User name", make("span", { "data-fact": "username" }, `@${username}`))),
    ...(email === "" ? [] : fact("E-mail", make("span", { "data-fact": "email" }, email))),
    ...fact("User id", make("span", { class: "with-button" }, make("code", { "data-fact": "user-id" }, id), copyButton(id))),
  );
  if (avatarUrl === "") return [facts];
  const picture = make("img", {
    src: avatarUrl,
    alt: "",
    width: "64",
    height: "64",
    class: "portrait",
    "data-fact": "avatar",
    referrerpolicy: "no-referrer",
  });
  return [picture, facts];
}

function copyButton(id: string): HTMLElement {
  const copy = make("button", { type: "button", class: "quiet-button", "aria-label": "Copy the user id" }, icon("copy"), "Copy");
  copy.addEventListener("click", () => {
    navigator.clipboard.writeText(id).then(
      () => copy.replaceChildren(icon("check"), "Copied"),
      () => copy.replaceChildren(icon("cross"), "Not copied"),
    );
  });
  return copy;
}

function reloading(reload: SessionCardOptions["reloadProfile"], show: (fresh: User) => void): readonly HTMLElement[] {
  const button = make("button", { type: "button", class: "button" }, "Reload profile");
  const said = make("p", { class: "quiet", role: "status", "data-profile": "kept" });
  const run = async (): Promise<void> => {
    button.disabled = true;
    const fresh = await reload();
    button.disabled = false;
    const failed = typeof fresh === "string";
    said.dataset["profile"] = failed ? "failed" : "fresh";
    said.textContent = failed ? fresh : "As Discord says just now.";
    if (!failed) show(fresh);
  };
  button.addEventListener("click", () => void run());
  return [make("div", { class: "live-row" }, make("p", { class: "actions" }, button), said)];
}
