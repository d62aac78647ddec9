// How one step of an explanation is taken: policy is asked, or something is chosen before it is, and what refuses is told.

import type { Decide, PolicyQuestion } from "../exchange/decision.ts";
import { ExchangeError } from "../exchange/errors.ts";
import { fieldOf } from "./explained-token.ts";
import type { Sheet } from "./explain-sheet.ts";

export interface Asking {
  readonly sheet: Sheet;
  /** @throws ExchangeError with the refusal's reason */
  readonly ask: (question: PolicyQuestion) => void;
}

/** The steps are told while it decides. */
export function asking(decide: Decide, sheet: Sheet): Asking {
  return {
    sheet,
    ask(question) {
      const { refusal } = decide(question);
      if (refusal !== undefined) throw new ExchangeError(refusal.reason);
    },
  };
}

/** For what is decided before policy is asked. */
export function told<T>(sheet: Sheet, rule: string, choose: () => T): T {
  try {
    return choose();
  } catch (failure) {
    const field = fieldOf(failure);
    const ambiguous = failure instanceof ExchangeError && failure.reason === "MALFORMED_REQUEST" && field !== undefined;
    sheet.step("refuses", rule, ambiguous ? `there are several, and the call does not say its ${field}` : undefined);
    throw failure;
  }
}
