import { randomBytes } from "node:crypto"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Config, Effect, Either } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import type { On } from "../../contract/alerts/AlertsApi.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as AlertRule from "../../domain/alerts/AlertRule.ts"
import * as WebhookAddress from "../../domain/alerts/WebhookAddress.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import { type AlertPatch, AlertRepo, type Webhook } from "../../store/alerts/AlertRepo.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { Changes } from "../shared/Changes.ts"
import { found, foundOption, instrumentsLoaded, notFound, ownedStrategy } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

const viewOf = (it: AlertRepo.Alert) => ({
  alert_id: it.alertId,
  name: it.name,
  on: it.watch,
  condition: it.condition,
  threshold: it.threshold,
  hysteresis: it.hysteresis,
  repeat: it.repeat,
  cooldown_s: it.cooldownS,
  status: it.status,
  state: it.state,
  webhook_url: it.webhookUrl,
  fired_at: it.firedAt?.toISOString() ?? null,
  created_at: it.createdAt.toISOString(),
  updated_at: it.updatedAt.toISOString()
})
const eventOf = ({ attempts, body, deliveryState, error, eventId }: AlertRepo.History) => ({
  event_id: eventId,
  as_of: body.as_of,
  seq: body.seq,
  condition: body.condition,
  threshold: body.threshold,
  value: body.value,
  delivery: deliveryState === null ? null : { state: deliveryState, attempts: attempts ?? 0, error }
})

/** Finds what an alert looks at, as the caller may see it. */
const watches = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const strategies = yield* StrategyRepo
  const accounts = yield* Accounts
  const symbols = yield* Symbols

  const ofInstrument = ({ field, symbol }: Extract<On, { source: "instrument" }>) =>
    Effect.gen(function* () {
      const instrument = yield* symbols.instrumentOf(symbol)
      const underlying = yield* found("Symbol", Instrument.underlyingOf(instrument) ?? undefined)
      const { exchange, token, tradingsymbol } = instrument
      return { source: "instrument" as const, exchange, tradingsymbol, instrument_token: token, underlying, field }
    })
  const ofChain = ({ expiry, field, symbol }: Extract<On, { source: "chain" }>) =>
    Effect.gen(function* () {
      yield* instrumentsLoaded(registry)
      const exchange = yield* found(
        "Expiry",
        registry.exchangesOf(symbol).find((one) => registry.expiries(symbol, one).includes(expiry))
      )
      return { source: "chain" as const, exchange, symbol, expiry, field }
    })
  const ofAccount = (on: Extract<On, { source: "feed" }>) =>
    Effect.as(
      found(
        "Account",
        accounts.ids().find((id) => id === on.account_id)
      ),
      on
    )
  return (owner: string, on: On): Effect.Effect<AlertRule.Watch, Problem.NotFound | Problem.Unavailable> => {
    switch (on.source) {
      case "instrument":
        return ofInstrument(on)
      case "chain":
        return ofChain(on)
      case "strategy":
        return Effect.as(ownedStrategy(strategies, owner, on.strategy_id), on)
      case "feed":
        return ofAccount(on)
    }
  }
})

export const AlertsHttp = HttpApiBuilder.group(
  Api,
  "alerts",
  Effect.fnUntraced(function* (handlers) {
    const repo = yield* AlertRepo
    const changes = yield* Changes
    const watchOf = yield* watches
    const networks = yield* Config.array(Config.string(), "WEBHOOK_NETWORKS").pipe(Config.withDefault([]), Effect.orDie)

    /** The webhook of an address, with a new secret. */
    const webhookOf = (text: string): Effect.Effect<Webhook, Problem.Invalid> => {
      const url = WebhookAddress.parse(text)
      if (Either.isLeft(url)) return Effect.fail(Problem.invalidField("webhook_url", url.left))
      if (url.right.protocol === "http:" && networks.length === 0)
        return Effect.fail(Problem.invalidField("webhook_url", "must begin with https://"))
      return Effect.succeed({ url: url.right.href, secret: randomBytes(32).toString("base64url") })
    }
    const owned = (owner: string, id: number) => Effect.flatMap(orProblem(repo.byId(owner, id)), foundOption("Alert"))

    return handlers
      .handle("list", ({ urlParams: { limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { rows, total } = yield* orProblem(repo.list(user.id, limit, offset))
          return { alerts: rows.map(viewOf), total, limit, offset }
        })
      )
      .handle("create", ({ payload: { on, webhook_url, hysteresis = Money.zero, cooldown_s, ...rest } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const watch = yield* watchOf(user.id, on)
          const webhook = webhook_url === undefined ? null : yield* webhookOf(webhook_url)
          const state = AlertRule.initialState(rest.condition)
          const made = yield* orProblem(repo.create(user.id, { ...rest, watch, hysteresis, cooldownS: cooldown_s, webhook, state }))
          yield* changes.poke("alerts")
          return { ...viewOf(made), webhook_secret: webhook?.secret ?? null }
        })
      )
      .handle("get", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          return viewOf(yield* owned(user.id, path.id))
        })
      )
      .handle("change", ({ path, payload: { webhook_url, cooldown_s, name, ...rule } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { condition } = yield* owned(user.id, path.id)
          const webhook = typeof webhook_url === "string" ? yield* webhookOf(webhook_url) : webhook_url
          const isNew = cooldown_s !== undefined || Object.values(rule).some((value) => value !== undefined)
          const patch: AlertPatch = {
            ...rule,
            ...(name === undefined ? {} : { name }),
            ...(cooldown_s === undefined ? {} : { cooldownS: cooldown_s }),
            ...(webhook === undefined ? {} : { webhook }),
            ...(isNew ? { state: AlertRule.initialState(condition) } : {})
          }
          const changed = yield* Effect.flatMap(orProblem(repo.change(user.id, path.id, patch)), foundOption("Alert"))
          yield* changes.poke("alerts")
          return { ...viewOf(changed), webhook_secret: webhook?.secret ?? null }
        })
      )
      .handle("remove", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          if (!(yield* orProblem(repo.remove(user.id, path.id)))) return yield* notFound("Alert")
          yield* changes.poke("alerts")
          return { message: "Alert deleted" }
        })
      )
      .handle("events", ({ path, urlParams: { limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* owned(user.id, path.id)
          const { rows, total } = yield* orProblem(repo.events(user.id, path.id, limit, offset))
          return { events: rows.map(eventOf), total, limit, offset }
        })
      )
  })
)
