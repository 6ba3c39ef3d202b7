import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as Day from "./Day.ts"
import type * as Facts from "./Facts.ts"
import * as Grouped from "./Grouped.ts"
import * as Hours from "./Hours.ts"
import * as Segments from "./Segments.ts"
import * as Span from "./Span.ts"
import { UnknownRule } from "./UnknownRule.ts"

type Time = Day.Range & { readonly timeMs: number | "close" }

export type Times = ReadonlyMap<Facts.Segment, ReadonlyArray<Time>>

export const index = (file: typeof Facts.Sessions.Type): Times =>
  Grouped.by(
    file.expiryTimes.map((row) => ({
      ...Day.range(row),
      segment: row.segment,
      timeMs: row.time === "close" ? row.time : Span.timeMs(row.time)
    })),
    ({ segment }) => segment
  )

/** The parts of a rule set that the expiry instant needs. */
export interface Rules extends Hours.Rules {
  readonly expiryTimes: Times
}

/** The fields of a contract that decide when it expires: Kite's exchange (NFO, MCX), the underlying's name and the day. */
export interface Contract {
  readonly exchange: string
  readonly underlying: string
  /** "YYYY-MM-DD". */
  readonly expiry: string
}

/** A commodity contract expires when its session closes. If the list closes that day, the expiry has moved, so the usual hours are used. */
const closeOf = (rules: Rules, segment: Facts.Segment, day: Day.Day): Either.Either<number, UnknownRule> => {
  const session = Hours.session(rules, segment, undefined, day)
  if (Either.isRight(session) && session.right !== null) return Either.right(session.right.closesAtMs)
  return Either.flatMap(Hours.usualSession(rules, segment, undefined, day), (usual) =>
    usual === null
      ? Either.left(new UnknownRule({ what: "close", of: segment, on: Day.iso(day), why: "the day's hours have no trading" }))
      : Either.right(usual.closesAtMs)
  )
}

/** UTC milliseconds at which a contract expires: it is alive before that instant and expired at it. */
export const expiresAtMs = (rules: Rules, { exchange, underlying, expiry }: Contract): Either.Either<number, UnknownRule> =>
  Either.gen(function* () {
    const segment = yield* Segments.ofExchange(rules.segments, exchange, underlying)
    const day = Day.ofIso(expiry)
    const time = rules.expiryTimes.get(segment)?.findLast((it) => Day.holds(it, day))
    if (time === undefined)
      return yield* Either.left(
        new UnknownRule({
          what: "time of expiry",
          of: `${exchange} ${underlying}`,
          on: expiry,
          why: "no row of the rulebook covers the day"
        })
      )
    return time.timeMs === "close" ? yield* closeOf(rules, segment, day) : Day.midnightMs(day) + time.timeMs
  })

/** Calendar time to expiry for pricing, in years of 365 days; zero or negative once expired. */
export const yearsTo = IndiaTime.yearsTo
