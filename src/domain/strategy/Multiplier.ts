import { Either } from "effect"
import * as Symbol from "../market/Symbol.ts"
import * as Day from "../rules/Day.ts"
import * as Segments from "../rules/Segments.ts"
import type { UnknownRule } from "../rules/UnknownRule.ts"

/**
 * Units of the underlying in one unit of Kite's quantity, by the rulebook: 1 for shares and their derivatives; commodities and currencies
 * count contracts, NATURALGAS of MCX 1250 units each.
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

/** What has no multiplier in the rulebook was refused when it was recorded; rows from before count one unit each. */
export const lookup =
  (segments: Segments.Segments, atMs: number): MultiplierOf =>
  (instrument) =>
    Either.getOrElse(of(segments, instrument, atMs), () => 1)

export const single: MultiplierOf = () => 1
