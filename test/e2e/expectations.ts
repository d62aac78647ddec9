// From a row of the protocol tables to what must come back, in each of the forms in which it can.

import type { JsonObject } from "@bufbuild/protobuf";
import { expect } from "vitest";
import { errorTable } from "../../src/rpc/error-table.ts";
import { expectedErrors } from "./expected-errors.ts";
import type { Case } from "./protocol-case.ts";
import type { World } from "./protocol-world.ts";

export function expectedAnswer({ expected }: Case, world: World, showsStatus: boolean): object {
  if (typeof expected === "function") return { kind: "ok", message: expected(world) };
  const { code, http } = expectedErrors[expected];
  return { kind: "failed", code, message: errorTable[expected].sentence, ...(showsStatus ? { httpStatus: http } : {}) };
}

export function expectedDetails({ expected, expiredAt, field: meant }: Case, world: World, requestId: string): readonly object[] {
  if (typeof expected === "function") return [];
  const { oauth, reauthenticate, retryAfter, field: usual } = expectedErrors[expected];
  const field = meant ?? usual;
  return [
    {
      reason: `ERROR_REASON_${expected}`,
      ...(field === undefined ? {} : { field: `ERROR_FIELD_${field}` }),
      oauthError: oauth,
      ...(expiredAt === undefined ? {} : { expiredAt: new Date(expiredAt(world) * 1000).toISOString().replace(".000Z", "Z") }),
      ...(retryAfter === "always" ? { retryAfter: expect.stringMatching(/^(?!0s)\d+(\.\d+)?s$/) } : {}),
      ...(reauthenticate === true ? { reauthenticate } : {}),
      requestId,
    },
  ];
}

export function withoutUncertainWait({ retryAfter, ...detail }: JsonObject, expected: Case["expected"]): JsonObject {
  const uncertain = typeof expected === "string" && expectedErrors[expected].retryAfter === "sometimes";
  return retryAfter === undefined || uncertain ? detail : { ...detail, retryAfter };
}

export function expectedOnRoute(expected: Case["expected"], requestId: string | null): object {
  if (typeof expected === "function") {
    const body = {
      access_token: expect.any(String),
      token_type: "Bearer",
      expires_in: 3600,
      refresh_token: expect.stringMatching(/^cambio_rt_/),
    };
    return { status: 200, body };
  }
  const { http, plain = http, oauth } = expectedErrors[expected];
  return {
    status: plain,
    body: { error: oauth, error_description: errorTable[expected].sentence, reason: expected, request_id: requestId },
  };
}
