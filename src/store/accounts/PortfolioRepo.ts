import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Schema } from "effect"
import * as Figures from "../../domain/accounts/Figures.ts"
import * as OrderMerge from "../../domain/accounts/OrderMerge.ts"
import * as Reconciliation from "../../domain/accounts/Reconciliation.ts"
import { nextTurn } from "../../loop/Turn.ts"
import * as Outbox from "../orders/Outbox.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as PortfolioRows from "./PortfolioRows.ts"

const encodeOrder = Schema.encodeSync(Figures.Order)
const encodeTrade = Schema.encodeSync(Figures.Trade)
const encodePosition = Schema.encodeSync(Figures.Position)
const encodeFunds = Schema.encodeSync(Figures.Funds)
const who = "account"

/** What a report changed. */
export interface Reported {
  readonly changed: number
  readonly rejectedAfterSuccess: number
}

/** The most rows of an account on one day. An account has at most 5,000 orders a day, with few trades each. */
const rowsMax = 100_000
const everyRow = { limit: rowsMax, offset: 0 } as const

/**
 * The most orders that one transaction merges. Each takes about half a millisecond, and between transactions the process can send orders.
 */
const reportedMax = 20

const makeReports = (sql: SqlClient.SqlClient) => {
  const { event, line } = Outbox.writes(sql)
  const { ordersById, tradeKeys } = PortfolioRows.reads(sql)
  /** A lock that serialises the merging of one account's reports over all processes. */
  const alone = (accountId: string) => sql`SELECT pg_advisory_xact_lock(hashtextextended(${`account ${accountId}`}, 0))`

  const announce = (accountId: string, kind: string, message: string, detail: object) =>
    Effect.zipRight(
      event({ accountId, taskId: null, kind, body: { message, detail } }),
      line({ accountId, taskId: null, who, what: kind, detail: { message, ...detail } })
    )
  const successes = (accountId: string, tags: ReadonlyArray<string>) =>
    Effect.map(
      sql<{ readonly tag: string; readonly id: string }>`SELECT tag, task_id AS id FROM order_tasks
        WHERE account_id = ${accountId} AND tag = ANY(${tags}::text[]) AND status = 'COMPLETED'`,
      (rows) => new Map(rows.map(({ id, tag }) => [tag, Number(id)]))
    )
  /** Saves an order with its event and its line of the audit, in one statement. */
  const saveOrder = (accountId: string, { from, order }: ReturnType<typeof OrderMerge.merge>, day: string) => {
    const body = encodeOrder(order)
    const message = `order ${order.order_id} is ${order.status}`
    const detail = { ...body, is_open: !OrderMerge.hasEnded(order) }
    return sql`
      WITH saved AS (INSERT INTO account_orders (account_id, order_id, seen_on, source, filled_quantity, body)
          VALUES (${accountId}, ${order.order_id}, ${day}::date, ${from}, ${order.filled_quantity}, ${JSON.stringify(body)}::jsonb)
          ON CONFLICT (account_id, order_id) DO UPDATE SET source = excluded.source, filled_quantity = excluded.filled_quantity,
            body = excluded.body, change = excluded.change, changed_at = now()),
        event AS (INSERT INTO order_outbox (account_id, kind, body)
          VALUES (${accountId}, 'order', ${JSON.stringify({ message, detail })}::jsonb))
      INSERT INTO order_audit (account_id, who, what, detail)
        VALUES (${accountId}, ${who}, 'order', ${JSON.stringify({ message, ...detail })}::jsonb)`
  }

  /** Raises one alert for an order that the broker accepted first and then rejected. */
  const tellRejection = (accountId: string, order: Figures.Order, taskId: number | undefined) =>
    Effect.gen(function* () {
      const message = `order ${order.order_id} was accepted and then rejected: ${order.status_message ?? "no reason"}`
      const detail = { kind: "rejected_after_success", tag: order.tag, order_id: order.order_id }
      yield* event({ accountId, taskId: taskId ?? null, kind: "alert", body: { message, detail } })
      yield* line({ accountId, taskId: taskId ?? null, who, what: "alert", detail: { message, ...detail } })
      yield* sql`UPDATE account_orders SET is_rejection_told = true WHERE account_id = ${accountId} AND order_id = ${order.order_id}`
    })

  const report = (accountId: string, reports: ReadonlyArray<Figures.Order>, source: OrderMerge.Source, day: string) =>
    Effect.gen(function* () {
      yield* alone(accountId)
      const ids = reports.map(({ order_id }) => order_id)
      const known = new Map((yield* ordersById({ accountId, ids })).map((row) => [row.order.order_id, row]))
      const rejected = reports.flatMap(({ status, tag }) => (status === "REJECTED" && tag !== null ? [tag] : []))
      const succeeded = rejected.length === 0 ? new Map<string, number>() : yield* successes(accountId, rejected)
      let changed = 0
      let rejectedAfterSuccess = 0
      for (const it of reports) {
        const row = known.get(it.order_id)
        const before = row === undefined ? undefined : { order: row.order, from: row.source }
        const after = OrderMerge.merge(before, it, source)
        const { order } = after
        if (before === undefined || JSON.stringify(encodeOrder(before.order)) !== JSON.stringify(encodeOrder(order))) {
          changed++
          yield* saveOrder(accountId, after, day)
        }
        const taskId = succeeded.get(order.tag ?? "")
        const isContradiction = OrderMerge.isRejectedAfterSuccess(before?.order, order, taskId !== undefined)
        if (isContradiction && row?.isRejectionTold !== true) {
          rejectedAfterSuccess++
          yield* tellRejection(accountId, order, taskId)
        }
      }
      // Changed orders were saved with the day already. This statement adds the day to the unchanged ones.
      if (changed < reports.length)
        yield* sql`UPDATE account_orders SET seen_on = ${day}::date
          WHERE account_id = ${accountId} AND order_id = ANY(${ids}::text[]) AND seen_on <> ${day}::date`
      return { changed, rejectedAfterSuccess } satisfies Reported
    }).pipe(Postgres.transaction(sql))

  const saveTrades = (accountId: string, trades: ReadonlyArray<Figures.Trade>, day: string) =>
    Effect.gen(function* () {
      yield* alone(accountId)
      const stored = new Set(yield* tradeKeys(accountId, day))
      let added = 0
      for (const it of trades) {
        if (stored.has(Reconciliation.tradeKey(it))) continue
        const body = encodeTrade(it)
        const rows = yield* sql`INSERT INTO account_trades (account_id, order_id, trade_id, seen_on, quantity, body)
          VALUES (${accountId}, ${it.order_id}, ${it.trade_id}, ${day}::date, ${it.quantity}, ${JSON.stringify(body)}::jsonb)
          ON CONFLICT (account_id, order_id, trade_id) DO NOTHING RETURNING trade_id`
        if (rows.length === 0) continue
        added++
        const what = `${it.transaction_type} ${it.quantity} ${it.tradingsymbol} at ${body.average_price}`
        yield* announce(accountId, "trade", `trade ${it.trade_id}: ${what}`, body)
      }
      yield* sql`UPDATE account_trades SET seen_on = ${day}::date WHERE account_id = ${accountId} AND seen_on <> ${day}::date
        AND (order_id, trade_id) IN (SELECT * FROM unnest(${trades.map((it) => it.order_id)}::text[], ${trades.map((it) => it.trade_id)}::text[]))`
      return added
    }).pipe(Postgres.transaction(sql))

  return { alone, announce, report, saveTrades } as const
}

const makeReadings = (sql: SqlClient.SqlClient, { alone, announce }: ReturnType<typeof makeReports>) => {
  const reads = PortfolioRows.reads(sql)
  const saver = <A, I>(kind: keyof typeof PortfolioRows.readings, schema: Schema.Schema<A, I>) => {
    const encode = Schema.encodeSync(Schema.parseJson(schema))
    return (accountId: string, body: A, at: Place) => sql`
      INSERT INTO account_figures (account_id, kind, as_of, through_change, body)
      VALUES (${accountId}, ${kind}, ${at.asOf.toISOString()}::timestamptz, ${at.throughChange}, ${encode(body)}::jsonb)
      ON CONFLICT (account_id, kind) DO UPDATE SET as_of = excluded.as_of, through_change = excluded.through_change, body = excluded.body`
  }
  const { readings } = PortfolioRows
  const save = {
    positions: saver("positions", readings.positions),
    holdings: saver("holdings", readings.holdings),
    funds: saver("funds", readings.funds),
    reconciled: saver("reconciled", readings.reconciled)
  }
  /** Saves readings and announces what changed in them. */
  const adopt = (accountId: string, taken: Taken, at: Place) =>
    Effect.gen(function* () {
      yield* alone(accountId)
      const { funds, holdings, positions } = taken
      const before = yield* reads.positions(accountId)
      const funded = yield* reads.funds(accountId)
      for (const it of Reconciliation.changedPositions(before?.body ?? null, positions)) {
        const message = `position ${it.exchange}:${it.tradingsymbol} ${it.product} is ${it.quantity}`
        yield* announce(accountId, "position", message, encodePosition(it))
      }
      yield* save.positions(accountId, positions, at)
      if (holdings !== undefined) yield* save.holdings(accountId, holdings, at)
      const body = encodeFunds(funds)
      if (funded === null || JSON.stringify(encodeFunds(funded.body)) !== JSON.stringify(body))
        yield* announce(accountId, "funds", "the account's funds changed", body)
      yield* save.funds(accountId, funds, at)
    }).pipe(Postgres.transaction(sql))

  /** Saves the reading with which the next one is compared, and its differences. */
  const reconciled = (accountId: string, reading: Reconciliation.Reading, found: Found) =>
    Effect.gen(function* () {
      const { asked, at, differences } = found
      const kept = yield* PortfolioRows.toReconciled(reading)
      yield* alone(accountId)
      yield* save.reconciled(accountId, kept, at)
      yield* sql`INSERT INTO account_syncs (account_id, asked, done, done_at, differences)
        VALUES (${accountId}, ${asked}, ${asked}, ${at.asOf.toISOString()}::timestamptz, ${JSON.stringify(differences)}::jsonb)
        ON CONFLICT (account_id) DO UPDATE SET done = greatest(account_syncs.done, excluded.done), done_at = excluded.done_at,
          differences = excluded.differences`
      if (differences.length === 0) return
      const message = `${differences.length} figures differed from the broker's, which are kept now`
      yield* announce(accountId, "difference", message, { differences })
    }).pipe(Postgres.transaction(sql))

  const ask = (accountId: string) =>
    Effect.map(
      sql<{ readonly asked: string }>`INSERT INTO account_syncs (account_id, asked) VALUES (${accountId}, 1)
        ON CONFLICT (account_id) DO UPDATE SET asked = account_syncs.asked + 1 RETURNING asked`,
      ([row]) => Number(row?.asked ?? 0)
    )
  return { adopt, reconciled, ask } as const
}

type Report = ReturnType<typeof makeReports>["report"]
/** Merges orders in parts, each in one transaction. */
const inParts =
  (report: Report) =>
  (...[accountId, reports, source, day]: Parameters<Report>) =>
    Effect.gen(function* () {
      let [changed, rejectedAfterSuccess] = [0, 0]
      for (let at = 0; at < reports.length; at += reportedMax) {
        if (at > 0) yield* nextTurn
        const part = yield* report(accountId, reports.slice(at, at + reportedMax), source, day)
        changed += part.changed
        rejectedAfterSuccess += part.rejectedAfterSuccess
      }
      return { changed, rejectedAfterSuccess } satisfies Reported
    })

/** When a reading began, and the newest change of an order that was known then. */
export interface Place {
  readonly asOf: Date
  readonly throughChange: number
}
export interface Taken {
  readonly positions: Figures.Positions
  readonly funds: Figures.Funds
  /** Undefined if holdings were not read. */
  readonly holdings?: ReadonlyArray<Figures.Holding>
}
export interface Found {
  readonly at: Place
  readonly differences: ReadonlyArray<Reconciliation.Difference>
  /** The number of the newest request for a comparison that this one answers. */
  readonly asked: number
}

/**
 * The broker's figures of accounts. Orders and trades are merged by their ids, so a report may come late, twice, or from several sources.
 * Every change writes its event and its line of the audit in the same transaction.
 */
export class PortfolioRepo extends Effect.Service<PortfolioRepo>()("store/accounts/PortfolioRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const reads = PortfolioRows.reads(sql)
    const reports = makeReports(sql)
    const reportAll = inParts(reports.report)
    const readings = makeReadings(sql, reports)
    const guarded = <A, E>(name: string, self: Effect.Effect<A, E>) =>
      StoreError.guardRead(self).pipe(Effect.withSpan(`PortfolioRepo.${name}`))
    return {
      /** Merges reports of orders. `day` is the day in India by market time, on which the broker shows them. */
      report: (accountId: string, orders: ReadonlyArray<Figures.Order>, source: OrderMerge.Source, day: string) =>
        guarded("report", reportAll(accountId, orders, source, day)),
      /** Saves trades. Returns how many of them are new. */
      saveTrades: (accountId: string, trades: ReadonlyArray<Figures.Trade>, day: string) =>
        guarded("saveTrades", trades.length === 0 ? Effect.succeed(0) : reports.saveTrades(accountId, trades, day)),
      adopt: (accountId: string, taken: Taken, at: Place) => guarded("adopt", readings.adopt(accountId, taken, at)),
      reconciled: (accountId: string, reading: Reconciliation.Reading, found: Found) =>
        guarded("reconciled", readings.reconciled(accountId, reading, found)),
      /** Asks the account's executor for a comparison with the broker. Returns the request's number. */
      ask: (accountId: string) => guarded("ask", readings.ask(accountId)),
      sync: (accountId: string) => guarded("sync", reads.sync(accountId)),
      isBehind: (accountId: string) => guarded("isBehind", reads.isBehind(accountId)),
      newestChange: (accountId: string) => guarded("newestChange", reads.newestChange(accountId)),
      /** The stored figures of the day, for a comparison with the broker. */
      held: (accountId: string, day: string) =>
        guarded(
          "held",
          Effect.map(
            Effect.all([
              reads.orders({ accountId, day, ...everyRow }),
              reads.trades({ accountId, day, ...everyRow }),
              reads.reconciled(accountId)
            ]),
            ([orders, trades, base]): Reconciliation.Held => ({
              orders: orders.map(({ order }) => order),
              trades,
              base
            })
          )
        ),
      orders: (page: PortfolioRows.Page) =>
        guarded("orders", Effect.all({ rows: reads.orders(page), total: reads.orderTotal(page.accountId, page.day) })),
      trades: (page: PortfolioRows.Page) =>
        guarded("trades", Effect.all({ rows: reads.trades(page), total: reads.tradeTotal(page.accountId, page.day) })),
      positions: (accountId: string) => guarded("positions", reads.positions(accountId)),
      holdings: (accountId: string) => guarded("holdings", reads.holdings(accountId)),
      funds: (accountId: string) => guarded("funds", reads.funds(accountId))
    } as const
  })
}) {}
