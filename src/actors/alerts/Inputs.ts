/** Where the values of alerts come from. */
import type { Input } from "../../domain/alerts/AlertRule.ts"
import { inputOf } from "../../domain/alerts/AlertRule.ts"
import type { AlertRepo } from "../../store/alerts/AlertRepo.ts"
import * as Subjects from "../../streams/Subjects.ts"

export interface Reading {
  readonly stream: string
  /** The filters of the read if alerts watch these subjects. */
  readonly filters: (subjects: ReadonlySet<string>) => ReadonlyArray<string>
  /** How duplicates and messages of replaced processes are recognised. */
  readonly guard: "frames" | "outputs" | "none"
}

/** The most subjects that one read asks the server for by name. If there are more, it reads all messages of their kind. */
const subjectsMax = 100

interface Kind {
  readonly stream: string
  readonly filter: () => string
}

/**
 * A filter for each subject, or one for the whole kind if there are too many. Reading by name saves work, because most of the thousands of
 * marks a second concern no alert.
 */
const named = (kind: Kind, subjects: ReadonlySet<string>): ReadonlyArray<string> =>
  subjects.size > subjectsMax ? [kind.filter()] : [...subjects].sort()

const of = (kind: Kind, guard: Reading["guard"]): Reading => ({
  stream: kind.stream,
  filters: (subjects) => named(kind, subjects),
  guard
})

export const readings: Readonly<Record<Input, Reading>> = {
  packet: {
    stream: Subjects.Frame.stream,
    // Clock frames are read too, so that the place advances while the underlyings have no packets.
    filters: (subjects) => [Subjects.Clock.filter(), ...named(Subjects.Frame, subjects)],
    guard: "frames"
  },
  instrument: of(Subjects.Tick, "outputs"),
  chain: of(Subjects.ChainDelta, "outputs"),
  strategy: of(Subjects.Mark, "outputs"),
  feed: of(Subjects.Ticker, "none")
}

/** The subject that an alert watches. */
export const subjectOf = ({ owner, watch }: Pick<AlertRepo.Alert, "owner" | "watch">): string => {
  switch (watch.source) {
    case "instrument": {
      const subject = inputOf(watch) === "packet" ? Subjects.Frame : Subjects.Tick
      return subject.at({ exchange: watch.underlying.exchange, underlying: watch.underlying.name })
    }
    case "chain":
      return Subjects.ChainDelta.at({ exchange: watch.exchange, underlying: watch.symbol, expiry: watch.expiry })
    case "strategy":
      return Subjects.Mark.at({ owner, strategy: String(watch.strategy_id) })
    case "feed":
      return Subjects.Ticker.at({ account: watch.account_id })
  }
}
