// The contract, implemented: which function answers which method, and what reflection tells of it.

import type { ServiceImpl } from "@connectrpc/connect";
import { file_cambio_v1_error } from "../../gen/cambio/v1/error_pb.ts";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { Authorize } from "../exchange/authorize.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { ExchangeSession } from "../exchange/exchange-session.ts";
import type { ExchangeToken } from "../exchange/exchange-token.ts";
import type { GetAccount } from "../exchange/get-account.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Refresh } from "../exchange/refresh.ts";
import type { RefreshConnection } from "../exchange/refresh-connection.ts";
import type { Validate } from "../exchange/validate.ts";
import type { Revoke } from "../exchange/revoke.ts";
import type { RevokeConnection } from "../exchange/revoke-connection.ts";
import type { Entrance } from "./caller.ts";
import { createAuthorizationUrlRpc } from "./create-authorization-url.ts";
import { createExchangeRpc } from "./exchange.ts";
import { createGetAccountRpc } from "./get-account.ts";
import { createRefreshRpc } from "./refresh.ts";
import { createRevokeRpc } from "./revoke.ts";
import { createValidateRpc } from "./validate-cross-client.ts";

export interface Operations {
  readonly exchange: Exchange;
  readonly exchangeToken: ExchangeToken;
  readonly exchangeSession: ExchangeSession;
  readonly refresh: Refresh;
  readonly validate: Validate;
  readonly authorize: Authorize;
  readonly revoke: Revoke;
  readonly refreshConnection: RefreshConnection;
  readonly revokeConnection: RevokeConnection;
  readonly getAccount: GetAccount;
}

export interface ContractDeps extends Operations {
  readonly entrance: Entrance;
  readonly clock: Clock;
  /** How long an unused refresh handle lasts. */
  readonly handleLifeMs: number;
}

/** The service of the contract, for the gate, for health and for reflection. */
export const contract = {
  service: TokenExchangeService,
  name: TokenExchangeService.typeName,
  /** Nothing imports the error details, but whoever reads the contract needs them. */
  further: [file_cambio_v1_error],
} as const;

export function implementTokenExchange(deps: ContractDeps): ServiceImpl<typeof TokenExchangeService> {
  return {
    exchange: createExchangeRpc(deps),
    refresh: createRefreshRpc(deps),
    validateCrossClient: createValidateRpc(deps),
    createAuthorizationUrl: createAuthorizationUrlRpc(deps),
    revoke: createRevokeRpc(deps),
    getAccount: createGetAccountRpc(deps),
  };
}
