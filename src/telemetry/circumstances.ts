// What a log line tells of a failure that was foreseen: the circumstances that the part concerned noted down. What was not
// foreseen is told by cause fields.

import { type Circumstance, circumstanceOf, type ExchangeError } from "../exchange/errors.ts";
import type { Fields } from "./log.ts";

export function circumstanceFields(failure: ExchangeError | undefined): Fields {
  const circumstance = circumstanceOf(failure);
  return circumstance === undefined ? {} : fieldsOf(circumstance);
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
