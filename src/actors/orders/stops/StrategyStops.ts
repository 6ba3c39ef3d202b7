import { Effect, Either, Option, Schedule } from "effect"
import type * as Money from "../../../domain/Money.ts"
import * as StrategyLimits from "../../../domain/orders/StrategyLimits.ts"
import { OutputGuard } from "../../../domain/record/OutputGuard.ts"
import { StrategyLimitRepo, type Watched } from "../../../store/orders/StrategyLimitRepo.ts"
import { JetStream, type Message } from "../../../streams/JetStream.ts"
import * as OrderedRead from "../../../streams/OrderedRead.ts"
import * as Subjects from "../../../streams/Subjects.ts"
import * as DeadLetters from "../../runtime/DeadLetters.ts"
import * as OrderMetrics from "../Metrics.ts"

export const kind = "strategy-stops"

/** Limits are read again this often. */
const loadEvery = "1 second"
/** Up to this many strategies, marks are filtered by strategy. With more strategies, all marks are read. */
const filtersMax = 500
/** While Postgres is away, it is asked again this often. Marks wait meanwhile. */
const storeRetryEvery = "1 second"

const subjectOf = ({ owner, strategyId }: Watched): string => Subjects.Mark.at({ owner, strategy: String(strategyId) })
const isSame = (one: Watched | undefined, { maxLoss }: Watched): boolean => one?.maxLoss.equals(maxLoss) === true

/** Stops strategies. If several processes try, the store lets only one of them do it. */
const makeStopping = Effect.gen(function* () {
  const repo = yield* StrategyLimitRepo
  return (it: Watched, profit: Money.Decimal) =>
    Effect.gen(function* () {
      const stopped = yield* Effect.retry(repo.stop(it, profit, kind), Schedule.spaced(storeRetryEvery))
      if (stopped === undefined) return
      const { action, reason } = stopped
      OrderMetrics.strategyStops(action)
      yield* Effect.logWarning("a strategy is stopped").pipe(
        Effect.annotateLogs({ audit: "orders", strategy: it.strategyId, action, reason })
      )
    })
})

/**
 * Compares every mark of a strategy that has a limit with the limit. It begins with each strategy's newest mark, so that a loss that was
 * reached while no process ran stops the strategy, unless it has recovered. Marks of other strategies are not read, because there are
 * thousands a second.
 */
export const make = Effect.gen(function* () {
  const repo = yield* StrategyLimitRepo
  const jetStream = yield* JetStream
  const refuse = DeadLetters.send(jetStream)
  const stop = yield* makeStopping
  const { stream } = Subjects.Mark

  return Effect.gen(function* () {
    let watched: ReadonlyMap<string, Watched> = new Map()

    const judge = (it: Watched, { data, subject }: Pick<Message, "data" | "subject">) =>
      Effect.gen(function* () {
        const read = Subjects.Mark.read(subject, data)
        if (Either.isLeft(read)) return read.left
        const { total_pnl } = read.right
        if (total_pnl !== null && StrategyLimits.isReached(it.maxLoss, total_pnl)) yield* stop(it, total_pnl)
        return undefined
      })
    /** Loads the present limits. A new limit is compared with the newest mark at once, because no other mark may follow. */
    const load = Effect.gen(function* () {
      const all = yield* repo.watched
      const before = watched
      watched = new Map(all.map((it) => [subjectOf(it), it]))
      for (const [subject, it] of watched) {
        if (isSame(before.get(subject), it)) continue
        const newest = yield* jetStream.last(stream, subject)
        if (Option.isSome(newest)) yield* judge(it, newest.value)
      }
    })
    const take = (guard: OutputGuard, message: Message) =>
      Effect.gen(function* () {
        const it = watched.get(message.subject)
        if (it === undefined) return
        const why = guard.refusal(message) ?? (yield* judge(it, message))
        if (why !== undefined) yield* refuse(kind, message, why)
      })

    // A load replaces what is watched, and may stop a strategy too.
    const alone = (yield* Effect.makeSemaphore(1)).withPermits(1)
    const follow = (subjects: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const guard = new OutputGuard()
        const filters = subjects.length > filtersMax ? [Subjects.Mark.filter()] : subjects
        const read = yield* OrderedRead.make({ stream, filters, start: { _tag: "LastPerSubject" } })
        const work = (items: ReadonlyArray<Message | OrderedRead.Gap>) =>
          Effect.forEach(items, (item) => (item._tag === "Gap" ? Effect.void : take(guard, item)), { discard: true })
        return yield* Effect.forever(Effect.flatMap(read.takeAll, (items) => alone(work(items))))
      }).pipe(Effect.scoped)

    yield* load
    while (true) {
      const subjects = [...watched.keys()]
      const areOthers = () => subjects.length !== watched.size || subjects.some((one) => !watched.has(one))
      const loads = Effect.repeat(alone(load), { schedule: Schedule.spaced(loadEvery), until: areOthers })
      yield* subjects.length === 0 ? loads : Effect.raceFirst(follow(subjects), loads)
    }
  }).pipe(Effect.scoped, Effect.provideService(JetStream, jetStream))
})
