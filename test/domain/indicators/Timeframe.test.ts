import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Catalogue from "../../../src/domain/indicators/Catalogue.ts"
import * as Indicator from "../../../src/domain/indicators/Indicator.ts"
import * as Timeframe from "../../../src/domain/indicators/Timeframe.ts"
import { aggregate } from "./Aggregate.ts"

const at = (text: string) => Date.parse(`${text}+05:30`)
const sessionMinutes = 375
/** NSE opens at 09:15. */
const openMs = 9.25 * 3_600_000
/** One-minute bars of several sessions; each value derives from its position, so that a wrong grouping shows. */
const minutes = (days: number, keep: (index: number) => boolean = () => true): ReadonlyArray<Indicator.Bar> =>
  Array.from({ length: days * sessionMinutes }, (_, index): Indicator.Bar => {
    const price = 24_500 + ((index * 7919) % 1000) / 20
    return {
      atMs: at("2026-08-17T09:15:00") + Math.floor(index / sessionMinutes) * 86_400_000 + (index % sessionMinutes) * 60_000,
      open: price,
      high: price + (index % 13) / 20,
      low: price - (index % 11) / 20,
      close: price + ((index % 5) - 2) / 20,
      volume: index % 97
    }
  }).filter((_, index) => keep(index))

describe("Timeframe", () => {
  it("BE-SVC-03 bars start at the open and never cross the end of a session", () => {
    const start = (text: string, width: number) =>
      new Date(Timeframe.barStartMs(at(text), width, openMs) + 19_800_000).toISOString().slice(0, 16)
    assert.strictEqual(start("2026-08-17T09:15:00", 5), "2026-08-17T09:15")
    assert.strictEqual(start("2026-08-17T09:19:59", 5), "2026-08-17T09:15")
    assert.strictEqual(start("2026-08-17T10:14:59", 60), "2026-08-17T09:15")
    assert.strictEqual(start("2026-08-17T15:29:00", 60), "2026-08-17T15:15")
    assert.strictEqual(start("2026-08-17T09:08:00", 15), "2026-08-17T09:00")
    assert.strictEqual(start("2026-08-17T01:00:00", 720), "2026-08-17T00:00")
    assert.strictEqual(start("2026-08-17T15:29:00", 1440), "2026-08-17T00:00")
    const hours = aggregate(minutes(2), 60, openMs)
    assert.strictEqual(hours.length, 14)
    assert.deepStrictEqual(
      hours.map((bar) => minutes(2).filter((it) => Timeframe.barStartMs(it.atMs, 60, openMs) === bar.atMs).length),
      [60, 60, 60, 60, 60, 60, 15, 60, 60, 60, 60, 60, 60, 15]
    )
  })

  it("BE-SVC-03 a one-minute timeframe returns the minutes, and a day is the whole session", () => {
    assert.deepStrictEqual(aggregate(minutes(2), 1, openMs), minutes(2))
    const [first, second, ...rest] = aggregate(minutes(2), 1440, openMs)
    assert.deepStrictEqual(rest, [])
    const day = minutes(1)
    assert.deepStrictEqual(first, {
      atMs: at("2026-08-17T00:00:00"),
      open: day[0]!.open,
      high: Math.max(...day.map((bar) => bar.high)),
      low: Math.min(...day.map((bar) => bar.low)),
      close: day.at(-1)!.close,
      volume: day.reduce((sum, bar) => sum + bar.volume, 0)
    })
    assert.strictEqual(second!.atMs, at("2026-08-18T00:00:00"))
  })

  it.prop(
    "BE-SVC-03 longer bars built from shorter bars equal those built from minutes",
    [FastCheck.constantFrom([3, 15], [5, 15], [5, 60], [15, 60], [15, 1440], [5, 75] as const), FastCheck.integer({ min: 2, max: 9 })],
    ([[short, long], hole]) => {
      const some = minutes(3, (index) => index % hole !== 0)
      assert.deepStrictEqual(aggregate(aggregate(some, short!, openMs), long!, openMs), aggregate(some, long!, openMs))
    }
  )

  it.prop(
    "BE-SVC-03 a corrected minute gives the same bar as a minute that was right at first",
    [FastCheck.constantFrom(3, 5, 15, 60), FastCheck.constantFrom("rsi", "vwap", "supertrend", "adx")],
    ([width, name]) => {
      const { indicator } = Either.getOrThrow(Catalogue.make(name))
      const some = minutes(2)
      const expected = Indicator.batch(indicator, aggregate(some, width, openMs))
      let state: Timeframe.State | null = null
      let live = Indicator.start(indicator)
      const seen: Array<Indicator.Values> = []
      for (const minute of some) {
        for (const version of [{ ...minute, high: minute.high + 500, close: minute.low, volume: 1 }, minute]) {
          const [next, closed]: readonly [Timeframe.State, Indicator.Bar | null] = Timeframe.step(state, version, width, openMs)
          if (closed !== null) seen.push(live.values!)
          state = next
          live = Indicator.update(indicator, live, Timeframe.current(state))
        }
      }
      seen.push(live.values!)
      assert.deepStrictEqual(seen, expected)
    }
  )

  it("a minute before the open minute changes nothing", () => {
    const [a, b] = minutes(1)
    const [state] = Timeframe.step(null, b!, 5, openMs)
    const [after, closed] = Timeframe.step(state, a!, 5, openMs)
    assert.strictEqual(after, state)
    assert.isNull(closed)
  })
})
