import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as ChainMessage from "../../domain/options/ChainMessage.ts"
import * as UnderlyingDecider from "../../domain/underlying/UnderlyingDecider.ts"
import { pricingSettings } from "../../settings/PricingSettings.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { sessionRules } from "../../settings/SessionRules.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Published } from "../runtime/Board.ts"
import { RecordActor } from "../runtime/RecordActor.ts"
import * as RuledDecider from "../runtime/RuledDecider.ts"

export const kind = "greeks"
export const key = (exchange: string, underlying: string) => Subject.kvKey(kind, exchange, underlying)
/** Change it whenever the decider's state changes its layout. */
export const layout = "underlying-9"

/** The stream and subject of each output of an underlying. */
export const route = (exchange: string, underlying: string) => {
  const holes = { exchange, underlying }
  const quality = (kind: string, atMs: number, detail: object): Published => ({
    stream: Subjects.Quality.stream,
    subject: Subjects.Quality.at({ kind, ...holes }),
    encode: () => Subjects.Quality.encode({ v: 1, as_of: IndiaTime.isoTime(atMs), kind, detail: { ...holes, ...detail } })
  })
  const delta = (expiry: string) => ({ stream: Subjects.ChainDelta.stream, subject: Subjects.ChainDelta.at({ ...holes, expiry }) })
  const minute = (expiry: string) => ({ stream: Subjects.ChainMinute.stream, subject: Subjects.ChainMinute.at({ ...holes, expiry }) })
  const state = { stream: Subjects.UnderlyingState.stream, subject: Subjects.UnderlyingState.at(holes) }
  const life = { stream: Subjects.Life.stream, subject: Subjects.Life.at(holes) }
  const tick = { stream: Subjects.Tick.stream, subject: Subjects.Tick.at(holes) }
  const keyframe = (message: ChainMessage.Chain): Published => ({
    stream: Subjects.ChainKeyframe.stream,
    subject: Subjects.ChainKeyframe.at({ ...holes, expiry: message.expiry }),
    covers: delta(message.expiry),
    encode: (deltaSeq) => Subjects.ChainKeyframe.encode({ ...message, delta_seq: deltaSeq ?? 0 })
  })
  return (output: UnderlyingDecider.Output): Published => {
    switch (output.kind) {
      case "state":
        return { ...state, encode: () => Subjects.UnderlyingState.encode(output.message) }
      case "tick":
        return { ...tick, encode: () => Subjects.Tick.encode(output.message) }
      case "delta":
        return { ...delta(output.expiry), encode: () => Subjects.ChainDelta.encode(output.message) }
      case "chain":
        return keyframe(output.message)
      case "minute":
        return { ...minute(output.expiry), encode: () => Subjects.ChainMinute.encode(output.message) }
      case "life":
        return { ...life, encode: () => Subjects.Life.encode(output.message) }
      case "gap":
        return quality(output.kind, output.atMs, output.message)
      case "odd": {
        const { what, ...detail } = output.message
        return quality(what, output.atMs, detail)
      }
    }
  }
}

/** Computes one underlying's chains with Greeks, its spot, futures and forwards, from the record. */
export const make = Effect.gen(function* () {
  const recordActor = yield* RecordActor
  const settings = yield* pricingSettings
  const book = yield* RuleBook
  const ruled = yield* sessionRules

  return (exchange: string, underlying: string) => {
    const holes = { exchange, underlying }
    return recordActor.run(
      Effect.sync(() => ({
        name: kind,
        key: key(exchange, underlying),
        layout,
        decider: RuledDecider.make(book, (rules) =>
          UnderlyingDecider.make({ ...holes, settings, isExact: false, ends: rules, ...ruled(rules) })
        ),
        frames: [Subjects.Frame.at(holes)],
        references: [Subjects.MarketReference.at(holes)],
        route: route(exchange, underlying),
        outputs: [{ stream: Subjects.UnderlyingState.stream, filter: Subjects.UnderlyingState.at(holes) }]
      }))
    )
  }
})
