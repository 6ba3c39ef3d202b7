import { Data, Effect, Either, Match, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { isIdentity } from "../../domain/Ids.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import type { Refusal, Save } from "../../store/subscriptions/SubscriptionPlaces.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import * as Asks from "../../streams/Asks.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"

type Wanted = Asks.SubscriptionsQuestion["subscribe"][number]
type Refused = Asks.SubscriptionsAnswer["refused"][number]

/** Why a whole question is not answered. The service gets the text. */
class Unanswered extends Data.TaggedError("Unanswered")<{ readonly detail: string }> {
  override get message() {
    return this.detail
  }
}

const refusedText = Match.typeTags<Refusal>()({
  AccountFull: () => "no account has room",
  LimitReached: ({ max, what }) => `a service has at most ${max} ${what}`,
  TakesAway: () => "Forbidden"
})

/** Changes subscriptions for a service, with the same rules as for users. */
const makeChange = Effect.gen(function* () {
  const accounts = yield* Accounts
  const registry = yield* InstrumentRegistry
  const subscriptions = yield* SubscriptionRepo

  /** Why an instrument cannot be subscribed; undefined if it can. */
  const refusal = (wanted: Wanted): string | undefined => {
    if (registry.byToken(wanted.instrument_token) === undefined) return "Instrument not found"
    const isKnown = wanted.account_id === undefined || accounts.ids().some((id) => id === wanted.account_id)
    return isKnown ? undefined : "account_id: no such account"
  }
  const saveOf = (owner: string, { account_id, instrument_token, requested_mode }: Wanted): ReadonlyArray<Save> => {
    const instrument = registry.byToken(instrument_token)
    if (instrument === undefined) return []
    const { segment, token, tradingsymbol } = instrument
    const account = account_id === undefined ? {} : { accountId: account_id }
    return [{ instrumentToken: token, tradingsymbol, segment, requestedMode: requested_mode, createdBy: owner, ...account }]
  }

  const subscribe = (owner: string, wanted: ReadonlyArray<Wanted>, refused: Array<Refused>) =>
    Effect.gen(function* () {
      const saves = wanted.flatMap((one) => {
        const message = refusal(one)
        if (message === undefined) return saveOf(owner, one)
        refused.push({ instrument_token: one.instrument_token, message })
        return []
      })
      const saved = saves.length === 0 ? [] : yield* subscriptions.saveAll(saves, accounts.streaming())
      for (const [at, one] of saved.entries()) {
        if (Either.isRight(one)) continue
        refused.push({ instrument_token: saves[at]?.instrumentToken ?? 0, message: refusedText(one.left) })
      }
      const done = saved.filter(Either.isRight)
      const created = done.filter(({ right }) => right.created).length
      return { created, updated: done.length - created }
    })

  const unsubscribe = (owner: string, tokens: ReadonlyArray<number>, refused: Array<Refused>) =>
    Effect.gen(function* () {
      const rows = new Map((yield* subscriptions.byTokens(tokens.filter(isIdentity))).map((row) => [row.instrumentToken, row]))
      let ended = 0
      for (const token of tokens) {
        const row = rows.get(token)
        const refuse = (message: string) => Effect.sync(() => void refused.push({ instrument_token: token, message }))
        if (row === undefined) yield* refuse("Subscription not found")
        else if (row.createdBy !== owner) yield* refuse("Forbidden")
        else if (row.status === "active")
          yield* subscriptions.deactivate(token, row).pipe(
            Effect.flatMap(Option.match({ onNone: () => refuse("Subscription not found"), onSome: () => Effect.sync(() => void ended++) })),
            Effect.catchTag("SubscriptionNeeded", () => refuse("Subscription is needed by a strategy"))
          )
      }
      return ended
    })

  return (question: Asks.SubscriptionsQuestion): Effect.Effect<Asks.SubscriptionsAnswer, Unanswered> =>
    Effect.gen(function* () {
      if (registry.current() === undefined) return yield* new Unanswered({ detail: "Instruments unavailable: none are loaded yet" })
      const owner = `service:${question.service}`
      const refused: Array<Refused> = []
      const saved = yield* subscribe(owner, question.subscribe, refused)
      const ended = yield* unsubscribe(owner, question.unsubscribe, refused)
      yield* Effect.logInfo("a service changed subscriptions").pipe(
        Effect.annotateLogs({ service: question.service, ...saved, ended, refused: refused.length })
      )
      return { ...saved, ended, refused }
    }).pipe(
      Effect.mapError((error) => {
        if (error._tag === "Unanswered") return error
        const isAway = error._tag === "StoreUnavailable"
        return new Unanswered({ detail: isAway ? "Database unavailable" : "Validation error: a value is out of range" })
      }),
      Effect.withSpan("SubscriptionRequests")
    )
})

/** Answers the questions of services on `ctl.ask.subscriptions` one at a time, and announces changed subscriptions. */
export const make = Effect.gen(function* () {
  const js = yield* JetStream
  const change = yield* makeChange
  const notify = js.notify(Subjects.Changed.at({ what: "subscriptions" }), Subjects.Changed.encode({ v: 1, request_id: "-" }))
  const answer = (question: Asks.SubscriptionsQuestion) =>
    Effect.tap(change(question), ({ created, ended, updated }) =>
      created + ended + updated > 0 ? Effect.ignoreLogged(notify) : Effect.void
    )
  return Asks.serve(Asks.changeSubscriptions, answer, 1).pipe(Effect.provideService(JetStream, js))
})
