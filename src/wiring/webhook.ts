// Part of the composition root: the webhook that is told of connections which need their user, where one is configured. It goes out by the
// same guarded client as everything else, to the configured origin only.

import type { Configuration } from "../config/schema.ts";
import { createHttpClient } from "../net/http-client.ts";
import { HttpFailure } from "../net/http-failure.ts";
import { createProviderGuard } from "../net/provider-guard.ts";
import type { UntoldConnection } from "../store/due-connections.ts";
import { webhookMessage } from "../vault/webhook-message.ts";
import type { Observers } from "./parts.ts";

const limitMs = 5_000;
/** What it answers is not read. */
const maxBodyBytes = 64 * 1024;

export interface WiredWebhook {
  /** False: it did not say that it has taken it. */
  tell(connection: UntoldConnection): Promise<boolean>;
  close(): Promise<void>;
}

export function wireWebhook(
  settings: Configuration["vault"]["webhook"],
  observers: Pick<Observers, "clock" | "log">,
): WiredWebhook | undefined {
  if (settings === undefined) return undefined;
  const { url, secret } = settings;
  const { clock, log } = observers;
  const http = createHttpClient({
    allowedOrigins: new Set([new URL(url).origin]),
    allowHttp: false,
    provider: "webhook",
    timeoutMs: limitMs,
    clock,
    guard: createProviderGuard({ clock, random: Math.random }),
  });

  function failed({ id: connection, provider }: UntoldConnection, how: { readonly status?: number; readonly code?: string }): false {
    log.warn({ connection, provider, ...how }, "the webhook did not take word of a connection: it is told again");
    return false;
  }

  return {
    async tell(connection) {
      const message = webhookMessage(connection, secret, clock());
      try {
        const { ok, status } = await http.send({ endpoint: "webhook", method: "POST", url, maxBodyBytes, ...message });
        return ok || failed(connection, { status });
      } catch (failure) {
        return failed(connection, { code: failure instanceof HttpFailure ? failure.code : "UNEXPECTED" });
      }
    },
    close: () => http.close(),
  };
}
