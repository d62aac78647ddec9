// The parts of docs/performance.md that the benchmark writes itself: each lies between two markers, and all around them is prose.

/**
 * @param section its name in the markers `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`
 * @returns the document with `text` as that section
 * @throws Error where the document does not have it, exactly once
 */
export function withSection(document: string, section: string, text: string): string {
  const [opens, closes] = [`<!-- bench:${section} -->\n`, `<!-- /bench:${section} -->`];
  const [before, rest, more] = document.split(opens);
  const [, after, again] = rest?.split(closes) ?? [];
  if (before === undefined || after === undefined || more !== undefined || again !== undefined) {
    throw new Error(`the document has no section ${section}, or more than one`);
  }
  return `${before}${opens}\n\`\`\`text\n${text}\n\`\`\`\n\n${closes}${after}`;
}
