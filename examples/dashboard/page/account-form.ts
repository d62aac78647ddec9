// The form to register or sign in: labels, hints, and each mistake said at its field. What is sent where is session.ts.

import { link, make, setAttributes } from "./elements.ts";
import { type FieldName, type Refusal, register, shortestPassword, signIn } from "./session.ts";

export interface AccountFormOptions {
  readonly kind: "register" | "login";
  /** Said above the form: why somebody is here. */
  readonly notice?: Notice | undefined;
  onSignedIn(): void;
  /** On to Discord. Undefined: that is not configured. @returns why not */
  readonly onDiscord?: (() => Promise<string>) | undefined;
}

export interface Notice {
  readonly sentence: string;
  /** Something failed. */
  readonly bad: boolean;
}

interface Field {
  readonly name: FieldName;
  readonly label: string;
  readonly hint?: string;
  readonly type: string;
  readonly autocomplete: string;
}

const nameField: Field = { name: "name", label: "Name", type: "text", autocomplete: "name" };
const emailField: Field = { name: "email", label: "E-mail", type: "email", autocomplete: "email" };

const forms = {
  register: {
    title: "Create an account",
    lead: "It stays on this machine, in a database of its own.",
    submit: "Create account",
    busy: "Creating your account…",
    other: ["Already have an account?", "/login", "Sign in"],
    fields: [
      nameField,
      emailField,
      {
        name: "password",
        label: "Password",
        hint: `At least ${shortestPassword} characters.`,
        type: "password",
        autocomplete: "new-password",
      },
    ],
    send: register,
  },
  login: {
    title: "Welcome back",
    lead: "Sign in with your e-mail address and password.",
    submit: "Sign in",
    busy: "Signing you in…",
    other: ["No account yet?", "/register", "Create one"],
    fields: [emailField, { name: "password", label: "Password", type: "password", autocomplete: "current-password" }],
    send: signIn,
  },
} satisfies Record<AccountFormOptions["kind"], { fields: readonly Field[] } & Record<string, unknown>>;

export function accountForm({ kind, notice, onSignedIn, onDiscord }: AccountFormOptions): HTMLElement {
  const { title, lead, submit, busy, other, fields, send } = forms[kind];
  const shown = new Map(fields.map((field: Field) => [field.name, showField(field)]));
  const alert = make("p", { class: "notice bad", role: "alert", hidden: true });
  const button = make("button", { type: "submit", class: "button primary wide" }, submit);
  const form = make("form", { novalidate: true, class: "stack" }, ...[...shown.values()].map(({ row }) => row), alert, button);

  const say = (refusal: Refusal | undefined): void => {
    const field = refusal?.field === undefined ? undefined : shown.get(refusal.field);
    field?.say(refusal?.sentence ?? "");
    alert.textContent = field === undefined ? (refusal?.sentence ?? "") : "";
    alert.hidden = alert.textContent === "";
    field?.input.focus();
  };
  const value = (name: FieldName): string => shown.get(name)?.input.value ?? "";

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    for (const { say: clear } of shown.values()) clear("");
    const account = { name: value("name").trim(), email: value("email").trim(), password: value("password") };
    const mistakes = findMistakes(kind, account);
    say(undefined);
    for (const mistake of mistakes.toReversed()) say(mistake);
    if (mistakes.length === 0) void submitTo(account);
  });

  async function submitTo(account: { name: string; email: string; password: string }): Promise<void> {
    setAttributes(form, { "aria-busy": "true" });
    button.disabled = true;
    button.textContent = busy;
    const refusal = await send(account);
    setAttributes(form, { "aria-busy": undefined });
    button.disabled = false;
    button.textContent = submit;
    if (refusal === undefined) onSignedIn();
    else say(refusal);
  }

  const [question, path, way] = other as [string, string, string];
  return make(
    "section",
    { class: "card narrow" },
    make("h1", { tabindex: "-1" }, title),
    make("p", { class: "quiet" }, lead),
    notice === undefined ? undefined : showNotice(notice),
    form,
    ...(onDiscord === undefined ? [] : discordWay(onDiscord)),
    make("p", { class: "quiet other" }, `${question} `, link(path, "", way)),
  );
}

function showNotice({ sentence, bad }: Notice): HTMLElement {
  return make("p", { class: bad ? "notice bad" : "notice", role: bad ? "alert" : "status" }, sentence);
}

function discordWay(onDiscord: () => Promise<string>): readonly HTMLElement[] {
  const button = make("button", { type: "button", class: "button wide" }, "Sign in with Discord");
  const alert = make("p", { class: "notice bad", role: "alert", hidden: true });
  const run = async (): Promise<void> => {
    button.disabled = true;
    alert.hidden = true;
    const why = await onDiscord();
    // Otherwise this page is about to be left.
    if (why === "") return;
    button.disabled = false;
    alert.textContent = why;
    alert.hidden = false;
  };
  button.addEventListener("click", () => void run());
  return [make("p", { class: "or" }, "or"), alert, button];
}

/** In the order of the fields. The server looks again. */
function findMistakes(kind: AccountFormOptions["kind"], account: { name: string; email: string; password: string }): readonly Refusal[] {
  const mistakes: Refusal[] = [];
  if (kind === "register" && account.name === "") mistakes.push({ field: "name", sentence: "Write your name." });
  if (!/^[^\s@]+@[^\s@]+$/.test(account.email))
    mistakes.push({ field: "email", sentence: "Write an e-mail address, such as ada@example.com." });
  if (kind === "register" && account.password.length < shortestPassword) {
    mistakes.push({ field: "password", sentence: `Use at least ${shortestPassword} characters.` });
  }
  if (kind === "login" && account.password === "") mistakes.push({ field: "password", sentence: "Write your password." });
  return mistakes;
}

function showField({ name, label, hint, type, autocomplete }: Field) {
  const ids = { hint: `${name}-hint`, error: `${name}-error` };
  const input = make("input", {
    id: name,
    name,
    type,
    autocomplete,
    required: true,
    maxlength: "200",
    spellcheck: name === "name" ? undefined : "false",
    autocapitalize: name === "name" ? "words" : "none",
    "aria-describedby": hint === undefined ? undefined : ids.hint,
  });
  const error = make("p", { id: ids.error, class: "field-error", hidden: true });
  const help = hint === undefined ? undefined : make("p", { id: ids.hint, class: "hint" }, hint);
  const row = make("div", { class: "field" }, make("label", { for: name }, label), input, help, error);
  const say = (sentence: string): void => {
    error.textContent = sentence;
    error.hidden = sentence === "";
    const mistaken = sentence !== "";
    // The mistake says what the hint says.
    if (help !== undefined) help.hidden = mistaken;
    setAttributes(input, { "aria-invalid": mistaken && "true", "aria-describedby": mistaken ? ids.error : help && ids.hint });
  };
  return { row, input, say };
}
