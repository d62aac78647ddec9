// What a log line tells of a failure that was foreseen: the circumstances that the part concerned noted down. What was not
// foreseen is told by cause fields.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { Fields } from "./log.ts";

const kinds: ReadonlySet<unknown> = new Set<Circumstance["kind"]>(["upstream", "store", "rule", "policy", "code", "handle", "proof"]);

/** A failure may carry another one, such as a key set's last attempt. */
const maxDepth = 3;

export function circumstanceFields(failure: ExchangeError | undefined): Fields {
  let cause: unknown = failure?.cause;
  for (let depth = 0; depth < maxDepth && cause instanceof ExchangeError; depth += 1) ({ cause } = cause);
  return isCircumstance(cause) ? fieldsOf(cause) : {};
}

function fieldsOf(circumstance: Circumstance): Fields {
  switch (circumstance.kind) {
    case "upstream": {
      const { endpoint, status, oauthError, code } = circumstance;
      return { upstream_endpoint: endpoint, upstream_status: status, upstream_error: oauthError, upstream_code: code };
    }
    case "store":
      return { store_code: circumstance.code, store_outcome: circumstance.outcome };
    case "rule":
      return { rule: circumstance.field };
    case "policy":
      return { policy_rule: circumstance.rule };
    case "code":
    case "handle":
      return { [`${circumstance.kind}_problem`]: circumstance.problem };
    case "proof":
      return { proof: circumstance.proof, proof_problem: circumstance.problem };
  }
}

function isCircumstance(cause: unknown): cause is Circumstance {
  if (typeof cause !== "object" || cause === null || !("kind" in cause)) return false;
  return kinds.has(cause.kind);
}
