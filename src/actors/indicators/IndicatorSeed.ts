import { Data, Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Catalogue from "../../domain/indicators/Catalogue.ts"
import * as Folding from "../../domain/indicators/Folding.ts"
import * as Series from "../../domain/indicators/Series.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { CorporateActionRepo } from "../../store/calendar/CorporateActionRepo.ts"
import { BarRepo } from "../../store/history/BarRepo.ts"
import * as StoredBars from "../../store/history/StoredBars.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"

/** The day's instruments do not have this one, or they are not loaded yet. */
export class UnknownInstrument extends Data.TaggedError("UnknownInstrument")<{
  readonly exchange: string
  readonly tradingsymbol: string
}> {
  override get message() {
    return `no instrument ${this.exchange}:${this.tradingsymbol} among the day's: it expired, or they are not loaded yet`
  }
}

/** An instrument and timeframe whose indicators are folded, and the state after the stored bars. */
export interface Seeded {
  readonly instrument: Instrument.Instrument
  readonly grid: Folding.Grid
  readonly state: Folding.State
  /** When a bar closes, UNIX ms. */
  readonly closesMs: (barMs: number) => number
}

/** Seeds indicators from the bars in Postgres, as the gateway computes them. */
export const make = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const bars = yield* BarRepo
  const actions = yield* CorporateActionRepo
  const clock = yield* MarketClock
  const book = yield* RuleBook

  /** The series are those of the newest stored bar's day, or of `atLeastDay` ("YYYY-MM-DD") if that is later. */
  return (
    exchange: string,
    tradingsymbol: string,
    { minutes }: KiteHistory.Interval,
    readies: ReadonlyArray<Catalogue.Ready>,
    atLeastDay: string
  ) =>
    Effect.gen(function* () {
      const instrument = registry.bySymbol(exchange, tradingsymbol)
      if (instrument === undefined) return yield* new UnknownInstrument({ exchange, tradingsymbol })
      const nowMs = clock.unsafeNow()
      const rules = book.current()
      const place = StoredBars.placeOf(registry, rules, instrument)
      const grid: Folding.Grid = {
        minutes,
        openMs: InstrumentHours.gridOpenMs(rules, place, nowMs),
        sessionMinutes: InstrumentHours.usualMinutes(rules, place, nowMs)
      }
      const done = instrument.instrumentType === "EQ" ? yield* actions.ofShare(exchange, tradingsymbol) : []
      const read = (width: number, fromMs: number) =>
        Effect.map(bars.range(StoredBars.rangeOf(rules, place, instrument, width, { fromMs, toMs: nowMs }, nowMs)), (rows) =>
          StoredBars.candlesOf(rows, instrument, done, true, InstrumentHours.lastOpenedDay(rules, place, nowMs))
        )
      const oldestDay = IndiaTime.istDate(nowMs - Series.newestBarDaysMax * IndiaTime.dayMs)
      const stored = yield* read(minutes, Math.min(...readies.map((one) => Series.originMs(one, oldestDay, minutes, grid.sessionMinutes))))
      const newest = stored.at(-1)
      const newestDay = IndiaTime.istDate(newest?.atMs ?? nowMs)
      const inNewest = newest === undefined ? [] : yield* read(1, newest.atMs)
      const seeded: Seeded = {
        instrument,
        grid,
        state: Folding.seed(readies, grid, stored, inNewest, newest === undefined || newestDay < atLeastDay ? atLeastDay : newestDay),
        closesMs: (barMs) => InstrumentHours.barClosesMs(rules, place, barMs, minutes)
      }
      return seeded
    })
})
