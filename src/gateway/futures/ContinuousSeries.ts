import { Effect } from "effect"
import * as Rollover from "../../domain/futures/Rollover.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import * as Life from "../../domain/market/Life.ts"
import * as Rounding from "../../domain/options/Rounding.ts"
import { InstrumentRepo } from "../../store/instruments/InstrumentRepo.ts"
import { History } from "../history/History.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { orProblem } from "../shared/StoreProblem.ts"

type Problems = Effect.Effect.Error<ReturnType<History["candles"]>>

/** Decimal places beyond those of the price: a ratio leaves no whole ticks. */
const adjustedPlaces = 2
/** Contracts of one series. */
const contractsMax = 24
/** Without `from` a series begins this long before its end. */
const daysDefault = 30

/** Joins the bars of an underlying's futures, expired ones too. The series follows each contract until it expires. */
export const make = Effect.gen(function* () {
  const instruments = yield* InstrumentRepo
  const history = yield* History
  const lifetimes = yield* Lifetimes

  /** The contracts that the span meets, ascending: those that end in it, and the one that is followed at its end. */
  const contracts = (symbol: string, { fromMs, toMs }: KiteHistory.Span) =>
    Effect.map(orProblem(instruments.futures(Life.derivativesExchange(lifetimes.exchangeOf(symbol)), symbol)), (all) => {
      const ended = all.map((instrument) => ({ instrument, endsMs: lifetimes.endOf(instrument) ?? Number.POSITIVE_INFINITY }))
      const alive = ended.filter(({ endsMs }) => endsMs >= fromMs)
      const last = alive.findIndex(({ endsMs }) => endsMs >= toMs)
      return alive.slice(0, last < 0 ? alive.length : last + 1).slice(-contractsMax)
    })

  /** At most the bars of one /history answer for each contract. `from` is 30 days before `toMs` unless given. */
  return (symbol: string, adjustment: Rollover.Adjustment, interval: KiteHistory.Interval, from: number | undefined, toMs: number) =>
    Effect.gen(function* () {
      const fromMs = from ?? toMs - daysDefault * IndiaTime.dayMs
      const warnings = new Set<string>()
      const found = yield* contracts(symbol, { fromMs, toMs })
      const segments = yield* Effect.forEach(
        found,
        ({ instrument, endsMs }): Effect.Effect<Rollover.Segment, Problems> =>
          // After its expiry a contract's token may name another contract.
          Effect.map(history.candles(instrument, interval, { fromMs, toMs: Math.min(toMs, endsMs) }, false), ({ candles, warning }) => {
            if (warning !== null) warnings.add(warning)
            return { contract: instrument.tradingsymbol, untilMs: endsMs, bars: candles }
          })
      )
      const series = Rollover.continuous(segments, adjustment)
      const scale = found[0] === undefined ? 1 : Instrument.priceScale(found[0].instrument.token)
      const places = Money.placesOf(scale) + adjustedPlaces
      const price = (value: number): number => Rounding.round(value, places) ?? 0
      return {
        adjustment,
        interval: interval.name,
        contracts: segments.map(({ contract }) => contract),
        bars: (series.bars ?? []).map(({ atMs, contract, ...bar }) => ({
          date: IndiaTime.isoTime(atMs),
          open: price(bar.open),
          high: price(bar.high),
          low: price(bar.low),
          close: price(bar.close),
          volume: bar.volume,
          contract
        })),
        unjoined: series.error,
        warning: warnings.size === 0 ? null : [...warnings].join("; ")
      }
    })
})
