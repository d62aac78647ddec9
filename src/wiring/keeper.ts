// Part of the composition root: the keeper of connections, how it asks providers, and what log, metrics and audit trail hear of it.

import { randomUUID } from "node:crypto";
import type { ProviderConfiguration } from "../config/schema.ts";
import { ExchangeError } from "../exchange/errors.ts";
import type { Database } from "../store/database.ts";
import { circumstanceFields } from "../telemetry/circumstances.ts";
import { causeFields } from "../telemetry/log.ts";
import { createKeeper, type Keeper, type KeeperEvents } from "../vault/keeper.ts";
import type { Sender } from "../vault/provider-keeper.ts";
import type { Vault } from "../vault/vault.ts";
import type { StorageParts } from "./parts.ts";
import type { WiredProvider } from "./provider.ts";
import { wireWebhook } from "./webhook.ts";

export function wireKeeper(parts: StorageParts, database: Database, vault: Pick<Vault, "tokensOf" | "ends">): Keeper {
  const { configuration, clock, background } = parts;
  const webhook = wireWebhook(configuration.vault.webhook, parts);
  const keeper = createKeeper(
    {
      database,
      vault,
      clock,
      holder: randomUUID(),
      providers: background?.providers ?? (() => []),
      senderOf: background?.senderOf ?? (() => undefined),
      tell: webhook === undefined ? undefined : (connection) => webhook.tell(connection),
    },
    eventsOf(parts),
  );
  let closing: Promise<void> | undefined;

  async function end(): Promise<void> {
    await keeper.close();
    await webhook?.close();
  }

  return {
    start: () => keeper.start(),
    // Before the providers are closed, and once more with the vault where they never were there.
    close: () => (closing ??= end()),
  };
}

/** Undefined: it is not configured. */
export function senderAt(wired: WiredProvider | undefined, settings: ProviderConfiguration | undefined): Sender | undefined {
  if (wired === undefined || settings === undefined) return undefined;
  const { background: provider } = wired;
  return {
    issuer: provider.issuer,
    lostAnswer: provider.lostAnswer,
    perSecond: settings.refresh_rate,
    atOnce: settings.refresh_concurrency,
    async send(refreshToken, onSending) {
      const prepared = await provider.prepare(AbortSignal.timeout(settings.timeout));
      return prepared.refresh(refreshToken, { scopes: [], onSending });
    },
  };
}

function eventsOf({ log, metrics, audit }: Pick<StorageParts, "log" | "metrics" | "audit">): KeeperEvents {
  return {
    refreshed({ connection, outcome, failure }) {
      const { id, client_id: caller, provider } = connection;
      metrics.backgroundRefresh({ provider, outcome });
      audit.record({ kind: "outcome", method: "BackgroundRefresh", caller, provider, connection: id, reason: outcome });
      if (failure === undefined) return;
      const why = failure instanceof ExchangeError ? circumstanceFields(failure) : causeFields(failure);
      log.warn({ connection: id, client: caller, provider, reason: outcome, ...why }, "a connection was not refreshed");
    },
    lag: (provider, ms) => metrics.backgroundLag({ provider }, ms / 1_000),
    refused: (provider, pauseMs) =>
      log.warn(
        { provider, pause_seconds: pauseMs / 1_000 },
        "the provider turns down too many refreshes: it is left alone for some time, or it might ban this service",
      ),
    told(outcome, { id, client_id: client, provider }) {
      metrics.webhook({ outcome });
      const facts = { connection: id, client, provider };
      if (outcome === "given_up") log.error(facts, "the webhook did not take word of a connection for a day: it is not told any more");
    },
    failed(work, failure) {
      const why = failure instanceof ExchangeError ? circumstanceFields(failure) : causeFields(failure);
      log.warn({ work, ...why }, "work in the background failed: it is tried again");
    },
  };
}
