import { Either, Option } from "effect"
import * as AlertDecider from "../../domain/alerts/AlertDecider.ts"
import type { Source, Standing } from "../../domain/alerts/AlertRule.ts"
import * as Values from "../../domain/alerts/Values.ts"
import type * as Money from "../../domain/Money.ts"
import type * as ChainMessage from "../../domain/options/ChainMessage.ts"
import type { AlertRepo, Step } from "../../store/alerts/AlertRepo.ts"
import * as Subjects from "../../streams/Subjects.ts"

type Alert = AlertRepo.Alert

/** A value for an alert, with the market time of its message. */
interface Seen {
  readonly value: Option.Option<Money.Decimal>
  readonly asOf: string
}

/** The subject that an alert looks at. */
export const subjectOf = ({ owner, watch }: Alert): string => {
  switch (watch.source) {
    case "instrument":
      return Subjects.Tick.at({ exchange: watch.underlying.exchange, underlying: watch.underlying.name })
    case "chain":
      return Subjects.ChainDelta.at({ exchange: watch.exchange, underlying: watch.symbol, expiry: watch.expiry })
    case "strategy":
      return Subjects.Mark.at({ owner, strategy: String(watch.strategy_id) })
    case "feed":
      return Subjects.Ticker.at({ account: watch.account_id })
  }
}

/** The stream of each source, and which of its messages alerts may look at. */
export const streams: Readonly<Record<Source, { readonly stream: string; readonly filter: string; readonly isComputed: boolean }>> = {
  instrument: { stream: Subjects.Tick.stream, filter: Subjects.Tick.filter(), isComputed: true },
  chain: { stream: Subjects.ChainDelta.stream, filter: Subjects.ChainDelta.filter(), isComputed: true },
  strategy: { stream: Subjects.Mark.stream, filter: Subjects.Mark.filter(), isComputed: true },
  feed: { stream: Subjects.Ticker.stream, filter: Subjects.Ticker.filter(), isComputed: false }
}

interface Held {
  readonly alert: Alert
  standing: Standing
  /** The sequence of the newest message that changed it, or from which on it is decided. */
  seq: number
}

export interface Message {
  readonly subject: string
  readonly seq: number
  readonly data: Uint8Array
}

/** The alerts of one source, and how they stand. Holds no more than they need: the rows of the chains that they look at. */
export class Watching {
  private held = new Map<string, Array<Held>>()
  private chains = new Map<string, Values.ChainRows>()

  /** Replaces the alerts. `chains`: the newest keyframe of each chain that was not held before. */
  set(alerts: ReadonlyArray<Alert>): void {
    this.held = new Map()
    for (const alert of alerts) {
      const subject = subjectOf(alert)
      const list = this.held.get(subject) ?? []
      this.held.set(subject, list)
      list.push({ alert, standing: { state: alert.state, firedAtMs: alert.firedAt?.getTime() ?? null }, seq: alert.inputSeq ?? 0 })
    }
    this.chains = new Map([...this.chains].filter(([subject]) => this.held.has(subject)))
  }

  holdsChain(subject: string): boolean {
    return this.chains.has(subject)
  }

  /** A chain begins with its newest keyframe, if there is one. */
  begin(subject: string, keyframe: Option.Option<ChainMessage.Chain>): void {
    const rows = new Values.ChainRows()
    if (Option.isSome(keyframe)) rows.fold(keyframe.value, 0)
    this.chains.set(subject, rows)
  }

  get size(): number {
    let count = 0
    for (const list of this.held.values()) count += list.length
    return count
  }

  isWanted(subject: string): boolean {
    return this.held.has(subject)
  }

  /** How to read each alert's value from a message; left: why nobody can read it. */
  private reader({ data, seq, subject }: Message, source: Source): Either.Either<(alert: Alert) => Seen, string> {
    switch (source) {
      case "instrument":
        return Either.map(Subjects.Tick.read(subject, data), (ticks) => ({ watch }) => ({
          value: watch.source === source ? Values.ofTicks(watch, ticks) : Option.none(),
          asOf: ticks.as_of
        }))
      case "strategy":
        return Either.map(Subjects.Mark.read(subject, data), (mark) => ({ watch }) => ({
          value: watch.source === source ? Values.ofMark(watch, mark) : Option.none(),
          asOf: mark.as_of
        }))
      case "feed":
        return Either.map(Subjects.Ticker.read(subject, data), (status) => ({ watch }) => ({
          value: watch.source === source ? Values.ofTicker(watch, status) : Option.none(),
          asOf: status.as_of
        }))
      case "chain":
        return Either.map(Subjects.ChainDelta.read(subject, data), (chain) => {
          const rows = this.chains.get(subject)
          rows?.fold(chain, seq)
          return ({ watch }) => ({
            value: watch.source === source && rows !== undefined ? rows.value(watch, chain) : Option.none(),
            asOf: chain.as_of
          })
        })
    }
  }

  /** What a message does to the alerts of its subject. Left: why it cannot be read. */
  take(message: Message, source: Source): Either.Either<ReadonlyArray<Step>, string> {
    const held = this.held.get(message.subject)
    if (held === undefined) return Either.right([])
    return Either.map(this.reader(message, source), (read) =>
      held.flatMap((one) => {
        if (message.seq <= one.seq) return []
        const { asOf, value } = read(one.alert)
        return Option.isSome(value) ? this.step(one, message.seq, value.value, asOf) : []
      })
    )
  }

  private step(one: Held, seq: number, value: Money.Decimal, asOf: string): ReadonlyArray<Step> {
    const { alert } = one
    const { fires, standing } = AlertDecider.decide(alert, one.standing, value, Date.parse(asOf))
    if (standing === one.standing) return []
    one.standing = standing
    one.seq = seq
    const { alertId, condition, name, owner, threshold, watch } = alert
    const event = fires ? { v: 1 as const, as_of: asOf, seq, owner, alert_id: alertId, name, on: watch, condition, threshold, value } : null
    return [{ alert, state: standing.state, seq, event }]
  }
}
