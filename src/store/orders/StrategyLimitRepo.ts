import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Option, Schema } from "effect"
import { isIdentity } from "../../domain/Ids.ts"
import * as Money from "../../domain/Money.ts"
import type * as Exposure from "../../domain/orders/Exposure.ts"
import { Mode } from "../../domain/orders/OrderMessage.ts"
import * as StrategyLimits from "../../domain/orders/StrategyLimits.ts"
import { BigIntColumn, NumericColumn, TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as Outbox from "./Outbox.ts"
import * as StopTasks from "./StopTasks.ts"
import * as StrategyExposure from "./StrategyExposure.ts"

const Action = Schema.Literal(...StrategyLimits.actions)
const limits = {
  maxPositionLots: Schema.NullOr(Schema.Int),
  maxTotalLots: Schema.NullOr(Schema.Int),
  maxLoss: Schema.NullOr(NumericColumn),
  maxOrdersPerDay: Schema.NullOr(Schema.Int)
}
const Settings = Schema.Struct({ ...limits, action: Action })
export type Settings = typeof Settings.Type

const Stop = Schema.Struct({
  stopId: BigIntColumn,
  action: Action,
  reason: Schema.String,
  profit: NumericColumn,
  maxLoss: NumericColumn,
  stoppedAt: TimeColumn
})

/** How far the positions of a stopped strategy are closed in one account. */
const SquareOff = Schema.Struct({
  accountId: Schema.String,
  mode: Mode,
  status: Schema.Literal("running", "done", "incomplete", "released"),
  message: Schema.NullOr(Schema.String),
  rounds: Schema.Int,
  updatedAt: TimeColumn
})
export type SquareOff = typeof SquareOff.Type

const Watched = Schema.Struct({ strategyId: BigIntColumn, owner: Schema.String, maxLoss: NumericColumn })
/** A strategy whose marks are compared with its limit. */
export type Watched = typeof Watched.Type

const Head = Schema.Struct({ owner: Schema.String, ...limits, stopped: Schema.NullOr(Schema.String) })
const Account = Schema.Struct({ accountId: Schema.String, mode: Mode })

/** The order of a strategy that is about to be accepted or sent. `taskId` is 0 if there is no task yet. */
export interface Candidate {
  readonly strategyId: number
  readonly instrument: { readonly exchange: string; readonly tradingsymbol: string }
  readonly taskId: number
  readonly dayStartMs: number
}
/** All that the strategy's rules need to know besides its profit. */
export type Known = Omit<StrategyLimits.Situation, "profit" | "otherLots"> & {
  readonly owner: string
  /** The strategy's exposure in the instrument, or in every instrument if there is a limit of all lots. */
  readonly held: ReadonlyArray<Exposure.Held>
}

const text = (value: Money.Decimal | null): string | null => (value === null ? null : Money.format(value))
const encodeSettings = Schema.encodeSync(Settings)
/** The text in the audit's account column for changes that concern all accounts of a strategy. */
const auditOf = (strategyId: number): string => `strategy ${strategyId}`

const makeReads = (sql: SqlClient.SqlClient) => {
  const settings = SqlSchema.findOne({
    Request: Schema.Int,
    Result: Settings,
    execute: (strategyId) => sql`SELECT max_position_lots AS "maxPositionLots", max_total_lots AS "maxTotalLots",
      max_loss AS "maxLoss", max_orders_per_day AS "maxOrdersPerDay", action FROM strategy_limits WHERE strategy_id = ${strategyId}`
  })
  const stop = SqlSchema.findOne({
    Request: Schema.Int,
    Result: Stop,
    execute: (strategyId) => sql`SELECT stop_id AS "stopId", action, reason, profit, max_loss AS "maxLoss", stopped_at AS "stoppedAt"
      FROM strategy_stops WHERE strategy_id = ${strategyId} AND released_at IS NULL`
  })
  const squareOffs = SqlSchema.findAll({
    Request: Schema.Int,
    Result: SquareOff,
    execute: (stopId) => sql`SELECT account_id AS "accountId", mode, status, message, rounds, updated_at AS "updatedAt"
      FROM strategy_square_offs WHERE stop_id = ${stopId} ORDER BY account_id, mode`
  })
  const watched = SqlSchema.findAll({
    Request: Schema.Void,
    Result: Watched,
    execute: () => sql`SELECT l.strategy_id AS "strategyId", s.owner, l.max_loss AS "maxLoss" FROM strategy_limits l
      JOIN strategies s USING (strategy_id) WHERE l.max_loss IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM strategy_stops p WHERE p.strategy_id = l.strategy_id AND p.released_at IS NULL)`
  })
  const head = SqlSchema.findOne({
    Request: Schema.Int,
    Result: Head,
    execute: (strategyId) => sql`SELECT s.owner, l.max_position_lots AS "maxPositionLots",
        l.max_total_lots AS "maxTotalLots", l.max_loss AS "maxLoss", l.max_orders_per_day AS "maxOrdersPerDay", p.reason AS stopped
      FROM strategies s LEFT JOIN strategy_limits l USING (strategy_id)
        LEFT JOIN strategy_stops p ON p.strategy_id = s.strategy_id AND p.released_at IS NULL
      WHERE s.strategy_id = ${strategyId} AND (l.strategy_id IS NOT NULL OR p.stop_id IS NOT NULL)`
  })
  const view = (strategyId: number) =>
    Effect.gen(function* () {
      const own = Option.getOrUndefined(yield* settings(strategyId))
      const stopped = Option.getOrUndefined(yield* stop(strategyId))
      return { settings: own, stop: stopped, squareOffs: stopped === undefined ? [] : yield* squareOffs(stopped.stopId) }
    })
  return { view, head, watched } as const
}

const makeChanges = (sql: SqlClient.SqlClient) => {
  const { event, line } = Outbox.writes(sql)
  const cancelTasks = StopTasks.cancel(sql)
  const accountsOf = SqlSchema.findAll({
    Request: Schema.Int,
    Result: Account,
    execute: (strategyId) => sql`SELECT DISTINCT account_id AS "accountId", mode FROM order_tasks
      WHERE strategy_id = ${strategyId} AND kind = 'place' ORDER BY account_id, mode`
  })
  const audit = (strategyId: number, who: string, what: string, detail: unknown) =>
    line({ accountId: auditOf(strategyId), taskId: null, who, what, detail })
  /** Every account with orders of the strategy gets the event. */
  const announce = (accounts: ReadonlyArray<string>, message: string, detail: object) =>
    Effect.forEach(new Set(accounts), (accountId) => event({ accountId, taskId: null, kind: "strategy_stop", body: { message, detail } }), {
      discard: true
    })

  const set = (strategyId: number, it: Settings, who: string) =>
    Effect.zipRight(
      sql`INSERT INTO strategy_limits (strategy_id, max_position_lots, max_total_lots, max_loss, max_orders_per_day, action)
        VALUES (${strategyId}, ${it.maxPositionLots}, ${it.maxTotalLots}, ${text(it.maxLoss)}::numeric, ${it.maxOrdersPerDay}, ${it.action})
        ON CONFLICT (strategy_id) DO UPDATE SET max_position_lots = excluded.max_position_lots,
          max_total_lots = excluded.max_total_lots, max_loss = excluded.max_loss, max_orders_per_day = excluded.max_orders_per_day, action = excluded.action, updated_at = now()`,
      audit(strategyId, who, "limits", encodeSettings(it))
    ).pipe(Postgres.transaction(sql))
  const remove = (strategyId: number, who: string) =>
    Effect.gen(function* () {
      // A stop reads the row of the limits, so locking it prevents a stop between the two statements.
      yield* sql`SELECT 1 FROM strategy_limits WHERE strategy_id = ${strategyId} FOR UPDATE`
      const stops = yield* sql`SELECT 1 FROM strategy_stops WHERE strategy_id = ${strategyId} AND released_at IS NULL`
      if (stops.length > 0) return false
      yield* sql`DELETE FROM strategy_limits WHERE strategy_id = ${strategyId}`
      yield* audit(strategyId, who, "limits removed", {})
      return true
    }).pipe(Postgres.transaction(sql))

  /** If several processes try to stop the strategy, the unique index of open stops lets only one succeed. */
  const stop = ({ owner, strategyId }: Pick<Watched, "owner" | "strategyId">, profit: Money.Decimal, who: string) =>
    Effect.gen(function* () {
      const rows = yield* sql<{ readonly id: string; readonly action: StrategyLimits.Action; readonly reason: string }>`
        INSERT INTO strategy_stops (strategy_id, owner, action, reason, profit, max_loss)
        SELECT l.strategy_id, s.owner, l.action, 'its profit of ' || ${Money.format(profit)}::text || ' has reached the limit of its loss, '
          || trim_scale(l.max_loss)::text, ${Money.format(profit)}::numeric, l.max_loss
        FROM strategy_limits l JOIN strategies s USING (strategy_id)
        WHERE l.strategy_id = ${strategyId} AND s.owner = ${owner} AND l.max_loss <= -(${Money.format(profit)}::numeric) FOR UPDATE OF l
        ON CONFLICT (strategy_id) WHERE released_at IS NULL DO NOTHING RETURNING stop_id AS id, action, reason`
      const [fired] = rows
      if (fired === undefined) return undefined
      const stopId = Number(fired.id)
      const accounts = yield* accountsOf(strategyId)
      if (fired.action === "square_off")
        for (const { accountId, mode } of accounts)
          yield* sql`INSERT INTO strategy_square_offs (stop_id, account_id, mode, status) VALUES (${stopId}, ${accountId}, ${mode}, 'running')`
      const detail = { strategy_id: strategyId, stop_id: stopId, action: fired.action, state: "stopped", mode: null }
      yield* audit(strategyId, who, "stopped", { ...detail, reason: fired.reason })
      const ids = accounts.map(({ accountId }) => accountId)
      yield* announce(ids, `strategy ${strategyId} is stopped: ${fired.reason}`, detail)
      return { stopId, action: fired.action, reason: fired.reason }
    }).pipe(Postgres.transaction(sql))

  const release = (strategyId: number, who: string) =>
    Effect.gen(function* () {
      const rows = yield* sql<{ readonly id: string; readonly action: StrategyLimits.Action }>`UPDATE strategy_stops
        SET released_at = now(), released_by = ${who} WHERE strategy_id = ${strategyId} AND released_at IS NULL RETURNING stop_id AS id, action`
      const [released] = rows
      if (released === undefined) return false
      const stopId = Number(released.id)
      yield* sql`UPDATE strategy_square_offs SET status = 'released', revision = revision + 1, updated_at = now()
        WHERE stop_id = ${stopId} AND status <> 'done'`
      const accounts = yield* accountsOf(strategyId)
      const ids = accounts.map(({ accountId }) => accountId)
      yield* cancelTasks({ stopId, accounts: ids }, who)
      const detail = { strategy_id: strategyId, stop_id: stopId, action: released.action, state: "released", mode: null }
      yield* audit(strategyId, who, "released", detail)
      yield* announce(ids, `strategy ${strategyId} may open positions again`, detail)
      return true
    }).pipe(Postgres.transaction(sql))
  return { set, remove, stop, release } as const
}

/** Limits of strategies and their stops. Every change writes its line of the audit; a stop and its release are events of the accounts. */
export class StrategyLimitRepo extends Effect.Service<StrategyLimitRepo>()("store/orders/StrategyLimitRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { head, view, watched } = makeReads(sql)
    const { release, remove, set, stop } = makeChanges(sql)
    const exposure = StrategyExposure.reads(sql)
    const known = (it: Candidate) =>
      Effect.gen(function* () {
        const found = Option.getOrUndefined(yield* head(it.strategyId))
        if (found === undefined) return undefined
        const { owner, stopped, ...limits } = found
        return { owner, limits, stopped, ...(yield* exposure({ ...it, whole: limits.maxTotalLots !== null })) } satisfies Known
      })
    const strategyOfOrder = (accountId: string, orderId: string) =>
      Effect.map(
        sql<{ readonly id: string }>`SELECT t.strategy_id AS id FROM order_tasks t
          WHERE t.account_id = ${accountId} AND t.order_id = ${orderId} AND t.kind = 'place' AND t.strategy_id IS NOT NULL`,
        ([row]) => (row === undefined ? null : Number(row.id))
      )
    const run = <A, E>(name: string, self: Effect.Effect<A, E>) =>
      StoreError.guardRead(self).pipe(Effect.withSpan(`StrategyLimitRepo.${name}`))
    return {
      /** The limits of a strategy, its open stop, and the state of its square-off. Each is undefined if the strategy has none. */
      view: (strategyId: number) => run("view", view(strategyId)),
      set: (strategyId: number, it: Settings, who: string) => run("set", set(strategyId, it, who)),
      /** False if the strategy is stopped: the limits stay until it is released. */
      remove: (strategyId: number, who: string) => run("remove", remove(strategyId, who)),
      /** The strategies of all owners that have a loss limit and are not stopped. */
      watched: run("watched", watched()),
      /**
       * Stops a strategy whose profit has reached its limit. Undefined, without a change, if the limit has changed meanwhile, or if another
       * process has stopped the strategy.
       */
      stop: (it: Pick<Watched, "owner" | "strategyId">, profit: Money.Decimal, who: string) => run("stop", stop(it, profit, who)),
      /** False if the strategy is not stopped. Closing orders that were not sent are cancelled, and no further ones are made. */
      release: (strategyId: number, who: string) => run("release", release(strategyId, who)),
      /** The facts that the strategy's rules need for an order. Undefined if the strategy has neither limits nor a stop, or was deleted. */
      known: (it: Candidate) => run("known", isIdentity(it.strategyId) ? known(it) : Effect.succeed(undefined)),
      /** The strategy of a task's order; null if there is none. */
      strategyOfOrder: (accountId: string, orderId: string) => run("strategyOfOrder", strategyOfOrder(accountId, orderId))
    } as const
  })
}) {}
