// `cambio login` in this process, and the browser in front of it: what was written, the address that was opened, and requests to the
// loopback listener as browsers and other programs send them.

import { request } from "node:http";
import { loginCommand } from "../../src/cli/login.ts";

export interface LoginRun {
  /** The address that the browser was given. */
  readonly opened: Promise<URL>;
  /** Exit status and what was written. */
  readonly ended: Promise<{ readonly status: number; readonly out: string; readonly error: string }>;
  interrupt(): void;
}

export function startLogin(...words: readonly string[]): LoginRun {
  const written = { out: "", error: "" };
  const opened = Promise.withResolvers<URL>();
  const interruption = new AbortController();
  const output = { out: (text: string) => void (written.out += text), error: (text: string) => void (written.error += text) };
  const status = loginCommand(words, output, {
    defaultFile: "/nowhere/cambio.yaml",
    interrupted: interruption.signal,
    openBrowser: (url) => opened.resolve(new URL(url)),
  });
  const ended = status.then((value) => ({ status: value, ...written }));
  // Whoever waits for a browser that is never opened shall learn why.
  void ended.then(
    (end) => opened.reject(new Error(`it ended before: ${JSON.stringify(end)}`)),
    (failure: unknown) => opened.reject(failure),
  );
  opened.promise.catch(() => undefined);
  return { opened: opened.promise, ended, interrupt: () => interruption.abort() };
}

export interface LoopbackAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

export interface LoopbackRequest {
  readonly method?: string;
  /** Overrides the address's own, as DNS rebinding does. */
  readonly host?: string;
  /** As it stands in the request line. Default: the address's path and query. */
  readonly target?: string;
}

/** One request on a connection of its own. Rejects where nobody listens. */
export function ask(address: string | URL, { method = "GET", host, target }: LoopbackRequest = {}): Promise<LoopbackAnswer> {
  const url = new URL(address);
  const headers = host === undefined ? {} : { host };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: url.hostname.replace(/^\[|\]$/g, ""),
        port: url.port,
        path: target ?? `${url.pathname}${url.search}`,
        method,
        headers,
        agent: false,
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => (body += text));
        response.once("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    sent.once("error", reject).end();
  });
}

/** Undefined: somebody listens there. */
export async function refusalAt(address: string | URL): Promise<string | undefined> {
  return ask(address).then(
    () => undefined,
    (failure: NodeJS.ErrnoException) => failure.code,
  );
}
