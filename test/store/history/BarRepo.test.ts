import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as InstrumentHours from "../../../src/domain/market/InstrumentHours.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import { fresh } from "../Stores.ts"

const day = "2026-08-19"
const ist = (time: string, on = day) => new Date(`${on}T${time}:00+05:30`)
let tokens = 1_000
/** A separate instrument for each test. */
const of = (minutes = 1) => ({ exchange: "NFO", instrumentToken: ++tokens * 256 + 2, tradingsymbol: `T${tokens}`, minutes })
const bar = (
  on: ReturnType<typeof of>,
  at: Date,
  [open, high, low, close]: readonly [number, number, number, number],
  more: Partial<NewBar> = {}
): NewBar => ({
  exchange: on.exchange,
  instrumentToken: on.instrumentToken,
  tradingsymbol: on.tradingsymbol,
  minutes: 1,
  source: "live",
  at,
  open,
  high,
  low,
  close,
  volume: 10,
  oi: null,
  complete: true,
  ...more
})
const on = { segment: "NSE_CM", security: "other" } as const
/** The sessions of some days of August 2026, and the start of their bars. */
const hours = {
  sessions: InstrumentHours.during(shipped, on, ["2026-08-17", "2026-08-18", "2026-08-19", "2026-08-20", "2026-08-21"]),
  gridOpenMs: InstrumentHours.gridOpenMs(shipped, on, Date.parse("2026-08-19T00:00:00Z"))
}
const night = ist("23:59")
const view = ({ at, open, high, low, close, volume, oi }: BarRepo.Stored) => [
  at.toISOString().slice(11, 16),
  open,
  high,
  low,
  close,
  volume,
  oi
]
const range = (on: ReturnType<typeof of>, minutes: number, more: { from?: Date; to?: Date; now?: Date } = {}) =>
  Effect.flatMap(BarRepo, (bars) => bars.range({ ...on, minutes, from: ist("00:00"), to: night, now: night, ...hours, ...more }))

layer(fresh(), { excludeTestServices: true })("BarRepo", (it) => {
  it.effect("saves each bar once; a repetition changes nothing, and a complete bar replaces an incomplete one", () =>
    Effect.gen(function* () {
      const bars = yield* BarRepo
      const on = of()
      const first = bar(on, ist("09:15"), [10, 12, 9, 11], { complete: false })
      assert.strictEqual(yield* bars.save([]), 0)
      assert.strictEqual(yield* bars.save([first, first]), 1)
      assert.strictEqual(yield* bars.save([{ ...first, close: 9 }]), 0)
      assert.strictEqual(yield* bars.save([{ ...first, high: 15, complete: true, oi: 4_294_967_295 }]), 1)
      assert.strictEqual(yield* bars.save([{ ...first, high: 20, complete: true }]), 0)
      assert.deepStrictEqual((yield* range(on, 1)).map(view), [["03:45", 10, 15, 9, 11, 10, 4_294_967_295]])
    })
  )

  it.effect(
    "longer bars are laid out from the session's open: first open, highest high, lowest low, last close, summed volume, last open interest",
    () =>
      Effect.gen(function* () {
        const bars = yield* BarRepo
        const on = of()
        yield* bars.save([
          bar(on, ist("09:15"), [10, 12, 9, 11], { oi: 1 }),
          bar(on, ist("09:19"), [11, 30, 11, 12], { oi: 2 }),
          bar(on, ist("09:20"), [12, 12, 5, 6]),
          bar(on, ist("10:14"), [6, 7, 6, 7]),
          bar(on, ist("10:15"), [7, 8, 7, 8]),
          bar(on, ist("09:15", "2026-08-20"), [50, 50, 50, 50])
        ])
        assert.deepStrictEqual((yield* range(on, 5)).map(view), [
          ["03:45", 10, 30, 9, 12, 20, 2],
          ["03:50", 12, 12, 5, 6, 10, null],
          ["04:40", 6, 7, 6, 7, 10, null],
          ["04:45", 7, 8, 7, 8, 10, null]
        ])
        assert.deepStrictEqual((yield* range(on, 60)).map(view), [
          ["03:45", 10, 30, 5, 7, 40, 2],
          ["04:45", 7, 8, 7, 8, 10, null]
        ])
        const days = yield* range(on, 1440, { to: ist("23:59", "2026-08-20") })
        assert.deepStrictEqual(
          days.map(({ at, open, close, volume }) => [at.toISOString(), open, close, volume]),
          [
            ["2026-08-18T18:30:00.000Z", 10, 8, 50],
            ["2026-08-19T18:30:00.000Z", 50, 50, 10]
          ]
        )
      })
  )

  it.effect("uses our bar if it is complete, otherwise the broker's, otherwise whichever exists", () =>
    Effect.gen(function* () {
      const bars = yield* BarRepo
      const on = of()
      const told = (time: string, price: number, minutes = 1) =>
        bar(on, ist(time), [price, price, price, price], { source: "broker", minutes, volume: 99 })
      yield* bars.save([
        bar(on, ist("09:15"), [1, 1, 1, 1]),
        bar(on, ist("09:16"), [2, 2, 2, 2], { complete: false }),
        bar(on, ist("09:17"), [3, 3, 3, 3], { complete: false }),
        told("09:15", 91),
        told("09:16", 92),
        told("09:18", 94),
        told("09:15", 95, 3),
        told("09:18", 96, 3)
      ])
      assert.deepStrictEqual((yield* range(on, 1)).map(view), [
        ["03:45", 1, 1, 1, 1, 10, null],
        ["03:46", 92, 92, 92, 92, 99, null],
        ["03:47", 3, 3, 3, 3, 10, null],
        ["03:48", 94, 94, 94, 94, 99, null]
      ])
      assert.deepStrictEqual((yield* range(on, 3)).map(view), [
        ["03:45", 95, 95, 95, 95, 99, null],
        ["03:48", 96, 96, 96, 96, 99, null]
      ])
    })
  )

  it.effect("an unfinished bar counts as complete if no minute is missing so far", () =>
    Effect.gen(function* () {
      const bars = yield* BarRepo
      const on = of()
      yield* bars.save([
        bar(on, ist("09:15"), [1, 1, 1, 1]),
        bar(on, ist("09:16"), [2, 2, 2, 2]),
        bar(on, ist("09:15"), [9, 9, 9, 9], { source: "broker", minutes: 5 })
      ])
      assert.strictEqual((yield* range(on, 5, { now: ist("09:17") }))[0]?.close, 2)
      assert.strictEqual((yield* range(on, 5, { now: ist("09:18") }))[0]?.close, 9)
      yield* bars.save([bar(on, ist("00:00"), [9, 9, 9, 9], { source: "broker", minutes: 1440 })])
      assert.strictEqual((yield* range(on, 1440, { now: ist("09:17") }))[0]?.close, 2)
      assert.strictEqual((yield* range(on, 1440))[0]?.close, 9)
    })
  )

  it.effect("the broker's later bars correct earlier ones; another name and another exchange are separate", () =>
    Effect.gen(function* () {
      const bars = yield* BarRepo
      const on = of()
      const told = bar(on, ist("09:15"), [1, 1, 1, 1], { source: "broker" })
      yield* bars.save([told])
      assert.strictEqual(yield* bars.save([{ ...told, high: 2 }]), 1)
      assert.strictEqual((yield* range(on, 1))[0]?.high, 2)
      assert.deepStrictEqual(yield* range({ ...on, tradingsymbol: "OTHER" }, 1), [])
      assert.deepStrictEqual(yield* range({ ...on, exchange: "BFO" }, 1), [])
    })
  )

  it.effect(
    "BE-DAY-04 two contracts that had one token in the same minute keep their bars; a contract keeps its own under two tokens",
    () =>
      Effect.gen(function* () {
        const bars = yield* BarRepo
        const [old, heir] = [of(), of()]
        const moved = { ...old, instrumentToken: heir.instrumentToken }
        yield* bars.save([bar(old, ist("09:15"), [1, 1, 1, 1]), bar(moved, ist("09:16"), [2, 2, 2, 2])])
        yield* bars.save([bar(heir, ist("09:16"), [9, 9, 9, 9]), bar(heir, ist("09:17"), [9, 9, 9, 9])])
        assert.deepStrictEqual(
          (yield* range(old, 1)).map(({ open }) => open),
          [1, 2]
        )
        assert.deepStrictEqual(
          (yield* range(heir, 1)).map(({ open }) => open),
          [9, 9]
        )
        yield* bars.markFetched(old, [day])
        yield* bars.markFetched(moved, [day])
      })
  )

  it.effect("a range includes both ends, but no bar that starts before it", () =>
    Effect.gen(function* () {
      const bars = yield* BarRepo
      const on = of()
      yield* bars.save([15, 16, 17, 18, 19, 20].map((minute) => bar(on, ist(`09:${minute}`), [minute, minute, minute, minute])))
      const found = yield* range(on, 1, { from: ist("09:16"), to: ist("09:18") })
      assert.deepStrictEqual(
        found.map(({ open }) => open),
        [16, 17, 18]
      )
      assert.deepStrictEqual(
        (yield* range(on, 5, { from: ist("09:16"), to: ist("09:20") })).map(({ open }) => open),
        [20]
      )
    })
  )

  it.effect("days returns whether the broker's data were fetched, and the number of our own complete minutes of the session", () =>
    Effect.gen(function* () {
      const bars = yield* BarRepo
      const on = of()
      yield* bars.save([
        bar(on, ist("09:14"), [1, 1, 1, 1]),
        bar(on, ist("09:15"), [1, 1, 1, 1]),
        bar(on, ist("15:29"), [1, 1, 1, 1]),
        bar(on, ist("15:30"), [1, 1, 1, 1]),
        bar(on, ist("09:16"), [1, 1, 1, 1], { complete: false })
      ])
      yield* bars.markFetched(on, ["2026-08-18", "2026-08-19"])
      yield* bars.markFetched(on, ["2026-08-18"])
      const days = yield* bars.days({ ...on, from: ist("00:00", "2026-08-18"), to: night, now: night, ...hours })
      assert.deepStrictEqual(
        [...days].sort((a, b) => (a.day < b.day ? -1 : 1)),
        [
          { day: "2026-08-18", fetched: true, whole: 0 },
          { day: "2026-08-19", fetched: true, whole: 2 }
        ]
      )
      assert.deepStrictEqual(
        yield* bars.days({ ...on, minutes: 5, from: ist("00:00", "2026-08-20"), to: ist("23:00", "2026-08-20"), now: night, ...hours }),
        []
      )
    })
  )

  it.effect("rejects an impossible bar", () =>
    Effect.gen(function* () {
      const bars = yield* BarRepo
      const error = yield* Effect.flip(bars.save([bar(of(), ist("09:15"), [10, 9, 8, 8])]))
      assert.strictEqual(error._tag, "StoreInvalid")
    })
  )
})
