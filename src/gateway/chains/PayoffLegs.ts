import { Effect, Either } from "effect"
import type { Leg } from "../../contract/chains/ChainAnalysisApi.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Position from "../../domain/strategy/Position.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { instrumentBySymbol, notFoundText } from "../shared/Lookup.ts"
import { Chains } from "./Chains.ts"
import type * as PayoffView from "./PayoffView.ts"
import { earliestExpiry } from "./PayoffView.ts"
import { Valuation } from "./Valuation.ts"

/** A leg as requested, before the market supplies what the request leaves out. */
export interface Terms {
  readonly given: Leg
  /** Its position in the request. */
  readonly place: number
  readonly kind: PayoffView.Leg["kind"]
  readonly strike: number | null
  readonly expiry: string | null
  readonly instrument: Instrument.Instrument | undefined
}

export type Refused = { readonly field: string; readonly message: string }
const refuse = (place: number, field: keyof Leg & string, message: string) =>
  Either.left<Refused>({ field: `legs.${place}.${field}`, message })
export const givenOr = "is not known, so it has to be given"

/** A leg given by type, with the strike and expiry that its type needs. */
const spelled = (given: Leg, place: number): Either.Either<Terms, Refused> => {
  const { type, strike, expiry } = given
  if (type === undefined) return refuse(place, "type", "expected a tradingsymbol, or type with strike and expiry")
  const isOption = type === "CE" || type === "PE"
  if (isOption && strike === undefined) return refuse(place, "strike", "an option needs a strike")
  if (type !== "EQ" && expiry === undefined) return refuse(place, "expiry", "what expires needs its expiry")
  return Either.right({
    given,
    place,
    kind: type,
    strike: isOption ? (strike ?? null) : null,
    expiry: type === "EQ" ? null : (expiry ?? null),
    instrument: undefined
  })
}

const named = (given: Leg, place: number, instrument: Instrument.Instrument): Terms => ({
  given,
  place,
  kind: instrument.instrumentType,
  strike: Instrument.isOption(instrument) ? Money.toNumber(instrument.strike, Instrument.priceScale(instrument.token)) : null,
  expiry: instrument.expiry,
  instrument
})

/** Resolves the legs of POST /fo/payoff: what the request leaves out comes from the market. */
export const make = Effect.gen(function* () {
  const chains = yield* Chains
  const registry = yield* InstrumentRegistry
  const valuation = yield* Valuation
  const lifetimes = yield* Lifetimes

  const termsOf = (given: Leg, place: number): Either.Either<Terms, Refused> => {
    if (given.tradingsymbol === undefined) return spelled(given, place)
    const instrument = instrumentBySymbol(registry, given.exchange, given.tradingsymbol)
    return instrument === undefined
      ? refuse(place, "tradingsymbol", notFoundText("Instrument"))
      : Either.right(named(given, place, instrument))
  }
  /** The one underlying of all legs: the requested symbol, or that of the named legs. Null when nothing names one. */
  const symbolOf = (asked: string | undefined, terms: ReadonlyArray<Terms>): Either.Either<string | null, Refused> => {
    let symbol = asked ?? null
    if (asked !== undefined && !chains.isKnown(asked)) return Either.left({ field: "symbol", message: notFoundText("Symbol") })
    for (const { instrument, place } of terms) {
      const name = instrument === undefined ? null : (Instrument.underlyingOf(instrument)?.name ?? null)
      if (name === null) continue
      if (symbol !== null && name !== symbol) return refuse(place, "tradingsymbol", `is of ${name}, the others are of ${symbol}`)
      symbol = name
    }
    return Either.right(symbol)
  }
  const lastPrice = ({ expiry, instrument, kind, strike }: Terms, symbol: string): number | null => {
    if (instrument !== undefined) return valuation.quote(instrument).lastPrice
    if (kind === "EQ" || expiry === null) return valuation.spot(symbol)
    if (kind === "FUT") return valuation.futurePrice(symbol, expiry)
    return strike === null ? null : valuation.optionPrice(symbol, expiry, strike, kind)
  }
  const legOf = (terms: Terms, symbol: string | null, spot: number): Either.Either<PayoffView.Leg, Refused> => {
    const { expiry, given, kind, place, strike } = terms
    if (expiry !== null && !lifetimes.isAlive(symbol ?? "", expiry)) return refuse(place, "expiry", "has passed")
    const last = symbol === null ? null : lastPrice(terms, symbol)
    const entryPrice = given.entry_price ?? (last === null ? null : Money.ofNumber(last))
    if (entryPrice === null) return refuse(place, "entry_price", givenOr)
    const future = kind === "FUT" ? last : null
    const iv = strike === null || expiry === null ? null : (given.iv ?? (symbol === null ? null : valuation.iv(symbol, expiry, strike)))
    if (strike !== null && iv === null) return refuse(place, "iv", givenOr)
    const forward = given.forward ?? future ?? (expiry === null ? spot : valuation.forward(symbol ?? "", expiry, spot))
    return Either.right({
      kind,
      strike,
      expiry,
      quantity: Position.signed(given.direction, given.quantity),
      entryPrice,
      iv,
      forward
    })
  }
  /** Volatility at the money of the earliest expiry, else of a leg. */
  const volOf = (symbol: string | null, legs: ReadonlyArray<PayoffView.Leg>): number | null => {
    const earliest = earliestExpiry(legs)
    const published = symbol === null || earliest === null ? null : valuation.atmIv(symbol, earliest)
    return (
      published ?? legs.find(({ expiry, iv }) => expiry === earliest && iv !== null)?.iv ?? legs.find(({ iv }) => iv !== null)?.iv ?? null
    )
  }

  return { termsOf, symbolOf, legOf, volOf } as const
})
