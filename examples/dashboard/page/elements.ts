// Makes elements. Text goes in as text, never as markup: names and answers come from elsewhere.

type Child = Node | string | undefined;

/** Attributes; false and undefined leave one out, true writes an empty one. */
export type Attributes = Readonly<Record<string, string | boolean | undefined>>;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

const drawings = {
  exchange: ["M4 8h14", "m14 4 4 4-4 4", "M20 16H6", "m10 12-4 4 4 4"],
  check: ["m5 12.5 4.5 4.5L19 7.5"],
  cross: ["m7 7 10 10", "M17 7 7 17"],
  copy: ["M9 9h10v10H9z", "M15 9V5H5v10h4"],
  arrow: ["M5 12h14", "m13 6 6 6-6 6"],
} as const;

/** Decoration: what it says stands beside it in words. */
export function icon(name: keyof typeof drawings): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  setAttributes(svg, { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" });
  for (const line of drawings[name]) {
    const path = document.createElementNS(namespace, "path");
    path.setAttribute("d", line);
    svg.append(path);
  }
  return svg;
}

/** A link that the page follows itself (main.ts). */
export function link(path: string, className: string, ...children: readonly Child[]): HTMLAnchorElement {
  return make("a", { href: path, class: className || undefined, "data-inside": true }, ...children);
}

/** A term of a list of facts, and what it is. */
export function fact(name: string, value: HTMLElement): readonly HTMLElement[] {
  return [make("dt", {}, name), make("dd", {}, value)];
}
