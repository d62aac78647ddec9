// What policy says about a call, kept: most calls come without an origin, and then the answer depends on nothing but the client, the
// method and where the proof is. There are no more such questions than the configuration has clients and the contract methods.

import type { Client, Method } from "../exchange/clients.ts";
import type { Decide, Decision } from "../exchange/decision.ts";

type Known = Map<Client, Map<Method, Decision>>;

/** @param decide of one configuration; who asks it asks about clients of that one */
export function rememberCalls(decide: Decide): Decide {
  const proofInMessage: Known = new Map();
  const proofOutside: Known = new Map();

  return function decideAgain(question) {
    if (question.kind !== "call" || question.origin !== undefined) return decide(question);
    const ofClient = callsOf(question.proofInMessage ? proofInMessage : proofOutside, question.client);
    const known = ofClient.get(question.method);
    if (known !== undefined) return known;
    const decision = decide(question);
    ofClient.set(question.method, decision);
    return decision;
  };
}

function callsOf(known: Known, client: Client): Map<Method, Decision> {
  const before = known.get(client);
  if (before !== undefined) return before;
  const calls: Map<Method, Decision> = new Map();
  known.set(client, calls);
  return calls;
}
