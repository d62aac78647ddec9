// An account → the message.

import { create } from "@bufbuild/protobuf";
import { type Account as AccountMessage, AccountSchema } from "../../gen/cambio/v1/account_pb.ts";
import type { Account } from "../exchange/account.ts";

export interface OwnedAccount {
  readonly account: Account;
  /** `sub` of tokens that are issued here for it. */
  readonly subject: string;
  /** Configured name. */
  readonly provider: string;
}

export function encodeAccount({ account, subject, provider }: OwnedAccount): AccountMessage {
  return create(AccountSchema, { id: subject, provider, ...account });
}
