// Claims of which nobody knows whether they were made: they are undone in the background, so that the user's next attempt is not
// refused as a replay. Nobody was told that the thing is theirs, so undoing takes it from nobody.

/**
 * When to undo an uncertain claim. More than once although nothing was found, because a server that was stopped may carry out
 * what its old connection still holds after it has answered on the new one. After the last, the mark expires by itself.
 */
const delaysMs = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000];
/** Claims being undone at a time. Above this they are left to expire: the user starts over, nothing is used twice. */
const maxUnderWay = 1_000;

export interface UncertainClaims {
  /** @param release gives the claim back; true: it was there. May throw. */
  undo(release: () => Promise<boolean>): void;
}

/** @param wait waits between attempts; rejects when the store is closed */
export function createUncertainClaims(wait: (ms: number) => Promise<unknown>): UncertainClaims {
  let underWay = 0;

  async function attempt(release: () => Promise<boolean>): Promise<void> {
    if (underWay >= maxUnderWay) return;
    underWay += 1;
    try {
      for (const delay of delaysMs) {
        await wait(delay);
        if (await release().catch(() => false)) return;
      }
    } catch {
      // Closed for good: the mark expires by itself.
    } finally {
      underWay -= 1;
    }
  }
  return { undo: (release) => void attempt(release) };
}
