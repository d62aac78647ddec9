// What a server says that the client library cannot make sense of: a push without a word, a redirection to nowhere. The library throws
// that where nobody hears it, which ends the process. Here it ends the connection, as every other breach of the protocol does.

import library from "ioredis/built/DataHandler.js";

/** Holds for every connection that is made after it. The library gives no other way to its parser's end. */
export function endConnectionsThatLie(): void {
  // What is imported is all that a CommonJS module exports, its class among it.
  // Thrown on, it reaches whoever feeds the parser, and that one gives the connection up.
  Object.defineProperty(library.default.prototype, "dispatch", { value: (work: () => void) => work() });
}
