import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import { Mode } from "../../domain/orders/OrderMessage.ts"
import * as StrategyLimits from "../../domain/orders/StrategyLimits.ts"
import { NumericColumn, TimeColumn } from "../Columns.ts"
import * as Prepared from "../owners/Prepared.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as Outbox from "./Outbox.ts"
import * as TaskNames from "./TaskNames.ts"

/** The scope of a stop of all accounts. No account id looks like it. */
export const everyAccount = "*"

const limits = {
  maxOrderValue: Schema.NullOr(NumericColumn),
  maxPositionLots: Schema.NullOr(Schema.Int),
  maxTotalLots: Schema.NullOr(Schema.Int),
  maxDailyLoss: Schema.NullOr(NumericColumn),
  /** What a loss of the limit does; null if it only refuses orders while it lasts. */
  lossAction: Schema.NullOr(Schema.Literal(...StrategyLimits.actions)),
  maxOrdersPerDay: Schema.NullOr(Schema.Int),
  priceBandPercent: Schema.NullOr(NumericColumn),
  duplicateWindowMs: Schema.NullOr(Schema.Int)
}
export const Limits = Schema.Struct(limits)
export type Limits = typeof Limits.Type
/** The columns of `Limits` in order_accounts. */
export const limitColumns = `max_order_value AS "maxOrderValue", max_position_lots AS "maxPositionLots", max_total_lots AS "maxTotalLots",
  max_daily_loss AS "maxDailyLoss", loss_action AS "lossAction",
  max_orders_per_day AS "maxOrdersPerDay", price_band_percent AS "priceBandPercent", duplicate_window_ms AS "duplicateWindowMs"`
/** The stop comes as JSON, in which times are text. */
const Stop = Schema.Struct({
  scope: Schema.String,
  reason: Schema.String,
  stoppedBy: Schema.String,
  stoppedAt: Schema.Date,
  releaseToken: Schema.NullOr(Schema.String),
  releaseUntil: Schema.NullOr(Schema.Date)
})
export type Stop = typeof Stop.Type
const Stopped = Schema.Struct({ stop: Schema.NullOr(Stop) })
/** `mode` is null for an account without a row. */
const Settings = Schema.Struct({ mode: Schema.NullOr(Mode), sweptAt: Schema.NullOr(TimeColumn), ...limits, ...Stopped.fields })

export interface AccountSettings {
  readonly mode: Mode
  readonly limits: Limits
  /** The newest stop of the account or of all accounts; null if orders may be sent. */
  readonly stop: Stop | null
  /** The newest stop whose open orders were found and their cancellations saved. */
  readonly sweptAt: Date | null
}

const text = (value: Money.Decimal | null): string | null => (value === null ? null : Money.format(value))
const encodeLimits = Schema.encodeSync(Limits)

const makeReads = (sql: SqlClient.SqlClient) => {
  const newestStop = (accountId: string) => sql`(SELECT row_to_json(newest) FROM (
    SELECT scope, reason, stopped_by AS "stoppedBy", stopped_at AS "stoppedAt", release_token AS "releaseToken", release_until AS "releaseUntil"
    FROM order_stops WHERE scope IN (${accountId}, ${everyAccount}) ORDER BY stopped_at DESC LIMIT 1) AS newest)`
  const settings = SqlSchema.single({
    Request: Schema.String,
    Result: Settings,
    execute: (accountId) => sql`SELECT mode, ${sql.literal(limitColumns)}, swept_at AS "sweptAt", ${newestStop(accountId)} AS stop
      FROM (SELECT 1) AS always LEFT JOIN order_accounts ON account_id = ${accountId}`
  })
  const stop = SqlSchema.single({
    Request: Schema.String,
    Result: Stopped,
    execute: (accountId) => sql`SELECT ${newestStop(accountId)} AS stop`
  })
  return {
    settings: (accountId: string) =>
      Effect.map(
        settings(accountId),
        ({ mode, stop, sweptAt, ...limits }): AccountSettings =>
          // An account without a row was never switched to live.
          ({ mode: mode ?? "paper", limits, stop, sweptAt })
      ),
    stop: (accountId: string) => Effect.map(stop(accountId), ({ stop }) => stop)
  } as const
}

const makeChanges = (sql: SqlClient.SqlClient) => {
  const { event, line } = Outbox.writes(sql)
  const announce = (accountId: string, who: string, kind: string, message: string, detail: unknown) =>
    Effect.zipRight(
      event({ accountId, taskId: null, kind, body: { message, detail } }),
      line({ accountId, taskId: null, who, what: kind, detail })
    )
  const setMode = (accountId: string, mode: Mode, who: string) =>
    Effect.zipRight(
      sql`INSERT INTO order_accounts (account_id, mode) VALUES (${accountId}, ${mode})
        ON CONFLICT (account_id) DO UPDATE SET mode = excluded.mode, updated_at = now()`,
      announce(accountId, who, "mode", `the account is in ${mode} mode`, { mode })
    ).pipe(Postgres.transaction(sql))
  const setLimits = (accountId: string, it: Limits, who: string) =>
    Effect.zipRight(
      sql`INSERT INTO order_accounts (account_id, max_order_value, max_position_lots, max_total_lots, max_daily_loss, loss_action,
          max_orders_per_day, price_band_percent, duplicate_window_ms)
        VALUES (${accountId}, ${text(it.maxOrderValue)}::numeric, ${it.maxPositionLots}, ${it.maxTotalLots},
          ${text(it.maxDailyLoss)}::numeric, ${it.lossAction}, ${it.maxOrdersPerDay}, ${text(it.priceBandPercent)}::numeric,
          ${it.duplicateWindowMs})
        ON CONFLICT (account_id) DO UPDATE SET max_order_value = excluded.max_order_value, max_position_lots = excluded.max_position_lots,
          max_total_lots = excluded.max_total_lots, max_daily_loss = excluded.max_daily_loss,
          loss_action = excluded.loss_action, max_orders_per_day = excluded.max_orders_per_day,
          price_band_percent = excluded.price_band_percent, duplicate_window_ms = excluded.duplicate_window_ms, updated_at = now()`,
      announce(accountId, who, "limits", "the account's limits changed", encodeLimits(it))
    ).pipe(Postgres.transaction(sql))

  const announceAll = (accounts: ReadonlyArray<string>, who: string, kind: string, message: string, detail: unknown) =>
    Effect.forEach(accounts, (accountId) => announce(accountId, who, kind, message, detail), { discard: true })
  const stopped = SqlSchema.single({
    Request: Schema.Struct({ scope: Schema.String, reason: Schema.String, who: Schema.String }),
    Result: Schema.Struct({ stoppedAt: TimeColumn }),
    execute: ({ reason, scope, who }) => sql`INSERT INTO order_stops (scope, reason, stopped_by) VALUES (${scope}, ${reason}, ${who})
        ON CONFLICT (scope) DO UPDATE SET reason = excluded.reason, stopped_by = excluded.stopped_by, stopped_at = now(),
          release_token = NULL, release_until = NULL RETURNING stopped_at AS "stoppedAt"`
  })
  /** Stopping again ends a release that waits for its second step. */
  const stop = (scope: string, accounts: ReadonlyArray<string>, reason: string, who: string) =>
    Effect.gen(function* () {
      const { stoppedAt } = yield* stopped({ scope, reason, who })
      yield* announceAll(accounts, who, "killed", `orders are stopped: ${reason}`, { scope, reason })
      return stoppedAt
    }).pipe(Postgres.transaction(sql))
  const swept = (accountId: string, stoppedAt: Date) =>
    Effect.zipRight(
      sql`INSERT INTO order_accounts (account_id, swept_at) VALUES (${accountId}, ${stoppedAt.toISOString()}::timestamptz)
        ON CONFLICT (account_id) DO UPDATE SET swept_at = greatest(order_accounts.swept_at, excluded.swept_at)`,
      line({ accountId, taskId: null, who: TaskNames.stopOwner, what: "swept", detail: { stopped_at: stoppedAt.toISOString() } })
    ).pipe(Postgres.transaction(sql))
  const askRelease = (scope: string, token: string, untilMs: number, who: string) =>
    Effect.gen(function* () {
      const rows = yield* sql`UPDATE order_stops SET release_token = ${token}, release_until = ${IndiaTime.isoTime(untilMs)}::timestamptz
        WHERE scope = ${scope} RETURNING scope`
      if (rows.length > 0) yield* line({ accountId: scope, taskId: null, who, what: "release asked", detail: {} })
      return rows.length > 0
    }).pipe(Postgres.transaction(sql))
  const release = (scope: string, accounts: ReadonlyArray<string>, token: string, nowMs: number, who: string) =>
    Effect.gen(function* () {
      const rows = yield* sql`DELETE FROM order_stops WHERE scope = ${scope} AND release_token = ${token}
        AND release_until > ${IndiaTime.isoTime(nowMs)}::timestamptz RETURNING scope`
      if (rows.length > 0) yield* announceAll(accounts, who, "released", "orders may be sent again", { scope })
      return rows.length > 0
    }).pipe(Postgres.transaction(sql))
  return { setMode, setLimits, stop, swept, askRelease, release } as const
}

/** The settings of each account's orders: its mode, its limits, and its stop. Every change writes its event and its line of the audit. */
export class OrderAccounts extends Effect.Service<OrderAccounts>()("store/orders/OrderAccounts", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const reads = makeReads(sql)
    const { askRelease, release, setLimits, setMode, stop, swept } = makeChanges(sql)
    return {
      /** An account without settings is in paper mode and has no limits. */
      settings: (accountId: string) =>
        StoreError.guardRead(Prepared.kept(reads.settings(accountId))).pipe(Effect.withSpan("OrderAccounts.settings")),
      /** The newest stop of the account or of all accounts; null if orders may be sent. */
      stopOf: (accountId: string) =>
        StoreError.guardRead(Prepared.kept(reads.stop(accountId))).pipe(Effect.withSpan("OrderAccounts.stopOf")),
      setMode: (accountId: string, mode: Mode, who: string) =>
        StoreError.guard(setMode(accountId, mode, who)).pipe(Effect.asVoid, Effect.withSpan("OrderAccounts.setMode")),
      setLimits: (accountId: string, limits: Limits, who: string) =>
        StoreError.guard(setLimits(accountId, limits, who)).pipe(Effect.asVoid, Effect.withSpan("OrderAccounts.setLimits")),
      /** `scope` is an account or `everyAccount`; `accounts` are the accounts that it stops. Returns when the stop began. */
      stop: (scope: string, accounts: ReadonlyArray<string>, reason: string, who: string) =>
        StoreError.guardRead(stop(scope, accounts, reason, who)).pipe(Effect.withSpan("OrderAccounts.stop")),
      /** Notes that the account's open orders were found after this stop, and that their cancellations are saved. */
      swept: (accountId: string, stoppedAt: Date) =>
        StoreError.guard(swept(accountId, stoppedAt)).pipe(Effect.asVoid, Effect.withSpan("OrderAccounts.swept")),
      /** The first step of a release. False if nothing is stopped. */
      askRelease: (scope: string, token: string, untilMs: number, who: string) =>
        StoreError.guardRead(askRelease(scope, token, untilMs, who)).pipe(Effect.withSpan("OrderAccounts.askRelease")),
      /** The second step of a release. False if the token is wrong or too old. */
      release: (scope: string, accounts: ReadonlyArray<string>, token: string, nowMs: number, who: string) =>
        StoreError.guardRead(release(scope, accounts, token, nowMs, who)).pipe(Effect.withSpan("OrderAccounts.release"))
    } as const
  })
}) {}
