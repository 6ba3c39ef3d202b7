import { Effect } from "effect"
import type { AccountEvent } from "../../domain/accounts/AccountEvent.ts"
import type * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { OrderFeed } from "../orders/OrderFeed.ts"
import { eventsMax } from "../sockets/EventLog.ts"
import { Hub } from "../sockets/Hub.ts"
import { bodiesOf, follow, reader } from "./StreamReader.ts"

/** Reads the newest events of order tasks and accounts, so that clients can continue behind their position, and then each new one. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const js = yield* JetStream
    const hub = yield* Hub
    const feed = yield* OrderFeed
    const { stream } = Subjects.OrderTaskEvent
    const { createdMs, firstSeq, lastSeq } = yield* js.info(stream)
    const after = Math.max(lastSeq - eventsMax, firstSeq - 1, 0)
    feed.log.begin(createdMs, after)
    const filters = [Subjects.OrderTaskEvent.filter(), Subjects.AccountEvent.filter()]
    const read = yield* OrderedRead.make({ stream, filters, start: { _tag: "After", seq: after } })
    const guard = new OutputGuard()
    const none = () => undefined
    const task = reader<typeof OrderMessage.TaskEvent.Type>(bodiesOf(Subjects.OrderTaskEvent), guard, none, ({ task }, { seq }) =>
      feed.task(task, seq)
    )
    const account = reader<AccountEvent>(bodiesOf(Subjects.AccountEvent), guard, none, (event, { seq }) => feed.account(event, seq))
    const take = (message: Message) => (Subjects.OrderTaskEvent.match(message.subject) === undefined ? account : task).take(message)
    let newest = lastSeq
    const allRead = () => {
      feed.log.seq = newest
      caughtUp()
    }
    const applied = ({ seq }: Message) => {
      newest = Math.max(newest, seq)
      hub.flush()
    }
    const gone = (_from: number, to: number) => feed.log.lost(to)
    yield* follow({ stream, read, reader: { take, gone }, caughtUp: allRead, applied })
  })
