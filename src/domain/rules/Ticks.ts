import { Either } from "effect"
import { Decimal } from "../Money.ts"
import * as Day from "./Day.ts"
import type * as Facts from "./Facts.ts"
import * as Grouped from "./Grouped.ts"
import { UnknownRule } from "./UnknownRule.ts"

export type Ticks = ReadonlyMap<Facts.TickInstrument, ReadonlyArray<Day.Range & { readonly row: Facts.TickRow }>>

export const index = (file: typeof Facts.Ticks.Type): Ticks =>
  Grouped.by(
    file.ticks.map((row) => ({ ...Day.range(row), instrument: row.instrument, row })),
    ({ instrument }) => instrument
  )

export interface Question {
  readonly instrument: Facts.TickInstrument
  readonly underlying?: string
  /** "YYYY-MM-DD". */
  readonly on: string
  /** The close or index level on the last trading day of the previous month. It decides the band. */
  readonly reviewPrice?: Decimal
  /** For a share option: the tick of the share itself. */
  readonly underlyingTick?: Decimal
}

export interface Tick {
  readonly tick: Decimal
  readonly confidence: Facts.Confidence
}

/** Whether a row applies; null if the question lacks a value that the row needs. */
const fits = (row: Facts.TickRow, { reviewPrice, underlyingTick }: Question): boolean | null => {
  if (row.underlyingTick !== undefined) return underlyingTick === undefined ? null : underlyingTick.equals(row.underlyingTick)
  if (row.priceFrom === undefined && row.priceBelow === undefined) return true
  if (reviewPrice === undefined) return null
  return reviewPrice.gte(row.priceFrom ?? "0") && (row.priceBelow === undefined || reviewPrice.lt(row.priceBelow))
}

/** The tick of an instrument on a date. */
export const tick = (ticks: Ticks, question: Question): Either.Either<Tick, UnknownRule> => {
  const day = Day.ofIso(question.on)
  const unknown = (why: string) => Either.left(new UnknownRule({ what: "tick", of: question.instrument, on: question.on, why }))
  for (const { row, fromDay, toDay } of ticks.get(question.instrument) ?? []) {
    if (!Day.holds({ fromDay, toDay }, day) || (row.underlying !== undefined && row.underlying !== question.underlying)) continue
    const fit = fits(row, question)
    if (fit === null)
      return unknown(row.underlyingTick === undefined ? "the price that fixes the band is missing" : "the tick of the share is missing")
    if (fit) return Either.right({ tick: new Decimal(row.tick), confidence: row.confidence })
  }
  return unknown("no row of the rulebook fits")
}
