// Answers that are given again and again, as the same token is shown with call after call: the message that was made for a remembered
// verification, and what it is on the wire. Few tokens make most of the calls, so few answers are kept.

import type { Message } from "@bufbuild/protobuf";
import { LRUCache } from "lru-cache";

/** Tokens in use at one moment, not all that are remembered: an answer takes some 2 KiB with what is sent of it. */
const maxAnswers = 2_048;

/** One answer on the wire, by format, as soon as it was sent in it. */
export interface Encodings {
  binary?: Uint8Array;
  json?: Uint8Array;
}

const encodings = new WeakMap<Message, Encodings>();

/** Undefined: the message is sent once. */
export function encodingsOf(message: Message): Encodings | undefined {
  return encodings.get(message);
}

/** @returns the same message for the same object; nobody may change it any more */
export function createGivenAgain<Of extends object, Answer extends Message>(make: (of: Of) => Answer): (of: Of) => Answer {
  const answers = new LRUCache<Of, Answer>({ max: maxAnswers });
  return function givenAgain(of) {
    const known = answers.get(of);
    if (known !== undefined) return known;
    const answer = make(of);
    encodings.set(answer, {});
    answers.set(of, answer);
    return answer;
  };
}
