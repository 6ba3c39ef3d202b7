import { Either, Option, Schema } from "effect"
import * as AlertDecider from "../../domain/alerts/AlertDecider.ts"
import { type Input, PacketField, type Standing, type Watch } from "../../domain/alerts/AlertRule.ts"
import * as Values from "../../domain/alerts/Values.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Money from "../../domain/Money.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import type { AlertRepo, Step } from "../../store/alerts/AlertRepo.ts"
import type * as JetStream from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Inputs from "./Inputs.ts"

type Alert = AlertRepo.Alert
type Message = Pick<JetStream.Message, "subject" | "seq" | "data" | "header">

/** A value for an alert, with its market time. */
interface Seen {
  readonly value: Money.Decimal
  readonly asOf: string
}
type Read = (watch: Watch) => ReadonlyArray<Seen>

interface Held {
  readonly alert: Alert
  standing: Standing
  /** The sequence of the newest message that changed the alert; at first the sequence after which it is decided. */
  seq: number
}

const isPacketField = Schema.is(PacketField)

/** At most one value, at the time of its message. */
const once = (value: Option.Option<Money.Decimal>, asOf: string): ReadonlyArray<Seen> =>
  Option.match(value, { onNone: () => [], onSome: (value) => [{ value, asOf }] })

/** The alerts of one input, with their present states. */
export class Watching {
  private held = new Map<string, Array<Held>>()
  private tokens = new Set<number>()

  set(alerts: ReadonlyArray<Alert>): void {
    this.held = new Map()
    this.tokens = new Set()
    for (const alert of alerts) {
      const subject = Inputs.subjectOf(alert)
      const list = this.held.get(subject) ?? []
      this.held.set(subject, list)
      list.push({ alert, standing: { state: alert.state, firedAtMs: alert.firedAt?.getTime() ?? null }, seq: alert.inputSeq ?? 0 })
      if (alert.watch.source === "instrument") this.tokens.add(alert.watch.instrument_token)
    }
  }

  get subjects(): ReadonlySet<string> {
    return new Set(this.held.keys())
  }

  get size(): number {
    let count = 0
    for (const list of this.held.values()) count += list.length
    return count
  }

  /** No alert is decided from messages before this sequence; Infinity without alerts. */
  get fromSeq(): number {
    let from = Number.POSITIVE_INFINITY
    for (const list of this.held.values()) for (const { seq } of list) from = Math.min(from, seq)
    return from
  }

  isWanted(subject: string): boolean {
    return this.held.has(subject)
  }

  private ofFrame({ data, header }: Message): Read {
    const frame = FrameHeader.parse(header(FrameHeader.name))
    if (frame === undefined) return () => []
    const packets = Values.packetsOf(frame, data, (token) => this.tokens.has(token))
    return (watch) => {
      if (watch.source !== "instrument" || !isPacketField(watch.field)) return []
      const { field } = watch
      return (packets.get(watch.instrument_token) ?? []).flatMap(({ receivedMs, values }) =>
        once(values[field], IndiaTime.isoTime(receivedMs))
      )
    }
  }

  /** How to read each alert's values from a message, in their order. Left: why the message cannot be read. */
  private reader(message: Message, input: Input): Either.Either<Read, string> {
    const { data, subject } = message
    switch (input) {
      case "packet":
        return Either.right(this.ofFrame(message))
      case "instrument":
        return Either.map(
          Subjects.Tick.read(subject, data),
          (ticks) => (watch) =>
            watch.source === input && !isPacketField(watch.field)
              ? once(Values.ofTicks(watch.field, watch.instrument_token, ticks), ticks.as_of)
              : []
        )
      case "strategy":
        return Either.map(
          Subjects.Mark.read(subject, data),
          (mark) => (watch) => (watch.source === input ? once(Values.ofMark(watch, mark), mark.as_of) : [])
        )
      case "feed":
        return Either.map(
          Subjects.Ticker.read(subject, data),
          (status) => (watch) => (watch.source === input ? once(Values.ofTicker(watch, status), status.as_of) : [])
        )
      case "chain":
        return Either.map(
          Subjects.ChainDelta.read(subject, data),
          (chain) => (watch) => (watch.source === input ? once(Values.ofChain(watch, chain), chain.as_of) : [])
        )
    }
  }

  /** The changes that a message causes to the alerts of its subject. Left: why it cannot be read. */
  take(message: Message, input: Input): Either.Either<ReadonlyArray<Step>, string> {
    const held = this.held.get(message.subject)
    if (held === undefined) return Either.right([])
    return Either.map(this.reader(message, input), (read) =>
      held.flatMap((one) => (message.seq <= one.seq ? [] : this.step(one, message.seq, read(one.alert.watch))))
    )
  }

  /** Decides the values of one message, in their order. A message fires an alert at most once, so a second time leaves it armed. */
  private step(one: Held, seq: number, values: ReadonlyArray<Seen>): ReadonlyArray<Step> {
    const { alert, standing: before } = one
    let event: Step["event"] = null
    for (const { asOf, value } of values) {
      const { fires, standing } = AlertDecider.decide(alert, one.standing, value, Date.parse(asOf))
      if (fires && event !== null) continue
      one.standing = standing
      if (!fires) continue
      const { alertId, condition, name, owner, threshold, watch } = alert
      event = { v: 1, as_of: asOf, seq, owner, alert_id: alertId, name, on: watch, condition, threshold, value }
    }
    if (one.standing === before) return []
    one.seq = seq
    return [{ alert, state: one.standing.state, seq, event }]
  }
}
