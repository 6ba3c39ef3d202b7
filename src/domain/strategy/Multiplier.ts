import { Either } from "effect"
import * as Symbol from "../market/Symbol.ts"
import * as Day from "../rules/Day.ts"
import * as Segments from "../rules/Segments.ts"
import type { UnknownRule } from "../rules/UnknownRule.ts"

/**
 * Units of the underlying per unit of Kite's quantity, from the rulebook: 1 for shares and their derivatives. Commodities and
 * currencies count contracts; one NATURALGAS contract of MCX has 1250 units.
 */
export const of = (
  segments: Segments.Segments,
  { exchange, tradingsymbol }: { readonly exchange: string; readonly tradingsymbol: string },
  atMs: number
): Either.Either<number, UnknownRule> =>
  Either.map(
    Segments.multiplier(segments, exchange, Symbol.parse(tradingsymbol)?.name ?? tradingsymbol, Day.at(atMs)),
    ({ multiplier }) => multiplier
  )

export type MultiplierOf = (instrument: { readonly exchange: string; readonly tradingsymbol: string }) => number

/** New fills without a multiplier in the rulebook are rejected when they are recorded. Older rows count one unit each. */
export const lookup =
  (segments: Segments.Segments, atMs: number): MultiplierOf =>
  (instrument) =>
    Either.getOrElse(of(segments, instrument, atMs), () => 1)

export const single: MultiplierOf = () => 1
