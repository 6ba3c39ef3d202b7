import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { SettlementRepo } from "../../store/settlements/SettlementRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Admin from "../shared/Admin.ts"
import { Changes } from "../shared/Changes.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { orProblem } from "../shared/StoreProblem.ts"

const view = ({ settledAt, enteredBy, ...row }: SettlementRepo.Entered) => ({
  ...row,
  settled_at: settledAt.toISOString(),
  entered_by: enteredBy
})

export const SettlementsHttp = HttpApiBuilder.group(
  Api,
  "settlements",
  Effect.fnUntraced(function* (handlers) {
    const settlements = yield* SettlementRepo
    const registry = yield* InstrumentRegistry
    const lifetimes = yield* Lifetimes
    const clock = yield* MarketClock
    const changes = yield* Changes

    /** Why a contract has no final price yet. The day's instruments lack what expired on an earlier day; then the date decides. */
    const tooEarly = (exchange: string, tradingsymbol: string, expiry: string): Problem.Invalid | undefined => {
      const instrument = registry.bySymbol(exchange, tradingsymbol)
      if (instrument !== undefined && instrument.expiry !== expiry)
        return Problem.invalidField(
          "expiry",
          `${tradingsymbol} expires ${instrument.expiry === null ? "never" : `on ${instrument.expiry}`}`
        )
      const hasEnded = instrument === undefined ? expiry < IndiaTime.istDate(clock.unsafeNow()) : lifetimes.hasExpired(instrument)
      return hasEnded ? undefined : Problem.invalidField("expiry", `${tradingsymbol} has not expired`)
    }

    return handlers
      .handle("list", ({ urlParams }) =>
        Effect.map(orProblem(settlements.list(urlParams)), ({ rows, total }) => {
          const { limit, offset } = urlParams
          return { settlements: rows.map(view), total, limit, offset }
        })
      )
      .handle("enter", ({ payload }) =>
        Effect.gen(function* () {
          const user = yield* Admin.only
          const { tradingsymbol, expiry, price, reference } = payload
          const exchange = payload.exchange.toUpperCase()
          const early = tooEarly(exchange, tradingsymbol, expiry)
          if (early !== undefined) return yield* early
          const settledAt = new Date(clock.unsafeNow())
          const entered = yield* orProblem(
            settlements.enter({ exchange, tradingsymbol, expiry, price, reference, settledAt, enteredBy: user.id })
          )
          yield* changes.poke("strategies")
          return view(entered)
        })
      )
  })
)
