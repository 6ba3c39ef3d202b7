import * as CorporateActions from "../../domain/market/CorporateActions.ts"
import * as Coverage from "../../domain/market/Coverage.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import type { InstrumentRegistry } from "../instruments/InstrumentRegistry.ts"
import type { BarRepo, Range, Source } from "./BarRepo.ts"

/** Where an instrument trades, judged by today's contracts of its underlying; undefined if the rulebook does not know its exchange. */
export const placeOf = (
  registry: InstrumentRegistry,
  rules: Hours.Rules,
  instrument: Instrument.Instrument
): InstrumentHours.Place | undefined => InstrumentHours.placeOf(rules, instrument, registry.hasDerivatives(instrument))

/** The query for an instrument's bars of a span. */
export const rangeOf = (
  rules: Hours.Rules,
  place: InstrumentHours.Place | undefined,
  { exchange, tradingsymbol }: Instrument.Instrument,
  minutes: number,
  span: KiteHistory.Span,
  nowMs: number
): Range => ({
  exchange,
  tradingsymbol,
  minutes,
  from: new Date(span.fromMs),
  to: new Date(span.toMs),
  now: new Date(nowMs),
  sessions: InstrumentHours.during(rules, place, Coverage.daysIn(span)),
  gridOpenMs: InstrumentHours.gridOpenMs(rules, place, span.toMs)
})

/** A candle with its origin, and whether it has every tick and minute that can exist by now. */
export interface StoredCandle extends KiteHistory.Candle {
  readonly source: Source
  readonly complete: boolean
}

/**
 * The stored rows as candles in rupees. With `isAdjusted`, prices are in the newest shares; otherwise they are the traded prices. Corporate
 * actions after `lastDay` change nothing. An index or a share has no open interest: `oi` is null, although the broker's candles say 0.
 */
export const candlesOf = (
  rows: ReadonlyArray<BarRepo.Stored>,
  instrument: Instrument.Instrument,
  actions: ReadonlyArray<CorporateActions.Action>,
  isAdjusted: boolean,
  lastDay: string
): ReadonlyArray<StoredCandle> => {
  const scale = Instrument.priceScale(instrument.token)
  const hasOpenInterest = instrument.instrumentType !== "EQ"
  return rows.map(({ at, ours, ...row }): StoredCandle => {
    const source: Source = ours ? "live" : "broker"
    const one = CorporateActions.apply(actions, { atMs: at.getTime(), ...row, source }, source, isAdjusted, lastDay)
    return {
      ...one,
      open: one.open / scale,
      high: one.high / scale,
      low: one.low / scale,
      close: one.close / scale,
      oi: hasOpenInterest ? one.oi : null
    }
  })
}
