import { Effect } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Hub } from "../sockets/Hub.ts"
import { Views } from "../views/Views.ts"
import { bodiesOf, follow, type Reader, reader } from "./StreamReader.ts"

/** Reads the status of every ticker, writer, executor and process of actors. They report each second, so a report is no news from the market. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const hub = yield* Hub
    const views = yield* Views

    views.tickers.clear()
    views.writers.clear()
    views.executors.clear()
    views.processes.clear()
    const { stream } = Subjects.Ticker
    const read = yield* OrderedRead.make({
      stream,
      filters: [Subjects.Ticker.filter(), Subjects.Writer.filter(), Subjects.Executor.filter(), Subjects.ProcessHealth.filter()],
      start: { _tag: "LastPerSubject" }
    })
    const guard = new OutputGuard()
    const ticker = reader(
      bodiesOf(Subjects.Ticker),
      guard,
      () => undefined,
      (status, { timeMs }) => views.tickers.apply(status, timeMs)
    )
    const writer = reader(
      bodiesOf(Subjects.Writer),
      guard,
      () => undefined,
      (status, { timeMs }) => views.writers.apply(status, timeMs)
    )
    const executor = reader(
      bodiesOf(Subjects.Executor),
      guard,
      () => undefined,
      (status, { timeMs }) => views.executors.apply(status, timeMs)
    )
    const health = reader(
      bodiesOf(Subjects.ProcessHealth),
      guard,
      () => undefined,
      (status, { timeMs }) => views.processes.apply(status, timeMs)
    )
    const readerOf = (subject: string): Reader => {
      if (Subjects.ProcessHealth.match(subject) !== undefined) return health
      if (Subjects.Writer.match(subject) !== undefined) return writer
      return Subjects.Executor.match(subject) === undefined ? ticker : executor
    }
    const status: Reader = {
      take: (message) => {
        views.serverClock.observe(message.timeMs, performance.now())
        return readerOf(message.subject).take(message)
      }
    }
    yield* follow({ stream, read, reader: status, caughtUp, applied: () => hub.flush() })
  })
