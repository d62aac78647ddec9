// A socket whose writes of one turn of the event loop leave together: a system call for each command costs more than all else that is
// done for it. Nothing waits for another: what is written in a turn is on its way before the next one begins.

import type { Writable } from "node:stream";

export function gatherWrites<S extends Writable>(socket: S): S {
  const write = socket.write.bind(socket);
  let gathering = false;
  const release = (): void => {
    gathering = false;
    socket.uncork();
  };
  return Object.assign(socket, {
    write(...given: Parameters<Writable["write"]>): boolean {
      if (!gathering) {
        gathering = true;
        socket.cork();
        setImmediate(release);
      }
      return write(...given);
    },
  });
}
