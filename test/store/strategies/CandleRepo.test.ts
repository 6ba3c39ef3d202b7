import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import { CandleRepo, type NewCandle } from "../../../src/store/strategies/CandleRepo.ts"
import { StrategyRepo } from "../../../src/store/strategies/StrategyRepo.ts"
import { fresh } from "../Stores.ts"

const money = (text: string) => new Money.Decimal(text)
const candle = (strategyId: number, at: string, [open, high, low, close]: readonly [string, string, string, string]): NewCandle => ({
  strategyId,
  minute: new Date(at),
  open: money(open),
  high: money(high),
  low: money(low),
  close: money(close),
  totalPnl: money(close).negated()
})
const view = (it: CandleRepo.Candle) => [
  it.minute.toISOString(),
  Money.format(it.open),
  Money.format(it.high),
  Money.format(it.low),
  Money.format(it.close)
]
const page = { limit: 1000, offset: 0 }
const strategy = Effect.gen(function* () {
  const { strategyId } = (yield* Effect.flatMap(StrategyRepo, (strategies) => strategies.create("u1", { name: "s" }))).strategy
  const candles = yield* CandleRepo
  const range = (intervalMinutes: number, more: { from?: Date; to?: Date; limit?: number; offset?: number } = {}) =>
    Effect.map(candles.range({ owner: "u1", strategyId, intervalMinutes, gridOpenMs: 9.25 * 3_600_000, ...page, ...more }), (found) => ({
      candles: found.candles.map(view),
      total: found.total
    }))
  return { strategyId, candles, range }
})

layer(fresh(), { excludeTestServices: true })("CandleRepo", (it) => {
  it.effect("saves each minute once: a second delivery is not new and changes nothing", () =>
    Effect.gen(function* () {
      const { strategyId, candles, range } = yield* strategy
      const first = candle(strategyId, "2026-08-19T03:45:00Z", ["1", "4", "-3.5", "2"])
      const second = candle(strategyId, "2026-08-19T03:46:00Z", ["2", "2", "2", "2"])
      assert.strictEqual(yield* candles.save([]), 0)
      assert.strictEqual(yield* candles.save([first]), 1)
      assert.strictEqual(yield* candles.save([{ ...first, close: money("99") }, second, second]), 1)
      assert.deepStrictEqual(yield* range(1), {
        candles: [
          ["2026-08-19T03:45:00.000Z", "1", "4", "-3.5", "2"],
          ["2026-08-19T03:46:00.000Z", "2", "2", "2", "2"]
        ],
        total: 2
      })
    })
  )

  it.effect("a batch with candles of a deleted strategy saves the others", () =>
    Effect.gen(function* () {
      const { strategyId, candles, range } = yield* strategy
      const at = "2026-08-19T03:45:00Z"
      assert.strictEqual(
        yield* candles.save([candle(987_654_321, at, ["1", "1", "1", "1"]), candle(strategyId, at, ["1", "1", "1", "1"])]),
        1
      )
      assert.strictEqual((yield* range(1)).total, 1)
    })
  )

  it.effect("joins minutes into intervals: first open, highest high, lowest low, last close, ascending; days are Indian days", () =>
    Effect.gen(function* () {
      const { strategyId, candles, range } = yield* strategy
      yield* candles.save([
        // Out of order on purpose; the last two are on the next Indian day, before and after midnight UTC.
        candle(strategyId, "2026-08-19T03:49:00Z", ["30", "31", "28", "29"]),
        candle(strategyId, "2026-08-19T03:45:00Z", ["10", "20", "5", "15"]),
        candle(strategyId, "2026-08-19T03:47:00Z", ["15", "40.25", "-7.75", "16"]),
        candle(strategyId, "2026-08-19T03:50:00Z", ["50", "51", "49", "50"]),
        candle(strategyId, "2026-08-19T04:00:00Z", ["60", "61", "59", "60"]),
        candle(strategyId, "2026-08-19T18:29:00Z", ["70", "71", "69", "70"]),
        candle(strategyId, "2026-08-19T18:30:00Z", ["80", "81", "79", "80"]),
        candle(strategyId, "2026-08-20T03:45:00Z", ["90", "91", "89", "90"])
      ])
      assert.deepStrictEqual((yield* range(5)).candles.slice(0, 3), [
        ["2026-08-19T03:45:00.000Z", "10", "40.25", "-7.75", "29"],
        ["2026-08-19T03:50:00.000Z", "50", "51", "49", "50"],
        ["2026-08-19T04:00:00.000Z", "60", "61", "59", "60"]
      ])
      assert.deepStrictEqual((yield* range(15)).candles[0], ["2026-08-19T03:45:00.000Z", "10", "51", "-7.75", "50"])
      assert.deepStrictEqual((yield* range(30)).candles[0], ["2026-08-19T03:45:00.000Z", "10", "61", "-7.75", "60"])
      assert.deepStrictEqual((yield* range(60)).candles[0], ["2026-08-19T03:45:00.000Z", "10", "61", "-7.75", "60"])
      assert.deepStrictEqual(yield* range(1440), {
        candles: [
          ["2026-08-18T18:30:00.000Z", "10", "71", "-7.75", "70"],
          ["2026-08-19T18:30:00.000Z", "80", "91", "79", "90"]
        ],
        total: 2
      })
      assert.deepStrictEqual(yield* range(5, { limit: 1, offset: 1 }), {
        candles: [["2026-08-19T03:50:00.000Z", "50", "51", "49", "50"]],
        total: 6
      })
    })
  )

  it.effect("from and to are both inclusive", () =>
    Effect.gen(function* () {
      const { strategyId, candles, range } = yield* strategy
      const minutes = ["03:45", "03:46", "03:47", "03:48"].map((time) => `2026-08-19T${time}:00.000Z`)
      yield* candles.save(minutes.map((at) => candle(strategyId, at, ["1", "1", "1", "1"])))
      const times = (more: { from?: Date; to?: Date }) => Effect.map(range(1, more), (found) => found.candles.map(([at]) => at))
      const [from, to] = [new Date(minutes[1]!), new Date(minutes[2]!)]
      assert.deepStrictEqual(yield* times({ from, to }), [minutes[1], minutes[2]])
      assert.deepStrictEqual(yield* times({ from: to }), [minutes[2], minutes[3]])
      assert.deepStrictEqual(yield* times({ to: from }), [minutes[0], minutes[1]])
      assert.deepStrictEqual(yield* times({ from: to, to: from }), [])
    })
  )

  it.effect("BE-FIN-07 money in candles comes back digit for digit, far beyond what a double counts", () =>
    Effect.gen(function* () {
      const { strategyId, candles, range } = yield* strategy
      const digits = ["-999999999.99", "9999999999999999999999999999.9999999999", "-9007199254740993.01", "0.0000000001"] as const
      yield* candles.save([candle(strategyId, "2026-08-19T03:45:00Z", digits)])
      assert.deepStrictEqual((yield* range(1)).candles, [["2026-08-19T03:45:00.000Z", ...digits]])
      assert.deepStrictEqual((yield* range(1440)).candles, [["2026-08-18T18:30:00.000Z", ...digits]])
      const error = yield* Effect.flip(candles.save([candle(strategyId, "2026-08-19T03:46:00Z", ["1e28", "0", "0", "0"])]))
      assert.strictEqual(error._tag, "StoreInvalid", "what does not fit is refused, never rounded")
    })
  )
})
