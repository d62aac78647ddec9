// What a webhook is told of a connection that needs its user, signed as Standard Webhooks says (standardwebhooks.com): HMAC-SHA-256 over
// id, timestamp and body. The id stays the same over all attempts, so that whoever is told twice can tell.

import { createHmac } from "node:crypto";
import type { Secret } from "../exchange/secret.ts";
import type { UntoldConnection } from "../store/due-connections.ts";

export interface WebhookMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** @param nowMs of this attempt, epoch milliseconds */
export function webhookMessage(connection: UntoldConnection, secret: Secret, nowMs: number): WebhookMessage {
  // A connection ends once.
  const id = `evt_${connection.id}`;
  const timestamp = String(Math.floor(nowMs / 1_000));
  const body = JSON.stringify({
    type: "connection.reauthentication_required",
    id,
    time: new Date(connection.ended_at).toISOString(),
    connection_id: connection.id,
    client_id: connection.client_id,
    provider: connection.provider,
    account_id: connection.account_id,
    reason: connection.ended_reason,
  });
  const signature = createHmac("sha256", secret.reveal()).update(`${id}.${timestamp}.${body}`).digest("base64");
  return {
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${signature}`,
    },
    body,
  };
}
