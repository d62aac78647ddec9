// Secret: a string that must never be printed. Every token, code, verifier, password and handle past the edge is one.
// It owns nothing but the hiding; who may call `reveal` is decided by where secrets are passed.

const inspect = Symbol.for("nodejs.util.inspect.custom");

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The string itself: for the wire, for hashing, for sealing. Never for a message or a log. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }

  [inspect](): string {
    return "[redacted]";
  }
}
