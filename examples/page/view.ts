// Puts a walk on the page. Text goes in as text, never as markup: answers and addresses come from elsewhere.

import type { Exchanged } from "./flow.ts";

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

export function button(id: string): HTMLButtonElement {
  return element(id) as HTMLButtonElement;
}

/** What went wrong on the page itself; empty: nothing. */
export function showStatus(sentence: string): void {
  element("status").textContent = sentence;
}

/** How the last call went, and a way to it. */
export function showOutcome(call: Exchanged): void {
  const link = labelled("a", "See the message");
  link.setAttribute("href", "#messages");
  element("status").replaceChildren(`${call.title}: ${outcomeOf(call)}. `, link);
}

function outcomeOf(call: Exchanged): string {
  return call.ok ? "answered" : "refused";
}

/** Name and value pairs in a definition list. */
export function showFacts(id: string, facts: Readonly<Record<string, string>>): void {
  element(id).replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => {
      const term = document.createElement("dt");
      term.textContent = name;
      const text = document.createElement("dd");
      text.textContent = value;
      return [term, text];
    }),
  );
}

/** Newest first: what a button did appears right below the buttons. */
export function showCalls(calls: readonly Exchanged[]): void {
  element("calls").replaceChildren(...calls.map(card).toReversed());
  element("no-calls").hidden = calls.length > 0;
}

function card(call: Exchanged, index: number): HTMLElement {
  const article = document.createElement("article");
  article.dataset["ok"] = String(call.ok);
  article.dataset["title"] = call.title;
  const heading = document.createElement("h3");
  heading.append(labelled("span", `${index + 1}. ${call.title}`), labelled("span", outcomeOf(call), "outcome"));
  const facts = labelled(
    "p",
    `${call.milliseconds.toFixed(1)} ms${call.requestId === "" ? "" : ` · x-request-id ${call.requestId}`}`,
    "facts",
  );
  article.append(heading, facts, json("Request", call.request), json(call.ok ? "Answer" : "Error", call.response));
  return article;
}

function json(label: string, value: unknown): HTMLElement {
  const details = document.createElement("details");
  details.open = true;
  details.append(labelled("summary", label), labelled("pre", JSON.stringify(value, null, 2)));
  details.dataset["part"] = label === "Request" ? "request" : "response";
  return details;
}

function labelled(tag: string, content: string, className = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = content;
  if (className !== "") made.className = className;
  return made;
}
