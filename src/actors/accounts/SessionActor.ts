import { Effect, Either, Redacted } from "effect"
import { Login } from "../../broker/Account.ts"
import { Accounts } from "../../broker/Accounts.ts"
import type { Broker } from "../../broker/Broker.ts"
import * as SessionNews from "../../domain/accounts/SessionNews.ts"
import * as TokenLife from "../../domain/accounts/TokenLife.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { AccountRepo, type Resealed } from "../../store/accounts/AccountRepo.ts"
import { LoginRepo } from "../../store/accounts/LoginRepo.ts"
import { Outbox } from "../../store/orders/Outbox.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as OutboxRelay from "../orders/OutboxRelay.ts"
import { Leases, stillHeld } from "../runtime/Leases.ts"
import * as LoginExchange from "./LoginExchange.ts"

export const kind = "sessions"
const key = Subject.kvKey(kind, "1")
const lookEvery = "1 second"

/** For each account, the time since which the broker refuses its token, as its ticker reports it; UNIX ms. */
const refusals = Effect.gen(function* () {
  const { nc } = yield* JetStream
  const known = new Map<string, number>()
  yield* LiveMessages.listenTo(nc, Subjects.Ticker, ({ account_id, login }) => {
    if (login?.state === "login_required" && login.required_since !== null) known.set(account_id, Date.parse(login.required_since))
    else known.delete(account_id)
  })
  return known as ReadonlyMap<string, number>
})

/** Announces when a session that a person began starts or ends. Automatic logins are not announced, because they need nobody. */
const makeAnnounce = Effect.gen(function* () {
  const accounts = yield* Accounts
  const logins = yield* LoginRepo
  const clock = yield* MarketClock
  const rules = yield* RuleBook
  /** For each kind, the time of the newest event that this run announced or found announced. */
  const announced = new Map<string, number>()
  return (refused: ReadonlyMap<string, number>) =>
    Effect.gen(function* () {
      if (!clock.hasBegun()) return
      const nowMs = clock.unsafeNow()
      for (const { accountId, login } of accounts.all()) {
        if (!Login.$is("AccessToken")(login) || login.signedInMs === null) continue
        const diesAtMs = TokenLife.diesAtMs(rules.current().documents.broker, login.signedInMs)
        for (const news of SessionNews.of(
          { accountId, signedInMs: login.signedInMs, diesAtMs, refusedMs: refused.get(accountId) ?? null },
          nowMs
        )) {
          const place = `${accountId} ${news.kind}`
          if ((announced.get(place) ?? 0) >= news.about.getTime()) continue
          const isNew = yield* logins.announce(news)
          announced.set(place, news.about.getTime())
          if (isNew) yield* Effect.annotateLogs(Effect.logInfo(news.message), { account: accountId, event: news.kind })
        }
      }
      const ids = new Set<string>(accounts.ids())
      for (const place of announced.keys()) if (!ids.has(place.slice(0, place.indexOf(" ")))) announced.delete(place)
    })
})

/** Seals secrets of older keys again with the newest key, so that the operator may delete the older keys. */
const makeReseal = Effect.gen(function* () {
  const accounts = yield* Accounts
  const repo = yield* AccountRepo
  const resealed = (accountId: string, field: Resealed["field"], stored: Redacted.Redacted) =>
    Effect.gen(function* () {
      if (accounts.isSealedNewest(stored)) return
      const secret = accounts.open(accountId, field, stored)
      const to = Either.isRight(secret) ? accounts.seal(accountId, field, secret.right) : undefined
      // A secret that cannot be opened is a problem of its account, which /health shows.
      if (to !== undefined) yield* repo.reseal({ accountId, field, from: Redacted.value(stored), to })
    })
  return Effect.gen(function* () {
    for (const { accountId, apiKey, apiSecret } of yield* repo.linked) {
      yield* resealed(accountId, "api_key", apiKey)
      yield* resealed(accountId, "api_secret", apiSecret)
    }
    for (const { accountId, accessToken } of yield* repo.sessions) yield* resealed(accountId, "access_token", accessToken)
  })
})

/** Publishes the last events of removed accounts, because they no longer have an executor that would. */
const makeFarewell = Effect.gen(function* () {
  const accounts = yield* Accounts
  const outbox = yield* Outbox
  const relayOf = yield* OutboxRelay.once
  return Effect.gen(function* () {
    const present = new Set<string>(accounts.ids())
    for (const account of yield* outbox.accounts) if (!present.has(account)) yield* relayOf(account)
  })
})

/** Waits until an account was linked, was removed, or signed in. */
const pokes = Effect.flatMap(JetStream, ({ nc }) => LiveMessages.changes(nc, "accounts", lookEvery))

/**
 * Looks after the sessions of all accounts: exchanges logins, announces on `acct.evt` when sessions begin and end, and keeps secrets sealed by
 * the newest key. It exists once in the whole cluster.
 */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const leases = yield* Leases
  const announce = yield* makeAnnounce
  const reseal = yield* makeReseal
  const farewell = yield* makeFarewell
  const context = yield* Effect.context<Accounts | Broker | JetStream | LoginRepo | MarketClock>()
  const each = (what: string, work: Effect.Effect<void, { readonly message: string }>) =>
    Effect.catchAll(work, ({ message }) => Effect.logWarning(`not yet done: ${what}; trying again`, message))

  return Effect.gen(function* () {
    const lease = yield* leases.of(key)
    const stillOurs = stillHeld(lease, key)
    const exchange = yield* LoginExchange.make
    const next = yield* pokes
    const refused = yield* refusals
    const look = Effect.gen(function* () {
      yield* stillOurs
      yield* accounts.look
      yield* each("exchange the tokens of new logins", exchange)
      yield* each("announce sessions", announce(refused))
      yield* each("seal secrets with the newest key", reseal)
      yield* each("publish the events of removed accounts", farewell)
      yield* next
    })
    return yield* Effect.forever(look)
  }).pipe(Effect.scoped, Effect.provide(context))
})
