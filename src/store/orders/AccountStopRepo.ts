import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Option, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import { Mode } from "../../domain/orders/OrderMessage.ts"
import * as StrategyLimits from "../../domain/orders/StrategyLimits.ts"
import { BigIntColumn, NumericColumn, TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as Outbox from "./Outbox.ts"
import * as StopTasks from "./StopTasks.ts"
import * as TaskNames from "./TaskNames.ts"

const Action = Schema.Literal(...StrategyLimits.actions)

/** An account whose loss is compared with its limit, because reaching the limit stops the account. */
const Watched = Schema.Struct({ mode: Mode, maxDailyLoss: NumericColumn })

const Stop = Schema.Struct({
  stopId: BigIntColumn,
  mode: Mode,
  action: Action,
  reason: Schema.String,
  profit: NumericColumn,
  maxDailyLoss: NumericColumn,
  stoppedAt: TimeColumn,
  status: Schema.NullOr(Schema.Literal("running", "done", "incomplete", "released")),
  message: Schema.NullOr(Schema.String),
  rounds: Schema.NullOr(Schema.Int),
  updatedAt: Schema.NullOr(TimeColumn)
})
/** An open stop. The fields from `status` on say how far the positions are closed; they are null with the action `block`. */
export type Stop = typeof Stop.Type

const makeReads = (sql: SqlClient.SqlClient) => {
  const watched = SqlSchema.findOne({
    Request: Schema.String,
    Result: Watched,
    execute: (accountId) => sql`SELECT mode, max_daily_loss AS "maxDailyLoss" FROM order_accounts a
      WHERE account_id = ${accountId} AND max_daily_loss IS NOT NULL AND loss_action IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM account_stops p WHERE p.account_id = a.account_id AND p.released_at IS NULL)`
  })
  const open = SqlSchema.findOne({
    Request: Schema.String,
    Result: Stop,
    execute: (accountId) => sql`SELECT p.stop_id AS "stopId", p.mode, p.action, p.reason, p.profit, p.max_daily_loss AS "maxDailyLoss",
        p.stopped_at AS "stoppedAt", q.status, q.message, q.rounds, q.updated_at AS "updatedAt"
      FROM account_stops p LEFT JOIN account_square_offs q USING (stop_id) WHERE p.account_id = ${accountId} AND p.released_at IS NULL`
  })
  return { watched, open } as const
}

const makeChanges = (sql: SqlClient.SqlClient) => {
  const { event, line } = Outbox.writes(sql)
  const cancelTasks = StopTasks.cancel(sql)
  const announce = (accountId: string, who: string, what: string, message: string, detail: object) =>
    Effect.zipRight(
      event({ accountId, taskId: null, kind: "account_stop", body: { message, detail } }),
      line({ accountId, taskId: null, who, what, detail: { ...detail, message } })
    )

  /** If several processes try to stop the account, the unique index of open stops lets only one succeed. */
  const stop = (accountId: string, mode: Mode, profit: Money.Decimal, who: string) =>
    Effect.gen(function* () {
      const text = Money.format(profit)
      const rows = yield* sql<{ readonly id: string; readonly action: StrategyLimits.Action; readonly reason: string }>`
        INSERT INTO account_stops (account_id, mode, action, reason, profit, max_daily_loss)
        SELECT account_id, mode, loss_action, 'its profit of ' || ${text}::text || ' today has reached the limit of its loss, '
          || trim_scale(max_daily_loss)::text, ${text}::numeric, max_daily_loss
        FROM order_accounts WHERE account_id = ${accountId} AND mode = ${mode} AND loss_action IS NOT NULL
          AND max_daily_loss <= -(${text}::numeric) FOR UPDATE
        ON CONFLICT (account_id) WHERE released_at IS NULL DO NOTHING RETURNING stop_id AS id, action, reason`
      const [fired] = rows
      if (fired === undefined) return undefined
      const { action, reason } = fired
      const stopId = Number(fired.id)
      if (action === "square_off")
        yield* sql`INSERT INTO account_square_offs (stop_id, account_id, mode, status) VALUES (${stopId}, ${accountId}, ${mode}, 'running')`
      const detail = { stop_id: stopId, action, state: "stopped", mode }
      yield* announce(accountId, who, "account stopped", `the account is stopped: ${reason}`, detail)
      return { stopId, action, reason }
    }).pipe(Postgres.transaction(sql))

  const askRelease = (accountId: string, token: string, untilMs: number, who: string) =>
    Effect.gen(function* () {
      const rows = yield* sql`UPDATE account_stops SET release_token = ${token},
          release_until = ${IndiaTime.isoTime(untilMs)}::timestamptz
        WHERE account_id = ${accountId} AND released_at IS NULL RETURNING stop_id`
      if (rows.length > 0) yield* line({ accountId, taskId: null, who, what: "release of the account's stop asked", detail: {} })
      return rows.length > 0
    }).pipe(Postgres.transaction(sql))
  const release = (accountId: string, token: string, nowMs: number, who: string) =>
    Effect.gen(function* () {
      const rows = yield* sql<{ readonly id: string; readonly action: StrategyLimits.Action; readonly mode: Mode }>`UPDATE account_stops
        SET released_at = now(), released_by = ${who} WHERE account_id = ${accountId} AND released_at IS NULL AND release_token = ${token}
          AND release_until > ${IndiaTime.isoTime(nowMs)}::timestamptz RETURNING stop_id AS id, action, mode`
      const [released] = rows
      if (released === undefined) return false
      const stopId = Number(released.id)
      yield* sql`UPDATE account_square_offs SET status = 'released', revision = revision + 1, updated_at = now()
        WHERE stop_id = ${stopId} AND status <> 'done'`
      yield* cancelTasks({ stopId: TaskNames.accountStopId(stopId), accounts: [accountId] }, who)
      const detail = { stop_id: stopId, action: released.action, state: "released", mode: released.mode }
      yield* announce(accountId, who, "account's stop released", "the account may open positions again", detail)
      return true
    }).pipe(Postgres.transaction(sql))
  return { stop, askRelease, release } as const
}

/** Stops of accounts because of a day's loss. Every change writes its event and its line of the audit. */
export class AccountStopRepo extends Effect.Service<AccountStopRepo>()("store/orders/AccountStopRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { open, watched } = makeReads(sql)
    const { askRelease, release, stop } = makeChanges(sql)
    const run = <A, E>(name: string, self: Effect.Effect<A, E>) =>
      StoreError.guardRead(self).pipe(Effect.withSpan(`AccountStopRepo.${name}`))
    return {
      /** Undefined if a loss does not stop the account, or if it is already stopped. */
      watched: (accountId: string) => run("watched", Effect.map(watched(accountId), Option.getOrUndefined)),
      /** The account's stop that is not released; undefined if there is none. */
      open: (accountId: string) => run("open", Effect.map(open(accountId), Option.getOrUndefined)),
      /**
       * Stops an account whose profit of today has reached its limit. Undefined, without a change, if the limit or the mode has changed
       * meanwhile, or if another process has stopped the account.
       */
      stop: (accountId: string, mode: Mode, profit: Money.Decimal, who: string) => run("stop", stop(accountId, mode, profit, who)),
      /** The first step of a release. False if the account is not stopped. */
      askRelease: (accountId: string, token: string, untilMs: number, who: string) =>
        run("askRelease", askRelease(accountId, token, untilMs, who)),
      /**
       * The second step. False if the token is wrong or too old. Closing orders that were not sent are cancelled, and no further ones are
       * made.
       */
      release: (accountId: string, token: string, nowMs: number, who: string) => run("release", release(accountId, token, nowMs, who))
    } as const
  })
}) {}
