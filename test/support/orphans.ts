// Servers that a test started must end with it, also where the test's own process is killed and can end nothing any more: a shell
// that holds the other end of a pipe kills what is still running when the pipe closes.

import { type ChildProcess, spawn } from "node:child_process";

const watch = `
trap '' INT TERM HUP
running=' '
while read -r sign pid; do
  case $sign in
    +) running="$running$pid " ;;
    -) running="\${running%% $pid *} \${running#* $pid }" ;;
  esac
done
kill -9 $running 2>/dev/null`;

let watcher: ChildProcess | undefined;

/** Ends the child with this process, however that ends. */
export function endWithUs(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  tell(`+ ${pid}`);
  child.once("exit", () => tell(`- ${pid}`));
}

function tell(line: string): void {
  if (watcher === undefined) {
    watcher = spawn("sh", ["-c", watch], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    watcher.unref();
    (watcher.stdin as unknown as { unref?(): void }).unref?.();
    watcher.stdin?.on("error", () => undefined);
  }
  watcher.stdin?.write(`${line}\n`);
}
