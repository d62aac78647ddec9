// The two pages that the loopback listener has. They are the same for everybody: nothing of a request stands in them, so that no page
// learns anything here, and nobody's text becomes one.

/** No script, no frame, no copy, no address passed on; and the connection ends, as nothing comes after it. */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  connection: "close",
};

export const thanksPage = page("You can close this window.", "The terminal says how the sign-in went.");

export const refusalPage = page("There is nothing here.", "");

function page(title: string, text: string): string {
  return `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>${title}</title></head>\n<body><h1>${title}</h1><p>${text}</p></body>\n</html>\n`;
}
