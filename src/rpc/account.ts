// An account → the message.

import { create } from "@bufbuild/protobuf";
import { type Account as AccountMessage, AccountSchema } from "../../gen/cambio/v1/account_pb.ts";
import type { OwnedAccount } from "../exchange/account.ts";

export function encodeAccount({ account, subject, provider }: OwnedAccount): AccountMessage {
  return create(AccountSchema, { id: subject, provider, ...account });
}
