import * as SqlClient from "@effect/sql/SqlClient"
import { Data, Effect, Layer, Schedule } from "effect"
import { migration as apiKeys } from "./migrations/keys/M0026ApiKeys.ts"
import { migration as keyEnds } from "./migrations/keys/M0037KeyEnds.ts"
import { migration as instruments } from "./migrations/M0001Instruments.ts"
import { migration as subscriptions } from "./migrations/M0002Subscriptions.ts"
import { migration as strategies } from "./migrations/M0003Strategies.ts"
import { migration as strategyCandles } from "./migrations/M0004StrategyCandles.ts"
import { migration as strategyFills } from "./migrations/M0005StrategyFills.ts"
import { migration as bars } from "./migrations/M0006Bars.ts"
import { migration as instrumentRefusals } from "./migrations/M0007InstrumentRefusals.ts"
import { migration as candleProfits } from "./migrations/M0008CandleProfits.ts"
import { migration as settlements } from "./migrations/M0009Settlements.ts"
import { migration as subscriptionWindows } from "./migrations/M0010SubscriptionWindows.ts"
import { migration as brokerPrices } from "./migrations/M0011BrokerPrices.ts"
import { migration as calendarEntries } from "./migrations/M0012CalendarEntries.ts"
import { migration as corporateActions } from "./migrations/M0013CorporateActions.ts"
import { migration as settlementsByHand } from "./migrations/M0014SettlementsByHand.ts"
import { migration as incompleteBars } from "./migrations/M0015IncompleteBars.ts"
import { migration as barsByName } from "./migrations/M0016BarsByName.ts"
import { migration as corporateActionChanges } from "./migrations/M0017CorporateActionChanges.ts"
import { migration as indicatorSubscriptions } from "./migrations/M0019IndicatorSubscriptions.ts"
import { migration as accounts } from "./migrations/M0023Accounts.ts"
import { migration as chainMinutes } from "./migrations/M0024ChainMinutes.ts"
import { migration as labels } from "./migrations/M0025Labels.ts"
import { migration as backfills } from "./migrations/M0028Backfills.ts"
import { migration as alerts } from "./migrations/M0029Alerts.ts"
import type { Migration } from "./migrations/Migration.ts"
import { migration as orders } from "./migrations/orders/M0018Orders.ts"
import { migration as orderSweeps } from "./migrations/orders/M0020OrderSweeps.ts"
import { migration as paperOrders } from "./migrations/orders/M0021PaperOrders.ts"
import { migration as accountState } from "./migrations/orders/M0022AccountState.ts"
import { migration as bookings } from "./migrations/orders/M0027Bookings.ts"
import { migration as gtt } from "./migrations/orders/M0030Gtt.ts"
import { migration as compensations } from "./migrations/orders/M0031Compensations.ts"
import { migration as strategyLimits } from "./migrations/orders/M0032StrategyLimits.ts"
import { migration as accountStops } from "./migrations/orders/M0034AccountStops.ts"
import { migration as orderIndexes } from "./migrations/orders/M0035OrderIndexes.ts"
import { migration as rowSecurity } from "./migrations/owners/M0033RowSecurity.ts"
import { migration as accountStopRows } from "./migrations/owners/M0036AccountStopRows.ts"
import * as RowSecurity from "./owners/RowSecurity.ts"
import * as Postgres from "./Postgres.ts"
import * as StoreError from "./StoreError.ts"

/** Every step of the schema, in order. A released step is never edited: add a new step instead. */
export const all: ReadonlyArray<Migration> = [
  instruments,
  subscriptions,
  strategies,
  strategyCandles,
  strategyFills,
  bars,
  instrumentRefusals,
  candleProfits,
  settlements,
  subscriptionWindows,
  brokerPrices,
  calendarEntries,
  corporateActions,
  settlementsByHand,
  incompleteBars,
  barsByName,
  corporateActionChanges,
  orders,
  indicatorSubscriptions,
  orderSweeps,
  paperOrders,
  accountState,
  accounts,
  chainMinutes,
  labels,
  apiKeys,
  bookings,
  backfills,
  alerts,
  gtt,
  compensations,
  strategyLimits,
  rowSecurity,
  accountStops,
  orderIndexes,
  accountStopRows,
  keyEnds
]

/** A step failed and was rolled back completely, or the database is newer than this program. */
export class MigrationFailed extends Data.TaggedError("MigrationFailed")<{ readonly step: string; readonly cause: unknown }> {
  override get message(): string {
    const reason = Postgres.reasonOf(this.cause)
    const advice = /permission denied|must be owner/.test(reason) ? "; let the user of DATABASE_URL own its database" : ""
    return `Database migration ${this.step} failed: ${reason}${advice}`
  }
}
type Failure = MigrationFailed | Postgres.DatabaseNotReachable | Postgres.DatabaseTooOld
class Busy extends Data.TaggedError("Busy") {
  override get message(): string {
    return "another instance holds the migration lock"
  }
}

export interface Step {
  readonly id: number
  readonly name: string
  readonly appliedAt: Date | null
}

/** The key of the advisory lock. Any number that no other program uses in this database is right. */
const lockKey = 8_106_202_601
/** How long to wait for another instance's step before giving up: 600 x 100 ms. */
const lockAttemptsMax = 600
const whileBusy = Schedule.intersect(Schedule.spaced("100 millis"), Schedule.recurs(lockAttemptsMax))

const journal =
  "CREATE TABLE IF NOT EXISTS schema_migrations (id int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"

interface JournalRow {
  readonly id: number
  readonly applied_at: Date
}

/** Adds a message for the operator to each failure. */
const failuresNamed =
  (step: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    StoreError.guard(effect).pipe(
      Effect.catchAllDefect((cause) => Effect.fail(new MigrationFailed({ step, cause }))),
      Effect.mapError((error) => {
        if (error instanceof MigrationFailed || error instanceof Postgres.DatabaseTooOld) return error
        return error instanceof StoreError.StoreUnavailable && error.isConnection
          ? Postgres.notReachable(error.cause)
          : new MigrationFailed({ step, cause: error })
      })
    )

/** Runs one step in one transaction under a lock. If two instances start together, the second one waits and finds the work done. */
const locked = <A, E>(step: string, effect: (sql: SqlClient.SqlClient, applied: ReadonlyMap<number, Date>) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const body = Effect.gen(function* () {
      yield* Postgres.refuseOld(sql)
      const [lock] = yield* sql<{ readonly held: boolean }>`SELECT pg_try_advisory_xact_lock(${lockKey}) AS held`
      if (lock?.held !== true) return yield* new Busy()
      // A step may rewrite a large table. The URL's statement timeout is meant for requests.
      yield* sql`SET LOCAL statement_timeout = 0`
      yield* sql.unsafe(journal)
      const rows = yield* sql<JournalRow>`SELECT id, applied_at FROM schema_migrations`
      return yield* effect(sql, new Map(rows.map((row) => [row.id, row.applied_at])))
    })
    return yield* Postgres.transaction(sql)(body)
  }).pipe(Effect.retry({ schedule: whileBusy, while: (error) => error instanceof Busy }), failuresNamed(step))

const label = (step: Migration): string => `${step.id} (${step.name})`

const upOne = (step: Migration) =>
  locked(label(step), (sql, applied) =>
    Effect.gen(function* () {
      if (applied.has(step.id)) return false
      yield* sql.unsafe(step.up)
      yield* sql`INSERT INTO schema_migrations (id, name) VALUES (${step.id}, ${step.name})`
      return true
    })
  )

const downOne = (step: Migration) =>
  locked(label(step), (sql, applied) =>
    Effect.gen(function* () {
      if (!applied.has(step.id)) return false
      yield* sql.unsafe(step.down)
      yield* sql`DELETE FROM schema_migrations WHERE id = ${step.id}`
      return true
    })
  )

/** Runs the steps in order and returns the ids of those that changed something. Effect.filter would run them in reverse. */
const inOrder = <E, R>(steps: ReadonlyArray<Migration>, run: (step: Migration) => Effect.Effect<boolean, E, R>) =>
  Effect.forEach(steps, (step) => Effect.map(run(step), (ran) => (ran ? [step.id] : []))).pipe(Effect.map((ids) => ids.flat()))

const knownIds = new Set(all.map((step) => step.id))

/** The steps and when each was applied to this database. */
export const status: Effect.Effect<ReadonlyArray<Step>, Failure, SqlClient.SqlClient> = locked("status", (_sql, applied) =>
  Effect.succeed(all.map(({ id, name }) => ({ id, name, appliedAt: applied.get(id) ?? null })))
)

/** The steps that this database lacks. */
const missing = locked("check", (_sql, applied) => {
  const unknown = [...applied.keys()].filter((id) => !knownIds.has(id))
  return unknown.length === 0
    ? Effect.succeed(all.filter((step) => !applied.has(step.id)))
    : Effect.fail(
        new MigrationFailed({
          step: unknown.join(", "),
          cause: new Error("the database was migrated by a newer version of this program; start that version")
        })
      )
})

/**
 * Applies the missing steps in order, and returns the applied ids. Several instances may run it at once, because each step checks again
 * under its lock.
 */
export const up: Effect.Effect<ReadonlyArray<number>, Failure, SqlClient.SqlClient> = Effect.flatMap(missing, (steps) =>
  inOrder(steps, upOne)
).pipe(
  Effect.tap((ids) => (ids.length === 0 ? Effect.void : Effect.logInfo("database migrated").pipe(Effect.annotateLogs({ steps: ids })))),
  Effect.withSpan("Migrations.up")
)

/**
 * Undoes every step after `toVersion`, the last first, and returns the undone ids. The rows stay in the schema `retired` until `up` takes
 * them back.
 */
export const down = (toVersion: number): Effect.Effect<ReadonlyArray<number>, Failure, SqlClient.SqlClient> =>
  Effect.withSpan(inOrder(all.filter((step) => step.id > toVersion).toReversed(), downOne), "Migrations.down")

/** Applies the missing steps. When this layer is built, the schema is complete and row security is in force. */
export const Migrated: Layer.Layer<never, Failure | RowSecurity.RowSecurityNotReady, SqlClient.SqlClient> = Layer.effectDiscard(
  Effect.zipRight(up, RowSecurity.check)
)
