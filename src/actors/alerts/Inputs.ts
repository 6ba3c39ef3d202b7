/** Where the values of alerts come from. */
import type { Input } from "../../domain/alerts/AlertRule.ts"
import { inputOf } from "../../domain/alerts/AlertRule.ts"
import type { AlertRepo } from "../../store/alerts/AlertRepo.ts"
import * as Subjects from "../../streams/Subjects.ts"

export interface Reading {
  readonly stream: string
  /** What is read of the stream if alerts look at these subjects. */
  readonly filters: (subjects: ReadonlySet<string>) => ReadonlyArray<string>
  /** What recognises messages that nobody may decide. */
  readonly guard: "frames" | "outputs" | "none"
}

/** The most underlyings that one read of the record names to the server. A read of more takes all frames. */
const underlyingsMax = 100

const whole = (subject: { readonly stream: string; readonly filter: () => string }, guard: Reading["guard"]): Reading => ({
  stream: subject.stream,
  filters: () => [subject.filter()],
  guard
})

export const readings: Readonly<Record<Input, Reading>> = {
  // Most frames are of underlyings that no alert looks at. Clocks move the place on while the others say nothing.
  packet: {
    stream: Subjects.Frame.stream,
    filters: (subjects) => [
      Subjects.Clock.filter(),
      ...(subjects.size > underlyingsMax ? [Subjects.Frame.filter()] : [...subjects].sort())
    ],
    guard: "frames"
  },
  instrument: whole(Subjects.Tick, "outputs"),
  chain: whole(Subjects.ChainDelta, "outputs"),
  strategy: whole(Subjects.Mark, "outputs"),
  feed: whole(Subjects.Ticker, "none")
}

/** The subject that an alert looks at. */
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
