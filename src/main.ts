// The process around one service: read the configuration, start, stop on a signal, and say in one paragraph what failed.
// What the service is made of is known to service.ts; nothing here knows a request.

import { writeSync } from "node:fs";
import { ConfigurationError } from "./config/mistakes.ts";
import { readConfiguration } from "./config/read-configuration.ts";
import type { Configuration } from "./config/schema.ts";
import { letNurseryGrow } from "./engine.ts";
import { codeOf, framesOf } from "./telemetry/cause.ts";
import { crashLine, nameOf } from "./telemetry/crash-line.ts";

interface RunningService {
  /** Takes up what `read` gives; whatever is wrong with it, the service goes on as it was. */
  reload(read: () => Configuration): void;
  close(): Promise<void>;
}

/** What of `process` is needed here. */
interface ProcessEvents {
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  off(event: string, listener: (...values: unknown[]) => void): unknown;
  exit(code: number): unknown;
}

export interface ProcessSeams {
  readonly process: ProcessEvents;
  readonly start: (configuration: Configuration) => Promise<RunningService>;
  /** Which process it is, where there are several: stands in its last line. */
  readonly fields: Readonly<Record<string, number>>;
  /** Writes before it returns: the process may end right after. */
  readonly writeError: (text: string) => void;
}

const standardError = 2;
const exitStatus = { SIGINT: 130, SIGTERM: 143 } as const;

/** Runs until a signal ends it. The result is the process's exit status. */
export async function runProcess(configPath: string, seams: Partial<ProcessSeams> = {}): Promise<number> {
  const { process: events = process, start = startWholeService, fields = {} } = seams;
  const { writeError = (text: string) => writeSync(standardError, text) } = seams;
  const crash = (error: unknown) => {
    writeError(`${crashLine(error, fields)}\n`);
    events.exit(1);
  };
  let stopping = false;
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  let service: RunningService | undefined;
  // Before there is anything to finish, and when finishing takes too long for whoever waits, a signal ends the process at once.
  const onSignal = (signal: "SIGINT" | "SIGTERM") => () => {
    if (stopping || service === undefined) {
      events.exit(exitStatus[signal]);
    } else {
      stopping = true;
      stop();
    }
  };
  const onHangup = () => service?.reload(() => readConfiguration(configPath));
  const listeners = [
    ["uncaughtException", crash],
    ["unhandledRejection", crash],
    ["SIGINT", onSignal("SIGINT")],
    ["SIGTERM", onSignal("SIGTERM")],
    ["SIGHUP", onHangup],
  ] as const;
  for (const [event, listener] of listeners) events.on(event, listener);
  try {
    service = await start(readConfiguration(configPath));
    letNurseryGrow();
    await stopped;
    await service.close();
    return 0;
  } catch (error) {
    writeError(`${failureText(error, service !== undefined)}\n`);
    return 1;
  } finally {
    for (const [event, listener] of listeners) events.off(event, listener);
  }
}

async function startWholeService(configuration: Configuration): Promise<RunningService> {
  const { startService } = await import("./service.ts");
  return startService(configuration);
}

function failureText(error: unknown, wasRunning: boolean): string {
  if (error instanceof ConfigurationError) return error.message;
  const [place] = framesOf(error);
  const unknown = `${nameOf(error)}${place === undefined ? "" : ` ${place}`}.`;
  if (wasRunning) return `cambio did not stop cleanly: ${unknown}`;
  if (error instanceof Error && ownStartErrors.has(error.name)) return `cambio did not start: ${error.message}`;
  const code = codeOf(error) ?? "";
  return `cambio did not start: ${startFailures[code.startsWith("ERR_OSSL_") ? "ERR_OSSL" : code] ?? unknown}`;
}

/** Their messages are written for operators and hold no address and no secret. */
const ownStartErrors: ReadonlySet<string> = new Set([
  "DatabaseStartError",
  "NewerDatabaseError",
  "SharingStartError",
  "SigningStartError",
  "SpoolStartError",
  "TrailStartError",
]);

const startFailures: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken by another process. Set server.port (or PORT) to another one; 0 takes any free one.",
  EACCES: "this user may not listen on that port. Set server.port (or PORT) to one above 1023.",
  EADDRNOTAVAIL: "this machine does not have the address in server.host.",
  ENOTFOUND: "the name in server.host stands for no address.",
  ERR_OSSL: "the certificate and the private key in server.tls cannot be used together. Both are PEM, and the key is not encrypted.",
};
