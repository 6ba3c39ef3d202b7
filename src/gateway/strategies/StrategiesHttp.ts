import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import type { Decimal } from "../../domain/Money.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import type { Direction } from "../../domain/record/StrategyDefinition.ts"
import { CandleRepo } from "../../store/CandleRepo.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { StrategyRepo } from "../../store/StrategyRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { instrumentsAway, orProblem } from "../shared/StoreProblem.ts"
import { Views } from "../views/Views.ts"

/** A leg as a client asks for it. */
interface Wanted {
  readonly tradingsymbol: string
  readonly exchange: string
  readonly direction: Direction
  readonly quantity: number
  readonly entry_price: Decimal
}

const missing = () => new Problem.NotFound({ detail: "Strategy not found" })
const legMissing = () => new Problem.NotFound({ detail: "Leg not found" })

const orMissing = <A>(found: Option.Option<A>) => Option.match(found, { onNone: () => Effect.fail(missing()), onSome: Effect.succeed })

const summaryView = (row: StrategyRepo.Strategy) => ({
  strategy_id: row.strategyId,
  name: row.name,
  description: row.description,
  tags: row.tags,
  status: row.status,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString()
})
const legView = (leg: StrategyRepo.Leg) => ({
  leg_id: leg.legId,
  instrument_token: leg.instrumentToken,
  tradingsymbol: leg.tradingsymbol,
  exchange: leg.exchange,
  direction: leg.direction,
  quantity: leg.quantity,
  entry_price: leg.entryPrice
})

export const StrategiesHttp = HttpApiBuilder.group(
  Api,
  "strategies",
  Effect.fnUntraced(function* (handlers) {
    const strategies = yield* StrategyRepo
    const candles = yield* CandleRepo
    const registry = yield* InstrumentRegistry
    const accounts = yield* Accounts
    const changes = yield* Changes
    const views = yield* Views

    const whole = (row: StrategyRepo.Strategy, legs: ReadonlyArray<StrategyRepo.Leg>) => ({
      ...summaryView(row),
      instruments: legs.map(legView),
      latest: views.strategies.mark(row.owner, row.strategyId) ?? null
    })
    const owned = (owner: string, id: number) => Effect.flatMap(orProblem(strategies.byId(owner, id)), orMissing)

    /** The instrument as the day's master has it, by its symbol in any case. */
    const instrumentOf = ({ exchange, tradingsymbol }: { readonly exchange: string; readonly tradingsymbol: string }) => {
      const at = exchange.toUpperCase()
      return registry.bySymbol(at, tradingsymbol) ?? registry.bySymbol(at, tradingsymbol.toUpperCase())
    }
    const loaded = Effect.suspend(() =>
      registry.current() === undefined ? Effect.fail(new Problem.Unavailable({ detail: instrumentsAway })) : Effect.void
    )
    const newLeg = (instrument: Instrument.Instrument, { direction, quantity, entry_price }: Wanted) => ({
      leg: {
        instrumentToken: instrument.token,
        tradingsymbol: instrument.tradingsymbol,
        exchange: instrument.exchange,
        direction,
        quantity,
        entryPrice: entry_price
      },
      subscribe: { segment: instrument.segment, requestedMode: "FULL" as const, accounts: accounts.ids }
    })
    /** All of them, or a refusal that names each one that the master lacks. */
    const newLegs = (wanted: ReadonlyArray<Wanted>) =>
      Effect.gen(function* () {
        if (wanted.length > 0) yield* loaded
        const found = wanted.map((one) => ({ one, instrument: instrumentOf(one) }))
        const missing = found.flatMap(({ instrument }, at) => (instrument === undefined ? [at] : []))
        if (missing.length > 0) {
          const errors = missing.map((at) => ({ field: `instruments.${at}.tradingsymbol`, message: "no such instrument" }))
          return yield* Problem.invalidFields(errors)
        }
        return found.flatMap(({ one, instrument }) => (instrument === undefined ? [] : [newLeg(instrument, one)]))
      })
    /** Tells the engine to look, and the owner's other clients what happened. */
    const announce = (owner: string, strategy_id: number, change: "created" | "changed" | "deleted") =>
      changes.poke("strategies", { owner, strategy_id, change })

    return handlers
      .handle("list", ({ urlParams }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { rows, total } = yield* orProblem(strategies.list(user.id, urlParams))
          return { strategies: rows.map(summaryView), total, ...urlParams }
        })
      )
      .handle("create", ({ payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { name, description = null, tags, instruments } = payload
          const wanted = yield* newLegs(instruments)
          const { strategy, legs } = yield* orProblem(strategies.create(user.id, { name, description, tags }, wanted))
          if (legs.length > 0) yield* changes.poke("subscriptions")
          yield* announce(user.id, strategy.strategyId, "created")
          return whole(strategy, legs)
        })
      )
      .handle("get", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { strategy, legs } = yield* owned(user.id, path.id)
          return whole(strategy, legs)
        })
      )
      .handle("change", ({ path, payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { legs } = yield* owned(user.id, path.id)
          const row = yield* Effect.flatMap(orProblem(strategies.update(user.id, path.id, payload)), orMissing)
          yield* announce(user.id, path.id, "changed")
          return whole(row, legs)
        })
      )
      .handle("remove", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const removed = yield* orProblem(strategies.remove(user.id, path.id))
          if (!removed) return yield* missing()
          yield* announce(user.id, path.id, "deleted")
          return { message: "Strategy deleted" }
        })
      )
      .handle("legs", ({ path, urlParams: { limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { legs } = yield* owned(user.id, path.id)
          return { instruments: legs.slice(offset, offset + limit).map(legView), total: legs.length, limit, offset }
        })
      )
      .handle("addLeg", ({ path, payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* owned(user.id, path.id)
          yield* loaded
          const instrument = instrumentOf(payload)
          if (instrument === undefined) return yield* new Problem.NotFound({ detail: "Instrument not found" })
          const { leg, subscribe } = newLeg(instrument, payload)
          const added = yield* Effect.flatMap(orProblem(strategies.addLeg(user.id, path.id, leg, subscribe)), orMissing)
          yield* Effect.zip(changes.poke("subscriptions"), announce(user.id, path.id, "changed"))
          return legView(added)
        })
      )
      .handle("changeLeg", ({ path, payload: { direction, quantity, entry_price } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* owned(user.id, path.id)
          const patch = { direction, quantity, entryPrice: entry_price }
          const changed = yield* orProblem(strategies.changeLeg(user.id, path.id, path.leg_id, patch))
          if (Option.isNone(changed)) return yield* legMissing()
          yield* announce(user.id, path.id, "changed")
          return legView(changed.value)
        })
      )
      .handle("removeLeg", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* owned(user.id, path.id)
          const removed = yield* orProblem(strategies.removeLeg(user.id, path.id, path.leg_id))
          if (!removed) return yield* legMissing()
          yield* announce(user.id, path.id, "changed")
          return { message: "Leg removed" }
        })
      )
      .handle("m2m", ({ path, urlParams: { from, to, interval, limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          if (from !== undefined && to !== undefined && from > to) return yield* Problem.invalidField("from", "must not be after to")
          yield* owned(user.id, path.id)
          const found = yield* orProblem(
            candles.range({
              owner: user.id,
              strategyId: path.id,
              intervalMinutes: interval,
              limit,
              offset,
              ...(from === undefined ? {} : { from }),
              ...(to === undefined ? {} : { to })
            })
          )
          return {
            candles: found.candles.map(({ minute, open, high, low, close }) => ({
              timestamp: minute.toISOString(),
              open,
              high,
              low,
              close
            })),
            total: found.total,
            limit,
            offset
          }
        })
      )
  })
)
