import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, natsClient, start, world } from "./PlatformWorld.ts"

/** Quantities so far apart that a value shows which legs it counts: prices near the money lie between 5 and 1,500 rupees. */
const quantities = { created: [1, 100_000], added: [1_000_000_000, 1_000_000_000_000_000] } as const
const priceMin = 5
const priceMax = 1_500
const isOfAll = (value: number, count: number, legs: ReadonlyArray<number>) =>
  value >= priceMin * Math.max(...legs.slice(0, count)) && value <= 2 * priceMax * Math.max(...legs.slice(0, count))

interface Mark {
  readonly m2m: string | null
  readonly total_pnl: string | null
  readonly complete: boolean
}
interface Candle {
  readonly timestamp: string
  readonly open: string
  readonly high: string
  readonly low: string
  readonly close: string
}

describe("A strategy that is created whole", () => {
  it.live(
    "BE-FIN-03 BE-FIN-09 shows no false zero and never a part of its legs, from its creation on and when legs are added",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world()
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const nc = yield* natsClient(nats)
        const values: Array<string> = []
        const nulls: Array<Mark> = []
        const legsOfDefinitions: Array<number> = []
        let marks = 0
        const listen = (subject: string, use: (data: never) => void) =>
          void nc.subscribe(subject, { callback: (_, message) => use(message.json() as never) })
        listen("strat.def.demo.2", ({ legs }: { readonly legs: ReadonlyArray<unknown> }) => void legsOfDefinitions.push(legs.length))
        listen("strat.m2m.demo.2", (mark: Mark) => {
          marks++
          if (mark.m2m === null || mark.total_pnl === null) nulls.push(mark)
          else values.push(mark.m2m, mark.total_pnl)
        })
        listen("strat.candle.demo.2", ({ open, high, low, close }: Candle) => void values.push(open, high, low, close))
        yield* Effect.promise(() => nc.flush())

        const { body: expiries } = yield* eventually(
          "expiries",
          ask(running, "/fo/expiries?symbol=NIFTY"),
          ({ body }) => body.expiries?.length > 0
        )
        const { body: chain } = yield* eventually(
          "prices",
          ask(running, `/fo/strikes?symbol=NIFTY&expiry=${expiries.expiries[0]}`),
          ({ body }) => body.strikes?.some((row: { call: { last_price: number } | null }) => (row.call?.last_price ?? 0) > 0)
        )
        const at = chain.strikes.findIndex(({ strike }: { strike: number }) => strike === chain.atm_strike)
        const near = chain.strikes
          .slice(at, at + 2)
          .flatMap(({ call, put }: { call: { tradingsymbol: string }; put: { tradingsymbol: string } }) => [call, put])
        const legs = (part: ReadonlyArray<number>, from: number) =>
          part.map((quantity, place) => ({
            tradingsymbol: near[from + place].tradingsymbol,
            exchange: "NFO",
            direction: "BUY",
            quantity,
            entry_price: "0"
          }))

        const created = yield* ask(running, "/strategies", {
          method: "POST",
          body: { name: "whole", instruments: legs(quantities.created, 0) }
        })
        assert.deepStrictEqual([created.status, created.body.strategy_id], [201, 2])
        yield* eventually(
          "marks",
          Effect.sync(() => values.length),
          (count) => count > 10
        )
        const before = values.length
        const added = yield* ask(running, "/strategies/2/instruments/batch", {
          method: "POST",
          body: { instruments: legs(quantities.added, 2) }
        })
        assert.deepStrictEqual([added.status, added.body.instruments.length], [201, 2])
        const all = [...quantities.created, ...quantities.added]
        yield* eventually(
          "marks with the new legs",
          Effect.sync(() => values.slice(before)),
          (late) => late.some((value) => isOfAll(Math.abs(Number(value)), 4, all))
        )
        yield* eventually("the candle of a minute", ask(running, "/strategies/2/m2m"), ({ body }) => body.total > 0)

        assert.deepStrictEqual([...new Set(legsOfDefinitions)], [2, 4], "the record never holds a part of the legs")
        for (const value of values) {
          const size = Math.abs(Number(value))
          assert.isTrue(isOfAll(size, 2, all) || isOfAll(size, 4, all), `${value} counts a part of the legs`)
        }
        for (const mark of nulls) assert.isFalse(mark.complete, "a mark without a value names what it lacks")
        assert.isAbove(marks, nulls.length)

        const refused = yield* ask(running, "/strategies/2/instruments/batch", {
          method: "POST",
          body: { instruments: [...legs([5], 0), { ...legs([5], 0)[0], tradingsymbol: "NOSUCH" }] }
        })
        assert.deepStrictEqual([refused.status, refused.body.errors[0].field], [422, "instruments.1.tradingsymbol"])
        assert.strictEqual((yield* ask(running, "/strategies/2/instruments")).body.total, 4)
      }).pipe(Effect.scoped),
    300_000
  )
})
