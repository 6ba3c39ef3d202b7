import { Effect } from "effect"
import type * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { OrderFeed } from "../orders/OrderFeed.ts"
import { bodiesOf, follow, reader } from "./StreamReader.ts"

/** Reads the events of order tasks from now on. What became of a task before is in Postgres. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const feed = yield* OrderFeed
    const { stream } = Subjects.OrderTaskEvent
    const read = yield* OrderedRead.make({ stream, filters: [Subjects.OrderTaskEvent.filter()], start: { _tag: "New" } })
    const task = reader<typeof OrderMessage.TaskEvent.Type>(
      bodiesOf(Subjects.OrderTaskEvent),
      new OutputGuard(),
      () => undefined,
      ({ task }) => feed.changed(task.task_id, task.status)
    )
    yield* follow({ stream, read, reader: task, caughtUp, applied: () => {} })
  })
