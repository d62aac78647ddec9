// One rule of the configuration, as it applies to a question; and the rules that several kinds of question share.

import type { Client, ProviderGrant, ReportableRule } from "../exchange/clients.ts";
import type { CredentialField, Reason } from "../exchange/errors.ts";

export interface Rule {
  /** Its path in the configuration. */
  readonly path: string;
  readonly holds: boolean;
  /** Why it refuses where it does not hold. */
  readonly reason: Reason;
  readonly field?: CredentialField;
  readonly reportOnly?: boolean;
}

export function granted(path: string, grant: ProviderGrant | undefined): Rule {
  return { path, holds: grant !== undefined, reason: "CALLER_NOT_ALLOWED", field: "CALLER" };
}

export function reports(client: Client, rule: ReportableRule): boolean {
  return client.reportOnly.has(rule);
}
