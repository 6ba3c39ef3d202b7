import { Data, Effect, Match, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { isIdentity } from "../../domain/Ids.ts"
import { InstrumentRegistry, instrumentsAway } from "../../store/instruments/InstrumentRegistry.ts"
import * as SubscriptionBatch from "../../store/subscriptions/SubscriptionBatch.ts"
import type { Refusal } from "../../store/subscriptions/SubscriptionPlaces.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import * as Asks from "../../streams/Asks.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"

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
  const saveAll = yield* SubscriptionBatch.make(yield* Accounts)
  const registry = yield* InstrumentRegistry
  const subscriptions = yield* SubscriptionRepo

  const unsubscribe = (owner: string, tokens: ReadonlyArray<number>, refused: Array<SubscriptionBatch.Refused>) =>
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
      if (registry.current() === undefined) return yield* new Unanswered({ detail: instrumentsAway })
      const owner = `service:${question.service}`
      const { refused, ...saved } = yield* saveAll({ createdBy: owner, isAdmin: false, refusedText }, question.subscribe)
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
