// h2spec against Cambio's port and against a bare `node:http2` server of the same Node, in the same run: what the bare one passes the
// port must pass too. What neither passes is Node's.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { createSecureServer, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { makeCertificate } from "../support/certificate.ts";
import { compare, count, readReport, type Report } from "./h2spec-report.ts";
import { built } from "./built.ts";
import { createConformancePort } from "./port.ts";

/** Seconds that h2spec waits for an answer which does not come. */
const patience = 2;

/** Milliseconds for all its cases, more than its patience with each of them comes to. One that hangs is ended, and has no report. */
const limitMs = 600_000;

/** Some cases hang on the order of two frames in flight. What is worse by chance is not so every time. */
const rounds = 3;

/**
 * Over clear text one port speaks both versions, and what does not begin as HTTP/2 is HTTP/1.1: a wrong preface is answered with a 400
 * of that version before the connection is closed. A server of HTTP/2 alone just closes it. Listed cases have to be worse, or the list is old.
 */
const knownOverClearText: readonly string[] = ["http2/3.5: Sends invalid connection preface"];

interface Target {
  readonly port: number;
  readonly secure: boolean;
  /** Distinguishes the reports of targets that are asked at one time. */
  readonly name: string;
}

/** Whether the port is nowhere worse than the bare server, but where that is known. */
export async function compareWithStock(print: (line: string) => void): Promise<boolean> {
  const certificate = makeCertificate("127.0.0.1");
  const same = await Promise.all([compareOver(undefined, print), compareOver(certificate, print)]);
  return same.every(Boolean);
}

async function compareOver(
  tls: { readonly key: string; readonly cert: string } | undefined,
  print: (line: string) => void,
): Promise<boolean> {
  const secure = tls !== undefined;
  const over = secure ? "TLS" : "clear text";
  const known = secure ? [] : knownOverClearText;
  const stock = (tls === undefined ? createServer() : createSecureServer(tls)).on("stream", answer);
  stock.listen(0, "127.0.0.1");
  await once(stock, "listening");
  const ours = createConformancePort(tls === undefined ? {} : { tls });
  const { port } = await ours.listen("127.0.0.1", 0);
  try {
    let wrong: readonly string[] | undefined;
    for (let round = 0; round < rounds && wrong?.length !== 0; round += 1) {
      const [here, there] = await Promise.all([
        ask({ port, secure, name: `port-${over}` }),
        ask({ port: (stock.address() as AddressInfo).port, secure, name: `stock-${over}` }),
      ]);
      if (wrong === undefined) print(`h2spec over ${over}: ${told(here)}, as listed ${known.length}; bare node:http2: ${told(there)}`);
      const now = compare(here, there, known);
      wrong = now.filter((line) => wrong?.includes(line) ?? true);
    }
    for (const line of wrong ?? []) print(`FAILED over ${over}, ${line}`);
    return wrong?.length === 0;
  } finally {
    await ours.close(0);
    stock.close();
  }
}

/**
 * What the port answers to GET /livez, in as few steps: a frame that comes too late finds the stream half closed or gone, and Node is
 * right about the one and silent about the other.
 */
function answer(stream: ServerHttp2Stream): void {
  stream.on("error", () => undefined);
  stream.respond({ ":status": 200, "content-type": "application/json" });
  stream.end(JSON.stringify({ status: "alive" }));
}

async function ask({ port, secure, name }: Target): Promise<Report> {
  const report = join(built, `h2spec-${name.replace(" ", "-")}.xml`);
  // One of an earlier run must not pass for this one's.
  await rm(report, { force: true });
  const options = ["--host", "127.0.0.1", "--port", String(port), "--path", "/livez", "--strict", "--timeout", String(patience)];
  const child = spawn(join(built, "bin/h2spec"), [...options, ...(secure ? ["--tls", "--insecure"] : []), "--junit-report", report], {
    stdio: "ignore",
    timeout: limitMs,
  });
  // Its status tells of failures only, and every server has some; that it ran at all is seen from the report.
  await once(child, "close");
  return readReport(await readFile(report, "utf8"));
}

function told(report: Report): string {
  return `${report.size} cases, passed ${count(report, "passed")}, failed ${count(report, "failed")}, skipped ${count(report, "skipped")}`;
}
