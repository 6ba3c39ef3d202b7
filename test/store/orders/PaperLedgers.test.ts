import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as PaperLedger from "../../../src/domain/orders/PaperLedger.ts"
import * as PaperOrder from "../../../src/domain/orders/PaperOrder.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { CorporateActionRepo } from "../../../src/store/calendar/CorporateActionRepo.ts"
import { PaperLedgers } from "../../../src/store/orders/PaperLedgers.ts"
import { SettlementRepo } from "../../../src/store/settlements/SettlementRepo.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { aPlace } from "../../domain/orders/APlace.ts"
import { fresh } from "../Stores.ts"

const today = "2026-08-18"
const boughtAt = "2026-08-17T11:00:00+05:30"
const option = anInstrument(0x10002, { instrumentType: "CE", expiry: "2026-08-17" })
const share = anInstrument(408065, { exchange: "NSE", segment: "NSE", name: "", tradingsymbol: "INFY", lotSize: 1 })

const orderOf = (tag: string, instrument: typeof option, product: "NRML" | "CNC") =>
  Either.getOrThrow(
    PaperOrder.place(
      { tag, strategyId: null, hasDerivatives: true, instrument, request: aPlace({ product }) },
      { rules: shipped, atMs: Date.parse(boughtAt), neverCloses: true, lastPrice: 10_000 }
    )
  )
const encode = Schema.encodeSync(Schema.parseJson(PaperOrder.PaperOrder))

/** Saves an order of account a1. */
const placed = (paper: PaperOrder.PaperOrder) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO paper_orders (order_id, account_id, tag, status, revision, epoch, matched_seq, record_created_ms, body)
      VALUES (${paper.orderId}, 'a1', ${paper.tag}, 'OPEN', 0, 1, 1, 1, ${encode(paper)}::jsonb)`
  })
/** Saves a fill of an order. Its id is the next one, or the one that is given. */
const filled = ({ orderId }: PaperOrder.PaperOrder, number: number, quantity: number, tradeId?: number) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const columns = sql.literal("order_id, number, account_id, quantity, price, traded_at")
    yield* tradeId === undefined
      ? sql`INSERT INTO paper_trades (${columns}) VALUES (${orderId}, ${number}, 'a1', ${quantity}, 10000, ${boughtAt}::timestamptz)`
      : sql`INSERT INTO paper_trades (trade_id, ${columns}) OVERRIDING SYSTEM VALUE
          VALUES (${tradeId}, ${orderId}, ${number}, 'a1', ${quantity}, 10000, ${boughtAt}::timestamptz)`
  })

const unmarked = () => null
const lines = Effect.gen(function* () {
  const ledgers = yield* PaperLedgers
  const { ledger } = yield* ledgers.of("a1", shipped, today, unmarked)
  return PaperLedger.lines(ledger, today).map(({ instrument, position }) => [instrument.tradingsymbol, position.overnightQuantity])
})

describe("PaperLedgers", () => {
  it.scoped("adds the new fills, also one that was committed after a fill with a greater id", () =>
    Effect.gen(function* () {
      const paper = orderOf("t1", option, "NRML")
      assert.deepStrictEqual(yield* lines, [])
      yield* placed(paper)
      yield* filled(paper, 1, 75, 10)
      assert.deepStrictEqual(yield* lines, [[option.tradingsymbol, 75]])
      yield* filled(paper, 2, 75, 12)
      assert.deepStrictEqual(yield* lines, [[option.tradingsymbol, 150]])
      yield* filled(paper, 3, 75, 11)
      assert.deepStrictEqual(yield* lines, [[option.tradingsymbol, 225]])
      const all = yield* Effect.all([lines, lines, lines], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        all.flat(),
        [1, 2, 3].map(() => [option.tradingsymbol, 225])
      )
      const ledgers = yield* PaperLedgers
      assert.deepStrictEqual(PaperLedger.lines((yield* ledgers.of("a2", shipped, today, unmarked)).ledger, today), [])
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("folds all fills again when a corporate action or a rule is entered, corrected or taken back", () =>
    Effect.gen(function* () {
      const actions = yield* CorporateActionRepo
      const ledgers = yield* PaperLedgers
      const paper = orderOf("t2", share, "CNC")
      yield* placed(paper)
      yield* filled(paper, 1, 10)
      assert.deepStrictEqual(yield* lines, [["INFY", 10]])
      const split = { exchange: "NSE", symbol: "INFY", exDate: today, kind: "split" as const, sharesBefore: 1, sharesAfter: 2 }
      const more = { pricePaise: 0, closePaise: 0, source: ["https://example.org/split"] }
      yield* actions.save([{ ...split, ...more }], "admin")
      assert.deepStrictEqual(yield* lines, [["INFY", 20]])
      yield* actions.save([{ ...split, ...more, sharesAfter: 5 }], "admin")
      assert.deepStrictEqual(yield* lines, [["INFY", 50]])
      const { rows } = yield* actions.list({ symbol: "INFY", limit: 1, offset: 0 })
      yield* actions.remove(rows[0]?.actionId ?? 0, "admin")
      assert.deepStrictEqual(yield* lines, [["INFY", 10]])
      const other = { ...shipped }
      const { ledger } = yield* ledgers.of("a1", other, today, unmarked)
      assert.deepStrictEqual([ledger.ground.rules === other, ledger.trades], [true, 1])
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("knows the final prices of expired contracts, and the cash of a new account", () =>
    Effect.gen(function* () {
      const ledgers = yield* PaperLedgers
      const settlements = yield* SettlementRepo
      const paper = orderOf("t3", option, "NRML")
      yield* placed(paper)
      yield* filled(paper, 1, 75)
      const settlement = Effect.map(ledgers.of("a1", shipped, today, unmarked), ({ at: { prices } }) => [
        prices.settlement(option),
        prices.settlement(share)
      ])
      assert.deepStrictEqual(yield* settlement, [null, null])
      const { exchange, tradingsymbol } = option
      const price = new Money.Decimal("123.45")
      yield* settlements.save([
        { exchange, tradingsymbol, expiry: "2026-08-17", price, source: "underlying_close", settledAt: new Date(boughtAt) }
      ])
      assert.deepStrictEqual(yield* settlement, [12_345, null])
      assert.strictEqual(Money.format(ledgers.openingCash), "5000")
    }).pipe(Effect.provide(fresh({ PAPER_CASH: "5000" })))
  )
})
