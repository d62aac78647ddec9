// Shows an address in the user's browser, where there is a way to. That nothing opens is no failure: the address is printed as well.

import { spawn } from "node:child_process";

/** @param url an http or https address as `URL.href` spells it: no shell sees it, and it cannot be taken for an option */
export function openBrowser(url: string): void {
  const program = process.platform === "darwin" ? "open" : "xdg-open";
  const child = spawn(program, [url], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  // The browser lives on, and nobody waits for it.
  child.unref();
}
