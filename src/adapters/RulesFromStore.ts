import { Effect, Layer, Schedule } from "effect"
import { RuleBook } from "../settings/RuleBook.ts"
import { CalendarRepo } from "../store/calendar/CalendarRepo.ts"
import { JetStream } from "../streams/JetStream.ts"
import * as LiveMessages from "../streams/reads/LiveMessages.ts"

/** If an announcement is lost, the process reads the entries after this time at the latest. */
const lookEvery = "1 minute"

const follow = Effect.gen(function* () {
  const repo = yield* CalendarRepo
  const rules = yield* RuleBook
  const { nc } = yield* JetStream
  // However many announcements arrive during a read, one more read follows.
  const news = yield* LiveMessages.changes(nc, "rules", lookEvery)
  const read = Effect.map(repo.current, rules.replace)
  // Read first: no decision may use only the shipped rules while entries exist.
  yield* Effect.zipRight(news, read)
  yield* Effect.zipRight(news, read).pipe(
    Effect.catchAll((error) => Effect.logWarning("the calendar entries cannot be read, the present rules stay in force", error)),
    Effect.repeat(Schedule.forever),
    Effect.forkScoped
  )
})

/** The rulebook of a process: the shipped rules with the stored entries applied. It follows changes while the process runs. */
export const layer = Layer.scopedDiscard(follow).pipe(Layer.provideMerge(RuleBook.Default))
