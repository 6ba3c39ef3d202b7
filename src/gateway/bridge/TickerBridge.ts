import { Effect } from "effect"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Hub } from "../sockets/Hub.ts"
import { Views } from "../views/Views.ts"
import { follow, reader } from "./StreamReader.ts"

/** Reads the status of every ticker. A ticker reports each second, so a report is no news from the market. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const hub = yield* Hub
    const views = yield* Views

    views.tickers.clear()
    const { stream } = Subjects.Ticker
    const read = yield* OrderedRead.make({ stream, filters: [Subjects.Ticker.filter()], start: { _tag: "LastPerSubject" } })
    const status = reader(
      () => undefined,
      Subjects.Ticker.decodeEither,
      (status, { timeMs }) => views.tickers.apply(status, timeMs)
    )
    yield* follow({ stream, read, reader: status, caughtUp, applied: () => hub.flush() })
  })
