// The dashboard as a command: starts everything, says a line for each part that is healthy and the one address, shows what the parts
// log, and stops everything on a signal. PORT (5180) chooses the address, FOLDER (.cache/dashboard) where data is kept,
// DISCORD_CLIENT_ID, DISCORD_CLIENT_SECRET and DISCORD_REDIRECT_URI (/auth/discord of the address) an application of Discord's.

import { join } from "node:path";
import { type Dashboard, type DashboardOptions, type DiscordApplication, startDashboard } from "./start-dashboard.ts";

const defaultFolder = join(import.meta.dirname, "../../.cache/dashboard");

/** @returns the exit status */
export async function runDashboard(cambio: DashboardOptions["cambio"]): Promise<number> {
  const stop = Promise.withResolvers<void>();
  // At any time, also while the parts are still starting: none of them may stay behind.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.resolve());
  let starting: Promise<Dashboard> | undefined;
  try {
    const port = readPort(process.env["PORT"] ?? "5180");
    console.log("Starting the dashboard.\n");
    starting = startDashboard({
      port,
      folder: process.env["FOLDER"] ?? defaultFolder,
      discord: readDiscord(process.env),
      cambio,
      report: (part, url) => console.log(`  ${part.padEnd(8)} healthy  ${url}`),
      onLine: (part, line) => console.log(`${part.padEnd(8)}| ${line}`),
    });
    const dashboard = await starting;
    console.log(`\nThe dashboard is up: ${dashboard.url}\nCtrl-C stops everything. What the parts log appears below.\n`);
    await stop.promise;
    console.log("\nStopping.");
    await dashboard.close();
    return 0;
  } catch (failure) {
    console.error(`\n${explain(failure)}`);
    return 1;
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) throw new Error("PORT is not a port: write a number from 0 to 65535.");
  return port;
}

/** All that is set must fit together: a button that leads to nothing helps nobody. */
function readDiscord(env: NodeJS.ProcessEnv): DiscordApplication | undefined {
  const { DISCORD_CLIENT_ID: clientId = "", DISCORD_CLIENT_SECRET: clientSecret = "", DISCORD_REDIRECT_URI: redirectUri = "" } = env;
  if (clientId === "") return undefined;
  if (clientSecret === "") throw new Error("DISCORD_CLIENT_ID is set and DISCORD_CLIENT_SECRET is not: Discord wants both.");
  return { clientId, clientSecret, redirectUri: redirectUri === "" ? undefined : redirectUri };
}

function explain(failure: unknown): string {
  const { code, port } = failure as { code?: string; port?: number };
  if (code === "EADDRINUSE") return `Port ${port} is taken by another process. Choose another one, for example: PORT=9180 make dashboard`;
  return failure instanceof Error ? failure.message : String(failure);
}
