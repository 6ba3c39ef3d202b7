import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Catalogue from "../../../src/domain/indicators/Catalogue.ts"
import * as Folding from "../../../src/domain/indicators/Folding.ts"
import type * as Indicator from "../../../src/domain/indicators/Indicator.ts"
import * as Series from "../../../src/domain/indicators/Series.ts"
import { aggregate } from "./Aggregate.ts"

const sessionMinutes = 375
const openMs = 9.25 * 3_600_000
const readies = Catalogue.entries.map(({ name }) => Either.getOrThrow(Catalogue.parse(name)))
const grid = (minutes: number): Folding.Grid => ({ minutes, openMs, sessionMinutes })
const firstDay = "2026-07-01"
/** One-minute bars of ten days in a row, with holes where an instrument did not trade. */
const minutes = (hole: number): ReadonlyArray<Indicator.Bar> =>
  Array.from({ length: 10 * sessionMinutes }, (_, place): Indicator.Bar => {
    const price = 24_500 + ((place * 7919) % 1000) / 20
    return {
      atMs:
        IndiaTime.istMidnightMs(firstDay) +
        openMs +
        Math.floor(place / sessionMinutes) * IndiaTime.dayMs +
        (place % sessionMinutes) * IndiaTime.minuteMs,
      open: price,
      high: price + (place % 13) / 20,
      low: price - (place % 11) / 20,
      close: price + ((place % 5) - 2) / 20,
      volume: place % 97
    }
  }).filter((_, place) => place % hole !== 0)

/** Seeds as the actor does, from the stored minutes. */
const seeded = (stored: ReadonlyArray<Indicator.Bar>, width: number, atLeastDay: string) => {
  const bars = aggregate(stored, width, openMs)
  const newest = bars.at(-1)
  const newestDay = newest === undefined ? atLeastDay : IndiaTime.istDate(newest.atMs)
  const inNewest = newest === undefined ? [] : stored.filter(({ atMs }) => atMs >= newest.atMs)
  return Folding.seed(readies, grid(width), bars, inNewest, newestDay < atLeastDay ? atLeastDay : newestDay)
}
const valuesOf = ({ live }: Folding.State) => live.map(({ values }) => values.values)
/** What the gateway computes at the newest of the bars. */
const batch = (known: ReadonlyArray<Indicator.Bar>, width: number) => {
  const bars = aggregate(known, width, openMs)
  return readies.map((ready) => {
    const [run] = Series.segments(ready, bars, bars.length - 1, bars.length, width, sessionMinutes)
    return run === undefined ? null : Series.valuesOf(ready, bars, run)[0]
  })
}

/** Streams minutes from `from` on, each first in a wrong version, with a restart before the given places. */
const stream = (all: ReadonlyArray<Indicator.Bar>, width: number, from: number, to: number, restarts: ReadonlySet<number>) => {
  let state = seeded(all.slice(0, from), width, "")
  for (let at = from; at < to; at++) {
    const minute = all[at] as Indicator.Bar
    if (restarts.has(at)) state = seeded(all.slice(0, at), width, "")
    for (const version of [{ ...minute, high: minute.high + 500, close: minute.low, volume: 1 }, minute]) {
      let next = Folding.apply(state, grid(width), version)
      if (next === "reseed") {
        state = seeded(all.slice(0, at), width, IndiaTime.istDate(minute.atMs))
        next = Folding.apply(state, grid(width), version)
      }
      assert(next !== "reseed")
      state = next
    }
  }
  return state
}

describe("Folding", () => {
  it.prop(
    "BE-SVC-03 streaming equals batch bit for bit, over every timeframe, over days and over restarts",
    [
      FastCheck.constantFrom(1, 3, 5, 10, 15, 30, 60, 1440),
      FastCheck.integer({ min: 2, max: 9 }),
      FastCheck.integer({ min: 1_000, max: 1_500 }),
      FastCheck.integer({ min: 1, max: 500 }),
      FastCheck.array(FastCheck.integer({ min: 1_000, max: 2_000 }), { maxLength: 3 })
    ],
    ([width, hole, from, count, restarts]) => {
      const all = minutes(hole)
      const to = Math.min(all.length, from + count)
      const state = stream(all, width, from, to, new Set(restarts))
      assert.deepStrictEqual(valuesOf(state), batch(all.slice(0, to), width))
    },
    { fastCheck: { numRuns: 40 } }
  )

  it("a minute that the stored bars contain changes nothing, and nothing is known without any bar", () => {
    const all = minutes(1_000_000)
    const state = seeded(all.slice(0, 1_000), 5, "")
    assert.strictEqual(Folding.apply(state, grid(5), all[900] as Indicator.Bar), state)
    const nothing = seeded([], 5, "2026-07-01")
    assert.deepStrictEqual(
      valuesOf(nothing),
      readies.map(() => null)
    )
    assert.strictEqual(nothing.newestMs, null)
    const first = Folding.apply(nothing, grid(5), all[0] as Indicator.Bar)
    assert(first !== "reseed")
    assert.deepStrictEqual(valuesOf(first), batch(all.slice(0, 1), 5))
    assert.strictEqual(Folding.apply(first, grid(5), all[375] as Indicator.Bar), "reseed")
  })
})
