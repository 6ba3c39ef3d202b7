import { Effect, Layer, Queue, Schedule } from "effect"
import { CalendarRepo } from "./store/CalendarRepo.ts"
import { JetStream } from "./streams/JetStream.ts"
import { RuleBook } from "./streams/RuleBook.ts"
import * as Subjects from "./streams/Subjects.ts"

/** If an announcement is lost, the process reads the entries after this time at the latest. */
const lookEvery = "1 minute"

const follow = Effect.gen(function* () {
  const repo = yield* CalendarRepo
  const rules = yield* RuleBook
  const { nc } = yield* JetStream
  // A queue of one: however many announcements arrive during a read, one more read follows.
  const announced = yield* Queue.sliding<void>(1)
  yield* Effect.acquireRelease(
    Effect.sync(() => nc.subscribe(Subjects.Changed.at({ what: "rules" }), { callback: () => announced.unsafeOffer(undefined) })),
    (subscription) => Effect.sync(() => subscription.unsubscribe())
  )
  const read = Effect.map(repo.current, rules.replace)
  // Read first: no decision may use only the shipped rules while entries exist.
  yield* read
  yield* Queue.take(announced).pipe(
    Effect.timeoutTo({ duration: lookEvery, onSuccess: () => "announced", onTimeout: () => "due" }),
    Effect.zipRight(read),
    Effect.catchAll((error) => Effect.logWarning("the calendar entries cannot be read, the present rules stay in force", error)),
    Effect.repeat(Schedule.forever),
    Effect.forkScoped
  )
})

/** The rulebook of a process: the shipped rules with the stored entries applied. It follows changes while the process runs. */
export const layer = Layer.scopedDiscard(follow).pipe(Layer.provideMerge(RuleBook.Default))
