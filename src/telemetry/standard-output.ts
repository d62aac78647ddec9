// Lines on their way to standard output: those of one turn of the event loop leave in one write, as a write for each would cost as much
// as all the rest of a line. A process that ends takes none of them with it, unless it is killed in that very turn.

/** A pipe takes as much at once by default (pipe(7)); a turn that writes more does so in several pieces. */
const pieceBytes = 65_536;

export interface Output {
  write(text: string): unknown;
}

/**
 * @param output takes what it is given before it returns
 * @param soon runs what it is given before the event loop waits again
 * @returns `flush` as well, for the end of the process
 */
export function gatherLines(output: Output, soon: (work: () => void) => void): Output & { flush(): void } {
  let lines = "";
  let bytes = 0;

  function flush(): void {
    if (bytes === 0) return;
    const whole = lines;
    lines = "";
    bytes = 0;
    output.write(whole);
  }

  return {
    flush,
    write(line) {
      const size = Buffer.byteLength(line);
      if (bytes + size > pieceBytes) flush();
      if (bytes === 0) soon(flush);
      lines += line;
      bytes += size;
    },
  };
}
