// `make dev`: keeps the demo's stack up on fixed ports, with the page at an origin of its own, until a signal ends it.
// PORT (8080), PROVIDER_PORT (PORT + 1) and PAGE_PORT (PORT + 2) choose the ports; 0 takes any free one.

import { banner } from "./dev-banner.ts";
import { startPageServer } from "./page-server.ts";
import { startStack, type Stack } from "./stack.ts";

interface Ports {
  readonly cambio: number;
  readonly provider: number;
  readonly page: number;
}

interface Running {
  readonly stack: Stack;
  close(): Promise<void>;
}

/** @throws Error with a sentence for the one who typed it */
function readPorts(env: NodeJS.ProcessEnv): Ports {
  const read = (name: string, fallback: number) => {
    const text = env[name] ?? String(fallback);
    const port = Number(text);
    if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) throw new Error(`${name} is not a port: write a number from 0 to 65535.`);
    return port;
  };
  const cambio = read("PORT", 8080);
  const next = (step: number) => (cambio === 0 ? 0 : Math.min(cambio + step, 65_535));
  return { cambio, provider: read("PROVIDER_PORT", next(1)), page: read("PAGE_PORT", next(2)) };
}

async function start(ports: Ports): Promise<Running> {
  const parts = new AsyncDisposableStack();
  try {
    const page = await startPageServer(ports.page);
    parts.defer(() => page.close());
    const stack = await startStack({ webOrigin: page.origin, port: ports.cambio, providerPort: ports.provider });
    parts.defer(() => stack.close());
    page.tell({
      cambio: stack.url,
      clientId: "web",
      redirectUri: stack.web.redirectUri,
      audience: "orders",
      exchangePath: "/api/auth/exchange",
    });
    const running = parts.move();
    return { stack, close: () => running.disposeAsync() };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

/** The sentence for a failure that whoever typed the command can mend; undefined: it is ours. */
function explain(failure: unknown, ports: Ports): string | undefined {
  const { code, port } = failure as { code?: string; port?: number };
  if (code !== "EADDRINUSE" && code !== "EACCES") return undefined;
  const name = port === ports.provider ? "PROVIDER_PORT" : port === ports.page ? "PAGE_PORT" : "PORT";
  const problem = code === "EADDRINUSE" ? "is taken by another process" : "may not be listened on by this user";
  return `Port ${port} ${problem}. Choose another one, for example: ${name}=${name === "PORT" ? 9080 : 0} make dev`;
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

async function dev(): Promise<void> {
  const ports = readPorts(process.env);
  let running: Running;
  try {
    running = await start(ports);
  } catch (failure) {
    const sentence = explain(failure, ports);
    throw sentence === undefined ? failure : new Error(sentence, { cause: failure });
  }
  const stopped = nextSignal();
  console.log(await banner(running.stack));
  await stopped;
  // A second signal finds Node's own behaviour again and ends the process at once.
  console.log("\nStopping.");
  await running.close();
}

try {
  await dev();
} catch (failure) {
  console.error(failure instanceof Error ? failure.message : failure);
  process.exitCode = 1;
}
