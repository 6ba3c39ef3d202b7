import { Data, Effect, Either, Mailbox, Option, type ParseResult, Schedule, Schema, type Tracer } from "effect"
import * as Margins from "../domain/accounts/Margins.ts"
import { Trigger } from "../domain/accounts/Triggers.ts"
import * as SteadyTime from "../loop/SteadyTime.ts"
import * as Turn from "../loop/Turn.ts"
import { JetStream, type NatsError } from "./JetStream.ts"
import * as Metrics from "./Metrics.ts"
import * as LiveMessages from "./reads/LiveMessages.ts"
import * as Subjects from "./Subjects.ts"
import * as TraceHeader from "./trace/TraceHeader.ts"

/** No answer came in time. The work that was asked for may still happen. */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly what: string; readonly afterMs: number }> {
  override get message() {
    return `ask ${this.what}: no answer within ${this.afterMs} ms`
  }
}
/** The actor refused the question. `detail` may be shown to the caller. */
export class Declined extends Data.TaggedError("Declined")<{ readonly what: string; readonly detail: string }> {
  override get message() {
    return `ask ${this.what}: ${this.detail}`
  }
}

/** A question and its answer. Both are small: large results go to Postgres, and the answer only reports them. */
export interface Ask<Q, A> {
  readonly what: string
  /** Time limit for the answer: longer than the work may take. */
  readonly timeoutMs: number
  /** The most questions that may wait at the actor that answers them; further ones are declined. */
  readonly waitingMax: number
  readonly encodeQuestion: (question: Q) => unknown
  readonly decodeQuestion: (value: unknown) => Either.Either<Q, ParseResult.ParseError>
  readonly encodeReply: (reply: Reply<A>) => string
  readonly decodeReply: (text: string) => Effect.Effect<Reply<A>, ParseResult.ParseError>
}
type Reply<A> = { readonly v: 1; readonly ok: true; readonly answer: A } | { readonly v: 1; readonly ok: false; readonly detail: string }

const make = <Q, QI, A, AI>(options: {
  readonly what: string
  readonly timeoutMs: number
  readonly waitingMax?: number
  readonly question: Schema.Schema<Q, QI>
  readonly answer: Schema.Schema<A, AI>
}): Ask<Q, A> => {
  const reply = Schema.parseJson(
    Schema.Union(
      Schema.Struct({ v: Schema.Literal(1), ok: Schema.Literal(true), answer: options.answer }),
      Schema.Struct({ v: Schema.Literal(1), ok: Schema.Literal(false), detail: Schema.String })
    )
  )
  return {
    what: options.what,
    timeoutMs: options.timeoutMs,
    waitingMax: options.waitingMax ?? waitingMax,
    encodeQuestion: Schema.encodeSync(options.question),
    decodeQuestion: Schema.decodeUnknownEither(options.question),
    encodeReply: Schema.encodeSync(reply),
    decodeReply: Schema.decodeUnknown(reply)
  }
}

/** The most questions of one kind that may wait, where a kind has no bound of its own. */
export const waitingMax = 200

/** Loads the day's instruments from the broker again. */
export const refreshInstruments = make({
  what: "instruments",
  timeoutMs: 90_000,
  question: Schema.Struct({}),
  answer: Schema.Struct({ trade_date: Schema.String, instruments: Schema.Int })
})

const HistoryQuestion = Schema.Struct({
  exchange: Schema.String,
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  minutes: Schema.Int,
  from_ms: Schema.Number,
  to_ms: Schema.Number
})
export type HistoryQuestion = typeof HistoryQuestion.Type
/** Fetches the broker's history of a span of whole days (the last day up to now) into Postgres. Answers the number of new bars. */
export const fetchHistory = make({
  what: "history",
  timeoutMs: 60_000,
  question: HistoryQuestion,
  answer: Schema.Struct({ bars: Schema.Int })
})

/** The most instruments that one question may name. */
export const subscriptionsMax = 1_000
const SubscriptionsQuestion = Schema.Struct({
  /** The service that asks. Its subscriptions belong to it, as a user's belong to the user. */
  service: Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/)),
  subscribe: Schema.optionalWith(
    Schema.Array(
      Schema.Struct({
        instrument_token: Schema.Int,
        requested_mode: Schema.Literal("LTP", "QUOTE", "FULL"),
        account_id: Schema.optional(Schema.String)
      })
    ).pipe(Schema.maxItems(subscriptionsMax)),
    { default: () => [] }
  ),
  unsubscribe: Schema.optionalWith(Schema.Array(Schema.Int).pipe(Schema.maxItems(subscriptionsMax)), { default: () => [] })
})
export type SubscriptionsQuestion = typeof SubscriptionsQuestion.Type
const SubscriptionsAnswer = Schema.Struct({
  created: Schema.Int,
  updated: Schema.Int,
  ended: Schema.Int,
  /** Instruments for which the change failed, with the reason. The change was made for all others. */
  refused: Schema.Array(Schema.Struct({ instrument_token: Schema.Int, message: Schema.String }))
})
export type SubscriptionsAnswer = typeof SubscriptionsAnswer.Type
/** Subscribes and unsubscribes instruments for a service of the operator, as `/subscriptions` does for users. */
export const changeSubscriptions = make({
  what: "subscriptions",
  timeoutMs: 30_000,
  waitingMax: 20,
  question: SubscriptionsQuestion,
  answer: SubscriptionsAnswer
})

/** The broker refused the request behind a question. Its words may be shown to the caller. */
const Refused = Schema.Struct({ refused: Schema.Struct({ error_type: Schema.String, message: Schema.String }) })
/** Questions to the broker and readings of the account share one queue, which sends four a second (src/broker/AccountReads.ts). */
const brokerQuestion = { timeoutMs: 20_000, waitingMax: 20 } as const

const margins = make({
  ...brokerQuestion,
  what: "margins",
  question: Schema.Struct({ orders: Schema.Array(Margins.Wanted) }),
  answer: Schema.Union(Schema.Struct({ margins: Margins.Basket }), Refused)
})
/**
 * Asks the account's broker how much margin these orders would block. The account's executor answers, because it holds the broker's
 * session.
 */
export const orderMargins = (account: string): typeof margins => ({ ...margins, what: `margins-${account}` })

const triggers = make({
  ...brokerQuestion,
  what: "gtt",
  question: Schema.Struct({}),
  answer: Schema.Union(Schema.Struct({ triggers: Schema.Array(Trigger) }), Refused)
})
/** Asks the account's broker for its good-till-triggered orders. */
export const accountTriggers = (account: string): typeof triggers => ({ ...triggers, what: `gtt-${account}` })

/** The answering actor may still be starting and miss the first question, so the question is sent again with the same inbox. */
const againAfter = "2 seconds"
const toText = new TextDecoder()
const toBytes = new TextEncoder()

/**
 * Asks the actor that serves such questions. The question names an inbox for the answer. NATS's own reply subject does not work here,
 * because the stream that stores the question (CTL) would answer on it first.
 */
export const ask = <Q, A>(of: Ask<Q, A>, question: Q, requestId: string): Effect.Effect<A, NatsError | NoAnswer | Declined, JetStream> =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const inbox = jetStream.newInbox()
    const heard = Effect.async<Uint8Array>((resume) => {
      const subscription = jetStream.nc.subscribe(inbox, { max: 1, callback: (_, message) => resume(Effect.succeed(message.data)) })
      return Effect.sync(() => subscription.unsubscribe())
    })
    const body = { v: 1 as const, request_id: requestId, reply: inbox, question: of.encodeQuestion(question) }
    const asked = jetStream.publish(Subjects.Asked.at({ what: of.what }), Subjects.Asked.encode(body), {
      headers: yield* TraceHeader.current
    })
    // Listen first: the answer may arrive before the question's own acknowledgement.
    const asking = Effect.zipRight(Effect.repeat(asked, Schedule.spaced(againAfter)), Effect.never)
    const late = () => new NoAnswer({ what: of.what, afterMs: of.timeoutMs })
    const bytes = yield* Turn.inTime(Effect.raceFirst(heard, asking), of.timeoutMs, late)
    const found = yield* Effect.orDie(of.decodeReply(toText.decode(bytes)))
    return found.ok ? found.answer : yield* new Declined({ what: of.what, detail: found.detail })
  }).pipe(Effect.withSpan(`Asks.${of.what}`))

interface Waiting<Q> {
  readonly question: Q
  readonly requestId: string
  readonly reply: string
  readonly heardAtMs: number
  /** The span that asks. */
  readonly parent: Option.Option<Tracer.ExternalSpan>
}

/**
 * Answers such questions until it is interrupted, at most `concurrency` at a time. The asker gets the message of an error, so that message
 * must not contain secrets. Questions that cannot be read, or for which there is no room, are declined too. So is a question that waited
 * longer than its asker waits for an answer.
 */
export const serve = <Q, A, E extends Error, R>(
  of: Ask<Q, A>,
  run: (question: Q) => Effect.Effect<A, E, R>,
  concurrency: number
): Effect.Effect<never, never, R | JetStream> =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const waiting = yield* Mailbox.make<Waiting<Q>>({ capacity: of.waitingMax, strategy: "dropping" })
    const clock = yield* Effect.clock
    const reply = (to: string, body: Reply<A>) => jetStream.nc.publish(to, toBytes.encode(of.encodeReply(body)))
    /** Inboxes whose question waits or is being answered: at most `waitingMax` plus the number of workers. */
    const taken = new Set<string>()
    const decline = (to: string, detail: string) => {
      Metrics.asksDeclined(of.what)
      reply(to, { v: 1, ok: false, detail })
    }
    const setWaiting = () => Metrics.asksWaiting.set(of.what, taken.size)
    const heard = (data: Uint8Array, parent: Waiting<Q>["parent"]) => {
      const asked = Subjects.Asked.decodeEither(data)
      if (Either.isLeft(asked)) return
      const { reply: to, request_id, question } = asked.right
      if (taken.has(to)) return
      const decoded = of.decodeQuestion(question)
      if (Either.isLeft(decoded)) return decline(to, "the question cannot be read")
      const heardAtMs = SteadyTime.unsafeNowMs(clock)
      if (waiting.unsafeOffer({ question: decoded.right, requestId: request_id, reply: to, heardAtMs, parent })) taken.add(to)
      else decline(to, "too many questions are waiting")
      setWaiting()
    }
    yield* LiveMessages.listen(jetStream.nc, Subjects.Asked.at({ what: of.what }), ({ data, headers }) =>
      heard(data, TraceHeader.parentOf(headers?.get(TraceHeader.name) ?? ""))
    )
    const next = Effect.gen(function* () {
      const { heardAtMs, parent, question, requestId, reply: to } = yield* waiting.take
      const isLate = SteadyTime.unsafeNowMs(clock) - heardAtMs >= of.timeoutMs
      const answer = isLate ? Effect.fail(new Error("the question waited too long")) : run(question)
      yield* answer.pipe(
        Effect.withSpan(`Asks.${of.what}.answer`, {
          kind: "consumer",
          ...Option.match(parent, { onNone: () => ({ root: true }), onSome: (span) => ({ parent: span }) })
        }),
        Effect.annotateLogs({ ask: of.what, request_id: requestId }),
        Effect.matchEffect({
          onFailure: (error) =>
            Effect.zipRight(
              Effect.logWarning("not answered", error.message),
              Effect.sync(() => decline(to, error.message))
            ),
          onSuccess: (found) =>
            Effect.sync(() => {
              Metrics.asksAnswered(of.what)
              reply(to, { v: 1, ok: true, answer: found })
            })
        }),
        Effect.ensuring(
          Effect.sync(() => {
            taken.delete(to)
            setWaiting()
          })
        )
      )
    })
    const worker = Effect.catchTag(Effect.forever(next), "NoSuchElementException", Effect.die)
    return yield* Effect.forEach(Array.from({ length: concurrency }), () => worker, { concurrency: "unbounded" }).pipe(
      Effect.zipRight(Effect.never)
    )
  }).pipe(Effect.scoped)
