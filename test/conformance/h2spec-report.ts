// What h2spec reports (`--junit-report`), and how two reports compare. Which server is whose is not known here.

export type Outcome = "passed" | "failed" | "skipped";

/** Case → what became of it. */
export type Report = ReadonlyMap<string, Outcome>;

const caseElement = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs;

/** @throws Error where two cases have one name: what is compared by name would be lost */
export function readReport(xml: string): Report {
  const report = new Map<string, Outcome>();
  for (const [, section = "", title = "", inside = ""] of xml.matchAll(caseElement)) {
    const name = `${section}: ${title}`;
    if (report.has(name)) throw new Error(`h2spec reports two cases as ${name}`);
    report.set(name, outcomeOf(inside));
  }
  return report;
}

/**
 * What is wrong with `ours`: a case that it does not pass and `stock` does, unless that is known; and one that is known and not so.
 * A case that only one of them was asked is wrong as well.
 */
export function compare(ours: Report, stock: Report, known: readonly string[]): readonly string[] {
  const names = new Set([...ours.keys(), ...stock.keys()]);
  const worse = [...names].filter((name) => {
    const [here, there] = [ours.get(name), stock.get(name)];
    return here === undefined || there === undefined || (here !== "passed" && there === "passed");
  });
  return [
    ...worse.filter((name) => !known.includes(name)).map((name) => `bare node:http2 does better: ${name}`),
    ...known.filter((name) => !worse.includes(name)).map((name) => `listed as worse, and is not: ${name}`),
  ];
}

export function count(report: Report, outcome: Outcome): number {
  return [...report.values()].filter((one) => one === outcome).length;
}

function outcomeOf(inside: string): Outcome {
  if (inside.includes("<skipped")) return "skipped";
  return inside.trim() === "" ? "passed" : "failed";
}
