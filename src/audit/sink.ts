// Where the trail goes, as audit.ts sees it: trail-file.ts or standard-output.ts.

/** One call at a time. */
export interface Sink {
  /** @throws TrailStartError */
  open(): Promise<void>;
  /**
   * Chains the bodies and writes them; they are kept when it resolves. After a failure the next write finds its way back by
   * itself. Without bodies it writes a checkpoint, which shows that writing works.
   * @throws TrailFailure
   */
  write(bodies: readonly string[]): Promise<void>;
  /** Writes the end of the trail and lets go of it. */
  close(): Promise<void>;
}
