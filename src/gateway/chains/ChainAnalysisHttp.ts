import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Either } from "effect"
import { Api } from "../../contract/Api.ts"
import type { Leg } from "../../contract/chains/ChainAnalysisApi.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Position from "../../domain/strategy/Position.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { Views } from "../views/Views.ts"
import * as ChainAnalysisView from "./ChainAnalysisView.ts"
import { Chains } from "./Chains.ts"
import * as PayoffView from "./PayoffView.ts"
import { Valuation } from "./Valuation.ts"

/** What a leg is, before the market says what is not given. */
interface Terms {
  readonly given: Leg
  /** Where it stands in the request. */
  readonly place: number
  readonly kind: PayoffView.Leg["kind"]
  readonly strike: number | null
  readonly expiry: string | null
  readonly instrument: Instrument.Instrument | undefined
}

type Refused = { readonly field: string; readonly message: string }
const refuse = (place: number, field: keyof Leg & string, message: string) =>
  Either.left<Refused>({ field: `legs.${place}.${field}`, message })
const givenOr = "is not known, so it has to be given"

const invalid = (errors: ReadonlyArray<Refused>) =>
  new Problem.Invalid({ detail: `Validation error: ${errors.map(({ field, message }) => `${field}: ${message}`).join("; ")}`, errors })

/** A leg spelled out: which of type, strike and expiry its kind needs. */
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

export const ChainAnalysisHttp = HttpApiBuilder.group(
  Api,
  "foAnalysis",
  Effect.fnUntraced(function* (handlers) {
    const chains = yield* Chains
    const registry = yield* InstrumentRegistry
    const valuation = yield* Valuation
    const views = yield* Views
    const lifetimes = yield* Lifetimes
    const pricing = { rate: valuation.settings.rate, lifetimes }

    const known = (symbol: string) =>
      chains.isKnown(symbol) ? Effect.void : Effect.fail(new Problem.NotFound({ detail: "Symbol not found" }))
    /** The chain of a listed expiry; undefined while nothing was published of it. */
    const found = (symbol: string, expiry: string) =>
      Effect.zipRight(
        known(symbol),
        Effect.suspend(() =>
          chains.head(symbol, expiry) === undefined
            ? Effect.fail(new Problem.NotFound({ detail: "Expiry not found" }))
            : Effect.succeed(views.chains.find(symbol, expiry))
        )
      )
    const asOf = (symbol: string, chain: { readonly head: { readonly as_of: string } } | undefined): string | null =>
      chain === undefined || chain.head.as_of === "" ? (views.chains.state(symbol)?.as_of ?? null) : chain.head.as_of

    const termsOf = (given: Leg, place: number): Either.Either<Terms, Refused> => {
      if (given.tradingsymbol === undefined) return spelled(given, place)
      const exchange = given.exchange.toUpperCase()
      const instrument = registry.bySymbol(exchange, given.tradingsymbol) ?? registry.bySymbol(exchange, given.tradingsymbol.toUpperCase())
      return instrument === undefined
        ? refuse(place, "tradingsymbol", "Instrument not found")
        : Either.right(named(given, place, instrument))
    }
    /** The one underlying of all: the symbol asked for, or that of the named legs; null where nothing names one. */
    const symbolOf = (asked: string | undefined, terms: ReadonlyArray<Terms>): Either.Either<string | null, Refused> => {
      let symbol = asked ?? null
      if (asked !== undefined && !chains.isKnown(asked)) return Either.left({ field: "symbol", message: "Symbol not found" })
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
    /** At the money of the earliest expiry; of the legs' own where the market has none. */
    const volOf = (symbol: string | null, legs: ReadonlyArray<PayoffView.Leg>): number | null => {
      const earliest = PayoffView.earliestExpiry(legs)
      const published = symbol === null || earliest === null ? null : valuation.atmIv(symbol, earliest)
      return (
        published ?? legs.find(({ expiry, iv }) => expiry === earliest && iv !== null)?.iv ?? legs.find(({ iv }) => iv !== null)?.iv ?? null
      )
    }

    return handlers
      .handle("gex", ({ urlParams: { symbol, expiry } }) =>
        Effect.gen(function* () {
          if (expiry === undefined) yield* known(symbol)
          const wanted =
            expiry === undefined
              ? chains.expiries(symbol).flatMap((each) => views.chains.find(symbol, each) ?? [])
              : [yield* found(symbol, expiry)].flatMap((chain) => chain ?? [])
          return { symbol, ...ChainAnalysisView.gex(wanted, wanted[0]?.head.spot ?? valuation.spot(symbol), pricing) }
        })
      )
      .handle("strikeDistribution", ({ urlParams: { symbol, expiry, metric } }) =>
        Effect.map(found(symbol, expiry), (chain) => ({
          symbol,
          expiry,
          ...ChainAnalysisView.distribution(chain, metric, pricing),
          as_of: asOf(symbol, chain)
        }))
      )
      .handle("oiAnalysis", ({ urlParams: { symbol, expiry } }) =>
        Effect.map(found(symbol, expiry), (chain) => ({
          symbol,
          expiry,
          ...ChainAnalysisView.oiAnalysis(chain),
          as_of: asOf(symbol, chain)
        }))
      )
      .handle("payoff", ({ payload }) =>
        Effect.gen(function* () {
          const parsed = payload.legs.map(termsOf)
          const wrong = parsed.flatMap((one) => (Either.isLeft(one) ? [one.left] : []))
          if (wrong.length > 0) return yield* invalid(wrong)
          const terms = PayoffView.inOrder(parsed.flatMap((one) => (Either.isRight(one) ? [one.right] : [])))
          const symbol = yield* Either.mapLeft(symbolOf(payload.symbol, terms), (refused) => invalid([refused]))
          const spot = payload.spot ?? (symbol === null ? null : valuation.basePrice(symbol))
          if (spot === null) return yield* invalid([{ field: "spot", message: givenOr }])
          const resolved = terms.map((one) => legOf(one, symbol, spot))
          const unknown = resolved.flatMap((one) => (Either.isLeft(one) ? [one.left] : []))
          if (unknown.length > 0) return yield* invalid(unknown)
          const legs = resolved.flatMap((one) => (Either.isRight(one) ? [one.right] : []))
          const analysed = PayoffView.analyse(legs, {
            spot,
            nowMs: valuation.nowMs(),
            date: payload.date,
            spotShift: payload.spot_shift,
            volShift: payload.vol_shift,
            points: payload.points,
            rate: pricing.rate,
            endsMs: (expiry) => lifetimes.endsMs(symbol ?? "", expiry),
            vol: volOf(symbol, legs)
          })
          if (Either.isLeft(analysed)) return yield* invalid([PayoffView.refusal(analysed.left, (at) => terms[at]?.place ?? at)])
          return {
            symbol,
            spot,
            legs: legs.map(({ entryPrice, expiry, forward, iv, kind, quantity, strike }, at) => ({
              leg_ids: [],
              tradingsymbol: terms[at]?.instrument?.tradingsymbol ?? null,
              type: kind,
              strike,
              expiry,
              quantity,
              entry_price: entryPrice,
              iv,
              forward: PayoffView.shownForward(forward)
            })),
            ...analysed.right,
            as_of: IndiaTime.isoTime(valuation.nowMs())
          }
        })
      )
  })
)
