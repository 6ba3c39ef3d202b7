import { Effect, Option } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Coverage from "../../domain/market/Coverage.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import { BarRepo } from "../history/BarRepo.ts"
import * as StoredBars from "../history/StoredBars.ts"
import { InstrumentRepo } from "../instruments/InstrumentRepo.ts"

/**
 * The spans of whole days of which bars are missing in Postgres, by the rulebook's sessions: days that the broker has not delivered and
 * whose own minutes are absent or incomplete. No span reaches beyond `nowMs`.
 */
export const make = Effect.gen(function* () {
  const bars = yield* BarRepo
  const instruments = yield* InstrumentRepo

  return (
    rules: Hours.Rules,
    place: InstrumentHours.Place | undefined,
    instrument: Instrument.Instrument,
    { minutes }: KiteHistory.Interval,
    span: KiteHistory.Span,
    nowMs: number
  ) =>
    Effect.gen(function* () {
      const stored = yield* bars.days(StoredBars.rangeOf(rules, place, instrument, minutes, span, nowMs))
      // The broker finds history by token. On these days the token named another contract, whose candles must not become this one's. A share
      // keeps its token when it gets another name.
      const another =
        instrument.expiry === null ? Option.none<string>() : yield* instruments.lastOfAnother(instrument.token, instrument.tradingsymbol)
      const ownFromMs = Option.match(another, { onNone: () => 0, onSome: (day) => IndiaTime.istMidnightMs(day) + IndiaTime.dayMs })
      return Coverage.missing(stored, { ...span, fromMs: Math.max(span.fromMs, ownFromMs) }, nowMs, (day) =>
        InstrumentHours.on(rules, place, day)
      )
    })
})
