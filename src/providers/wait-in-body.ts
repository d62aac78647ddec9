// How long a provider's 429 asks to be left alone, where it says so in the body: a number of seconds in a JSON member.

import { isObject } from "./json-answer.ts";

/** @returns seconds; undefined: it does not say */
export function createWaitReader(member: string): (body: string) => number | undefined {
  return (body) => {
    const seconds = parse(body)?.[member];
    return typeof seconds === "number" && seconds >= 0 ? seconds : undefined;
  };
}

function parse(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
