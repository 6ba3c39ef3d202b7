import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Matching from "../../domain/orders/Matching.ts"
import type * as PaperLedger from "../../domain/orders/PaperLedger.ts"
import * as PaperOrder from "../../domain/orders/PaperOrder.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as Outbox from "./Outbox.ts"

/** A place of the record: the message `seq` of the stream that was created at `createdMs`. */
export interface Place {
  readonly seq: number
  readonly createdMs: number
}

const Row = Schema.Struct({
  revision: Schema.Int,
  matchedSeq: BigIntColumn,
  recordCreatedMs: BigIntColumn,
  body: PaperOrder.PaperOrder,
  trades: Schema.Int
})

/** A paper order with everything that Postgres stores about it. `trades` is the number of its fills. */
export interface StoredPaper {
  readonly revision: number
  readonly matched: Place
  readonly paper: PaperOrder.PaperOrder
  readonly trades: number
}
const storedOf = ({ body, matchedSeq, recordCreatedMs, revision, trades }: typeof Row.Type): StoredPaper => ({
  revision,
  paper: body,
  trades,
  matched: { seq: matchedSeq, createdMs: recordCreatedMs }
})

/** A fill that is not saved yet. */
export interface NewTrade extends Matching.Fill {
  readonly atMs: number
}

/** A change of an order: its new state, and the fills that led to it. */
export interface Change {
  readonly accountId: string
  readonly paper: PaperOrder.PaperOrder
  readonly matched: Place
  readonly trades: ReadonlyArray<NewTrade>
  /** Epoch of the executor's lease. */
  readonly epoch: number
}

const TradeRow = Schema.Struct({
  tradeId: BigIntColumn,
  quantity: BigIntColumn,
  price: BigIntColumn,
  tradedAt: TimeColumn,
  body: PaperOrder.PaperOrder
})
const tradeOf = ({ body, price, quantity, tradedAt, tradeId }: typeof TradeRow.Type): PaperLedger.Trade => ({
  tradeId,
  orderId: body.orderId,
  instrument: body.instrument,
  product: body.product,
  side: body.order.side,
  quantity,
  price,
  atMs: tradedAt.getTime(),
  strategyId: body.strategyId
})

const encodeBody = Schema.encodeSync(Schema.parseJson(PaperOrder.PaperOrder))

const makeChanges = (sql: SqlClient.SqlClient) => {
  const { event, line } = Outbox.writes(sql)
  const announce = (accountId: string, paper: PaperOrder.PaperOrder, detail: unknown) => {
    const { average_price, price, trigger_price, ...row } = PaperOrder.row(paper)
    const numbers = { price: price.toNumber(), trigger_price: trigger_price.toNumber(), average_price: average_price.toNumber() }
    const body = {
      message: `order ${row.order_id} is ${row.status}`,
      detail: { ...row, ...numbers, is_open: PaperOrder.isWorking(paper) }
    }
    return Effect.zipRight(
      event({ accountId, taskId: null, kind: "order", body }),
      line({ accountId, taskId: null, who: "paper", what: row.status, detail: { order_id: row.order_id, ...(detail as object) } })
    )
  }
  const addTrades = ({ accountId, paper, trades }: Change, from: number) =>
    Effect.forEach(
      trades,
      ({ atMs, price, quantity }, at) => sql`INSERT INTO paper_trades (order_id, number, account_id, quantity, price, traded_at)
        VALUES (${paper.orderId}, ${from + at + 1}, ${accountId}, ${quantity}, ${price}, ${IndiaTime.isoTime(atMs)}::timestamptz)`,
      { discard: true }
    )
  /**
   * Locks the task's row if this process still owns it. A newer owner can then take over the task only before or after this transaction, so
   * a replaced process places nothing.
   */
  const ownTask = ({ accountId, epoch, paper }: Change) => sql`SELECT task_id FROM order_tasks
    WHERE account_id = ${accountId} AND tag = ${paper.tag} AND mode = 'paper' AND status = 'RUNNING' AND epoch <= ${epoch} FOR UPDATE`
  const insert = (change: Change) =>
    Effect.gen(function* () {
      const { accountId, epoch, matched, paper, trades } = change
      if ((yield* ownTask(change)).length === 0) return "replaced" as const
      const rows = yield* sql`
        INSERT INTO paper_orders (order_id, account_id, tag, status, revision, epoch, matched_seq, record_created_ms, body)
        VALUES (${paper.orderId}, ${accountId}, ${paper.tag}, ${paper.order.status}, 0, ${epoch}, ${matched.seq}, ${matched.createdMs},
          ${encodeBody(paper)}::jsonb) ON CONFLICT DO NOTHING RETURNING order_id`
      if (rows.length === 0) return "exists" as const
      yield* addTrades(change, 0)
      yield* announce(accountId, paper, { trades })
      return "placed" as const
    }).pipe(Postgres.transaction(sql))
  /** False if somebody saved the order in between, or a newer owner wrote it. */
  const save = (before: StoredPaper, change: Change) =>
    Effect.gen(function* () {
      const { accountId, epoch, matched, paper, trades } = change
      const rows = yield* sql`
        UPDATE paper_orders SET status = ${paper.order.status}, revision = revision + 1, epoch = ${epoch}, matched_seq = ${matched.seq},
          record_created_ms = ${matched.createdMs}, body = ${encodeBody(paper)}::jsonb, updated_at = now()
        WHERE order_id = ${paper.orderId} AND revision = ${before.revision} AND epoch <= ${epoch} RETURNING order_id`
      if (rows.length === 0) return false
      yield* addTrades(change, before.trades)
      yield* announce(accountId, paper, { trades })
      return true
    }).pipe(Postgres.transaction(sql))
  return { insert, save } as const
}

const makeReads = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(`o.revision, o.matched_seq AS "matchedSeq", o.record_created_ms AS "recordCreatedMs", o.body,
    (SELECT count(*)::int FROM paper_trades t WHERE t.order_id = o.order_id) AS trades`)
  const isWorking = sql.literal("o.status NOT IN ('COMPLETE', 'CANCELLED')")
  const working = SqlSchema.findAll({
    Request: Schema.String,
    Result: Row,
    execute: (accountId) =>
      sql`SELECT ${columns} FROM paper_orders o WHERE o.account_id = ${accountId} AND ${isWorking} ORDER BY o.created_at, o.order_id`
  })
  const since = SqlSchema.findAll({
    Request: Schema.Struct({ accountId: Schema.String, sinceMs: Schema.Int }),
    Result: Row,
    execute: ({ accountId, sinceMs }) => sql`SELECT ${columns} FROM paper_orders o WHERE o.account_id = ${accountId}
      AND (${isWorking} OR greatest(o.created_at, o.updated_at) >= ${IndiaTime.isoTime(sinceMs)}::timestamptz) ORDER BY o.created_at, o.order_id`
  })
  const byId = SqlSchema.findAll({
    Request: Schema.Struct({ accountId: Schema.String, orderId: Schema.String }),
    Result: Row,
    execute: ({ accountId, orderId }) =>
      sql`SELECT ${columns} FROM paper_orders o WHERE o.account_id = ${accountId} AND o.order_id = ${orderId}`
  })
  const trades = SqlSchema.findAll({
    Request: Schema.Struct({ accountId: Schema.String, afterId: Schema.Int }),
    Result: TradeRow,
    execute: ({ accountId, afterId }) => sql`SELECT t.trade_id AS "tradeId", t.quantity, t.price, t.traded_at AS "tradedAt", o.body
      FROM paper_trades t JOIN paper_orders o USING (order_id) WHERE t.account_id = ${accountId} AND t.trade_id > ${afterId} ORDER BY t.trade_id`
  })
  const count = SqlSchema.single({
    Request: Schema.String,
    Result: Schema.Struct({ total: BigIntColumn }),
    execute: (accountId) => sql`SELECT count(*) AS total FROM paper_trades WHERE account_id = ${accountId}`
  })
  return { working, since, byId, trades, count } as const
}

/**
 * Orders of paper accounts and their fills. Every change of an order writes its fills, its event and its line of the audit in the same
 * transaction.
 */
export class PaperRepo extends Effect.Service<PaperRepo>()("store/orders/PaperRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const reads = makeReads(sql)
    const { insert, save } = makeChanges(sql)
    const read = <A, E>(name: string, self: Effect.Effect<A, E>) => StoreError.guardRead(self).pipe(Effect.withSpan(`PaperRepo.${name}`))
    const stored = <E>(rows: Effect.Effect<ReadonlyArray<typeof Row.Type>, E>) => Effect.map(rows, (all) => all.map(storedOf))
    return {
      /**
       * Places the order of a running task. Without a change, it returns `exists` if the tag already has an order, or `replaced` if the
       * task does not run or a newer owner wrote it.
       */
      insert: (change: Change) => read("insert", insert(change)),
      /** Saves a change of an order as it was read. False if somebody else, such as a newer owner, changed it in between. */
      save: (before: StoredPaper, change: Change) => read("save", save(before, change)),
      /** Takes over the working orders from an older owner, which cannot change them after this. */
      takeOver: (accountId: string, epoch: number) =>
        read(
          "takeOver",
          Effect.zipRight(
            sql`UPDATE paper_orders o SET epoch = ${epoch} WHERE o.account_id = ${accountId} AND o.epoch <= ${epoch}
              AND o.status NOT IN ('COMPLETE', 'CANCELLED')`,
            stored(reads.working(accountId))
          )
        ),
      /** The working orders, and those that were placed or changed since `sinceMs`; oldest first. */
      since: (accountId: string, sinceMs: number) => read("since", stored(reads.since({ accountId, sinceMs }))),
      byId: (accountId: string, orderId: string) =>
        Effect.map(read("byId", stored(reads.byId({ accountId, orderId }))), ([found]) => found),
      /** The working orders, oldest first. */
      working: (accountId: string) => read("working", stored(reads.working(accountId))),
      /** An account's fills with ids above `afterId`, oldest first. */
      trades: (accountId: string, afterId = 0) =>
        Effect.map(read("trades", reads.trades({ accountId, afterId })), (rows) => rows.map(tradeOf)),
      /** How many fills an account has. */
      tradeCount: (accountId: string) => Effect.map(read("tradeCount", reads.count(accountId)), ({ total }) => total)
    } as const
  })
}) {}
export declare namespace PaperRepo {
  export type Stored = StoredPaper
}
