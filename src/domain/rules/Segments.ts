import { Either } from "effect"
import * as Day from "./Day.ts"
import type * as Facts from "./Facts.ts"
import * as Grouped from "./Grouped.ts"
import { UnknownRule } from "./UnknownRule.ts"

/** The meaning of a token's lowest byte. */
export interface Unit {
  readonly lowByte: number
  /** Kite's exchange, or INDICES. */
  readonly name: string
  /** Price units of the wire per rupee. */
  readonly divisor: number
}

export interface Segments {
  /** By lowest byte. */
  readonly units: ReadonlyArray<Unit | undefined>
  readonly calendars: ReadonlyMap<Facts.Segment, Facts.Calendar>
  readonly exchanges: ReadonlyMap<
    string,
    ReadonlyArray<{ readonly segment: Facts.Segment; readonly underlyings: ReadonlySet<string> | null }>
  >
  readonly multipliers: ReadonlyMap<
    string,
    ReadonlyArray<Day.Range & { readonly multiplier: number; readonly confidence: Facts.Confidence }>
  >
}

const any = "*"
const key = (exchange: string, underlying: string): string => `${exchange}:${underlying}`

export const index = (file: typeof Facts.Segments.Type): Segments => {
  const units: Array<Unit | undefined> = Array.from({ length: 256 }, () => undefined)
  for (const { lowByte, name, divisor } of file.units) units[lowByte] = { lowByte, name, divisor }
  const exchanges = Grouped.by(
    file.exchanges.map(({ exchange, segment, underlyings }) => ({
      exchange,
      segment,
      underlyings: underlyings === undefined ? null : new Set(underlyings)
    })),
    ({ exchange }) => exchange
  )
  const multipliers = Grouped.by(
    file.multipliers.map((row) => ({
      ...Day.range(row),
      at: key(row.exchange, row.underlying),
      multiplier: row.multiplier,
      confidence: row.confidence
    })),
    ({ at }) => at
  )
  return { units, calendars: new Map(file.segments.map(({ segment, calendar }) => [segment, calendar])), exchanges, multipliers }
}

/** The segment that decides an instrument's hours. On the commodity exchange it depends on the underlying. */
export const ofExchange = (segments: Segments, exchange: string, underlying: string): Either.Either<Facts.Segment, UnknownRule> => {
  const found = segments.exchanges.get(exchange)?.find(({ underlyings }) => underlyings === null || underlyings.has(underlying))
  return found === undefined
    ? Either.left(new UnknownRule({ what: "segment", of: exchange, on: null, why: "the rulebook does not know this exchange" }))
    : Either.right(found.segment)
}

/** Every segment has a calendar; the schema and a test of the data ensure it. */
export const calendarOf = (segments: Segments, segment: Facts.Segment): Facts.Calendar => {
  const found = segments.calendars.get(segment)
  if (found === undefined) throw new RangeError(`segments.json has no calendar of ${segment}`)
  return found
}

/** The unit for the lowest byte of a token. An unknown byte is an error; paise are never assumed. */
export const unitOf = (segments: Segments, token: number): Either.Either<Unit, UnknownRule> => {
  const unit = segments.units[token & 0xff]
  return unit === undefined
    ? Either.left(
        new UnknownRule({
          what: "price unit",
          of: `segment ${token & 0xff} (token ${token})`,
          on: null,
          why: "the rulebook does not know this segment"
        })
      )
    : Either.right(unit)
}

/** Price units of the wire per rupee. */
export const divisor = (segments: Segments, token: number): Either.Either<number, UnknownRule> =>
  Either.map(unitOf(segments, token), (unit) => unit.divisor)

/** Units of the underlying in one unit of Kite's quantity on a day: 1 for shares and their derivatives, 1250 for NATURALGAS of MCX. */
export const multiplier = (
  segments: Segments,
  exchange: string,
  underlying: string,
  day: Day.Day
): Either.Either<{ readonly multiplier: number; readonly confidence: Facts.Confidence }, UnknownRule> => {
  const rows = segments.multipliers.get(key(exchange, underlying)) ?? segments.multipliers.get(key(exchange, any)) ?? []
  const row = rows.findLast((it) => Day.holds(it, day))
  return row === undefined
    ? Either.left(
        new UnknownRule({ what: "multiplier", of: `${exchange} ${underlying}`, on: Day.iso(day), why: "take it from the instrument dump" })
      )
    : Either.right({ multiplier: row.multiplier, confidence: row.confidence })
}
