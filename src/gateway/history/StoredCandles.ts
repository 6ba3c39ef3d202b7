import { Effect, Option } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as CorporateActions from "../../domain/market/CorporateActions.ts"
import * as Coverage from "../../domain/market/Coverage.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { BarRepo, type Source } from "../../store/BarRepo.ts"
import { CorporateActionRepo } from "../../store/CorporateActionRepo.ts"
import { InstrumentRepo } from "../../store/InstrumentRepo.ts"
import * as Asks from "../../streams/Asks.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import { Engine } from "../shared/Engine.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { orProblem } from "../shared/StoreProblem.ts"

/** A candle, who made it, and whether it has every tick and minute that it can have by now. */
export interface StoredCandle extends KiteHistory.Candle {
  readonly source: Source
  readonly complete: boolean
}

/** The candles that Postgres holds, and the engine's help with those that it lacks. */
export const make = Effect.gen(function* () {
  const repo = yield* BarRepo
  const actions = yield* CorporateActionRepo
  const instruments = yield* InstrumentRepo
  const engine = yield* Engine
  const rules = yield* RuleBook
  const { placeOf } = yield* Lifetimes

  const rangeOf = (instrument: Instrument.Instrument, { minutes }: KiteHistory.Interval, span: KiteHistory.Span, nowMs: number) => {
    const place = placeOf(instrument)
    return {
      exchange: instrument.exchange,
      tradingsymbol: instrument.tradingsymbol,
      minutes,
      from: new Date(span.fromMs),
      to: new Date(span.toMs),
      now: new Date(nowMs),
      sessions: InstrumentHours.during(rules.current(), place, Coverage.daysIn(span)),
      gridOpenMs: InstrumentHours.gridOpenMs(rules.current(), place, span.toMs)
    }
  }

  /** Asks the engine to fetch the missing candles of the span into Postgres. */
  const fill = (instrument: Instrument.Instrument, interval: KiteHistory.Interval, span: KiteHistory.Span, nowMs: number) =>
    Effect.gen(function* () {
      const place = placeOf(instrument)
      const sessionOf = (day: string) => InstrumentHours.on(rules.current(), place, day)
      const stored = yield* orProblem(repo.days(rangeOf(instrument, interval, span, nowMs)))
      // The broker finds history by token. On these days the token named another contract, whose candles must not become this one's. A share
      // keeps its token when it gets another name.
      const another =
        instrument.expiry === null
          ? Option.none<string>()
          : yield* orProblem(instruments.lastOfAnother(instrument.token, instrument.tradingsymbol))
      const ownFromMs = Option.match(another, { onNone: () => 0, onSome: (day) => IndiaTime.istMidnightMs(day) + IndiaTime.dayMs })
      yield* Effect.forEach(
        Coverage.missing(stored, { ...span, fromMs: Math.max(span.fromMs, ownFromMs) }, nowMs, sessionOf),
        ({ fromMs, toMs }) =>
          engine.ask(Asks.fetchHistory, {
            exchange: instrument.exchange,
            instrument_token: instrument.token,
            tradingsymbol: instrument.tradingsymbol,
            minutes: interval.minutes,
            from_ms: fromMs,
            to_ms: toMs
          }),
        { discard: true }
      )
    })

  /** The corporate actions of a share. The broker's bars from before one that came into force are dropped, so that `fill` fetches them again. */
  const actionsOf = ({ exchange, tradingsymbol, instrumentType }: Instrument.Instrument, nowMs: number) =>
    Effect.gen(function* () {
      if (instrumentType !== "EQ") return []
      const found = yield* orProblem(actions.ofShare(exchange, tradingsymbol))
      if (found.length > 0) yield* orProblem(actions.dropBrokerBars({ exchange, symbol: tradingsymbol }, IndiaTime.istDate(nowMs)))
      return found
    })

  /** `isAdjusted`: in the newest shares; otherwise at the prices that were traded. */
  const read = (
    instrument: Instrument.Instrument,
    interval: KiteHistory.Interval,
    span: KiteHistory.Span,
    nowMs: number,
    done: ReadonlyArray<CorporateActions.Action>,
    isAdjusted: boolean
  ) => {
    const scale = Instrument.priceScale(instrument.token)
    const today = IndiaTime.istDate(nowMs)
    return Effect.map(orProblem(repo.range(rangeOf(instrument, interval, span, nowMs))), (rows) =>
      rows.map(({ at, ours, ...row }): StoredCandle => {
        const source: Source = ours ? "live" : "broker"
        const one = CorporateActions.apply(done, { atMs: at.getTime(), ...row, source }, source, isAdjusted, today)
        return { ...one, open: one.open / scale, high: one.high / scale, low: one.low / scale, close: one.close / scale }
      })
    )
  }

  return { actionsOf, fill, read } as const
})
