import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Either } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import { unknownAnalysis } from "../../contract/chains/PayoffApi.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Expiry from "../../domain/market/Expiry.ts"
import * as Fills from "../../store/FillRepo.ts"
import { FillRepo } from "../../store/FillRepo.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { StrategyRepo } from "../../store/StrategyRepo.ts"
import * as PayoffView from "../chains/PayoffView.ts"
import { Valuation } from "../chains/Valuation.ts"
import { Changes } from "../shared/Changes.ts"
import { foundOption, instrumentBySymbol, instrumentsLoaded, notFoundText, ownedStrategy } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as PositionsView from "./PositionsView.ts"
import { type Book, StrategyBook } from "./StrategyBook.ts"

type Named = Pick<Fills.NewFill, "instrumentToken" | "tradingsymbol" | "exchange">

const full = () => new Problem.Conflict({ detail: `A strategy holds at most ${Fills.fillsMax} fills` })

export const PositionsHttp = HttpApiBuilder.group(
  Api,
  "positions",
  Effect.fnUntraced(function* (handlers) {
    const strategies = yield* StrategyRepo
    const fills = yield* FillRepo
    const registry = yield* InstrumentRegistry
    const accounts = yield* Accounts
    const changes = yield* Changes
    const book = yield* StrategyBook
    const valuation = yield* Valuation

    const valued = (of: Book) => ({
      as_of: IndiaTime.isoTime(valuation.nowMs()),
      complete: of.missing.length === 0,
      missing: of.missing
    })
    /** Today's instrument, else one that the strategy holds already: a trade may be imported after its contract has expired. */
    const resolve = (known: ReadonlyArray<Named>, exchange: string, tradingsymbol: string): Named | undefined => {
      const instrument = instrumentBySymbol(registry, exchange, tradingsymbol)
      if (instrument !== undefined)
        return { instrumentToken: instrument.token, tradingsymbol: instrument.tradingsymbol, exchange: instrument.exchange }
      return known.find((one) => one.exchange === exchange && one.tradingsymbol === tradingsymbol)
    }
    const streamable = (named: Iterable<Named>): ReadonlyArray<Fills.Instrument> =>
      [...new Map(Array.from(named, (one) => [one.instrumentToken, one])).values()].flatMap(({ exchange, tradingsymbol }) => {
        const instrument = registry.bySymbol(exchange, tradingsymbol)
        if (instrument === undefined || (instrument.expiry !== null && Expiry.expiryAtMs(instrument.expiry) <= valuation.nowMs())) return []
        return [{ instrumentToken: instrument.token, tradingsymbol, segment: instrument.segment }]
      })

    return handlers
      .handle("record", ({ path, payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { legs } = yield* ownedStrategy(strategies, user.id, path.id)
          yield* instrumentsLoaded(registry)
          const known: ReadonlyArray<Named> = [...legs, ...(yield* orProblem(fills.list(user.id, path.id)))]
          const now = new Date(valuation.nowMs())
          const given: Array<Fills.NewFill> = []
          for (const [at, it] of payload.fills.entries()) {
            const named = resolve(known, it.exchange.toUpperCase(), it.tradingsymbol)
            if (named === undefined) return yield* Problem.invalidField(`fills.${at}.tradingsymbol`, notFoundText("Instrument"))
            given.push({
              instrumentToken: named.instrumentToken,
              tradingsymbol: named.tradingsymbol,
              exchange: named.exchange,
              direction: it.side,
              quantity: it.quantity,
              price: it.price,
              executedAt: it.executed_at ?? now,
              externalId: it.external_id ?? null
            })
          }
          const recorded = yield* orProblem(fills.record(user.id, path.id, given, streamable(given), accounts.ids)).pipe(
            Effect.catchTag("TooManyFills", () => Effect.fail(full()))
          )
          const counts = yield* foundOption("Strategy")(recorded)
          yield* Effect.zip(changes.poke("subscriptions"), changes.poke("strategies"))
          return counts
        })
      )
      .handle("pnl", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const of = yield* book.of(user.id, path.id)
          return { strategy_id: path.id, ...PositionsView.pnl(of), ...valued(of) }
        })
      )
      .handle("greeks", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const of = yield* book.of(user.id, path.id)
          return { strategy_id: path.id, ...PositionsView.greeks(of), ...valued(of) }
        })
      )
      .handle("payoff", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const of = yield* book.of(user.id, path.id)
          const names = PositionsView.underlyings(of)
          const asked = urlParams.underlying
          if (asked === undefined ? names.length > 1 : !names.includes(asked))
            return yield* Problem.invalidField("underlying", `expected one that the strategy holds: ${names.join(", ")}`)
          const symbol = asked ?? names[0] ?? null
          const spot = symbol === null ? null : valuation.spot(symbol)
          const lines = symbol === null ? [] : PayoffView.inOrder(PositionsView.payoffLines(of, symbol, spot, valuation))
          const known = valued(of)
          const head = {
            ...known,
            strategy_id: path.id,
            symbol,
            spot,
            realised: PositionsView.realised(of),
            legs: lines.map(PositionsView.payoffLeg)
          }
          const legs = lines.flatMap(({ leg }) => leg ?? [])
          if (symbol === null) return { ...head, ...unknownAnalysis }
          if (spot === null || legs.length === 0 || legs.length < lines.length) return { ...head, ...unknownAnalysis, complete: false }
          const earliest = PayoffView.earliestExpiry(legs)
          const analysed = PayoffView.analyse(legs, {
            spot,
            nowMs: valuation.nowMs(),
            date: urlParams.date,
            spotShift: urlParams.spot_shift,
            volShift: urlParams.vol_shift,
            points: urlParams.points,
            rate: valuation.settings.rate,
            vol: earliest === null ? null : valuation.atmIv(symbol, earliest)
          })
          if (Either.isLeft(analysed)) {
            const { field, message } = PayoffView.refusal(analysed.left, (at) => at)
            return yield* Problem.invalidField(field, message)
          }
          return { ...head, ...analysed.right }
        })
      )
  })
)
