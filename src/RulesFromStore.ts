import { Effect, Layer, Queue, Schedule } from "effect"
import { CalendarRepo } from "./store/CalendarRepo.ts"
import { JetStream } from "./streams/JetStream.ts"
import { RuleBook } from "./streams/RuleBook.ts"
import * as Subjects from "./streams/Subjects.ts"

/** A process whose announcement was lost learns of an entry after this at the latest. */
const lookEvery = "1 minute"

const follow = Effect.gen(function* () {
  const repo = yield* CalendarRepo
  const rules = yield* RuleBook
  const { nc } = yield* JetStream
  // One place: however many announcements come while the entries are read, they are read once more.
  const announced = yield* Queue.sliding<void>(1)
  yield* Effect.acquireRelease(
    Effect.sync(() => nc.subscribe(Subjects.Changed.at({ what: "rules" }), { callback: () => announced.unsafeOffer(undefined) })),
    (subscription) => Effect.sync(() => subscription.unsubscribe())
  )
  const read = Effect.map(repo.current, rules.replace)
  // Nothing may be decided by the shipped rules alone where entries lie over them.
  yield* read
  yield* Queue.take(announced).pipe(
    Effect.timeoutTo({ duration: lookEvery, onSuccess: () => "announced", onTimeout: () => "due" }),
    Effect.zipRight(read),
    Effect.catchAll((error) => Effect.logWarning("calendar entries not read, keeping the rules there are", error)),
    Effect.repeat(Schedule.forever),
    Effect.forkScoped
  )
})

/** The rulebook of a process: the shipped rules with the stored entries over them, which it follows while it runs. */
export const layer = Layer.scopedDiscard(follow).pipe(Layer.provideMerge(RuleBook.Default))
