// Where a command writes: what was asked for, and what went wrong.

export interface Output {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}
