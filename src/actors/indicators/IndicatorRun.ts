import { Effect, Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Folding from "../../domain/indicators/Folding.ts"
import type { IndicatorValue } from "../../domain/indicators/IndicatorMessage.ts"
import type * as Bar from "../../domain/market/Bar.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type { OutputGuard } from "../../domain/record/OutputGuard.ts"
import type { Message, NatsError } from "../../streams/JetStream.ts"
import type * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type * as Board from "../runtime/Board.ts"
import type * as IndicatorSeed from "./IndicatorSeed.ts"

/** One run: from a seed to the next one. */
export interface Run extends IndicatorSeed.Seeded {
  readonly timeframe: KiteHistory.Interval
  state: Folding.State
  /** True when the state has values that were not published. */
  isChanged: boolean
  /** True when the newest bar's values were published as those of a closed bar. */
  isFinal: boolean
}

export interface Output {
  readonly seq: number
  readonly message: Board.Published
}

/** The messages of all indicators at the newest bar. */
export const outputsOf = (run: Run, seq: number, asOf: string, isClosed: boolean): ReadonlyArray<Output> => {
  run.isChanged = false
  run.isFinal = isClosed
  const { instrument, timeframe } = run
  return run.state.live.flatMap(({ ready, values: { atMs, values } }): ReadonlyArray<Output> => {
    if (atMs === null || values === null) return []
    const names = { exchange: instrument.exchange, symbol: instrument.tradingsymbol, timeframe: timeframe.short, indicator: ready.id }
    const date = IndiaTime.isoTime(atMs)
    const message: IndicatorValue = {
      v: 1,
      as_of: asOf,
      seq,
      ...names,
      instrument_token: instrument.token,
      date,
      closed: isClosed,
      values
    }
    const { stream } = Subjects.Indicator
    return [{ seq, message: { stream, subject: Subjects.Indicator.at(names), encode: () => Subjects.Indicator.encode(message) } }]
  })
}

/** A day before every other day, "YYYY-MM-DD". */
export const anyDay = "0000-00-00"

/** Applies one version of a minute. "reseed" when its day is later than the state's. */
const applyCandle = (run: Run, seq: number, asOf: string, candle: Bar.Candle): ReadonlyArray<Output> | "reseed" => {
  const { open, high, low, close, volume } = candle
  const atMs = Date.parse(candle.timestamp)
  const before = run.state.newestMs
  const next = Folding.apply(run.state, run.grid, { atMs, open, high, low, close, volume })
  if (next === "reseed") return "reseed"
  if (next === run.state) return []
  const barMs = next.newestMs ?? atMs
  // The previous bar ended without a trade in its last minute, so its last values are final.
  const ended = !run.isFinal && before !== null && barMs > before ? outputsOf(run, seq, asOf, true) : []
  run.state = next
  run.isChanged = true
  run.isFinal = false
  const isClosed = candle.closed && run.closesMs(barMs) <= atMs + IndiaTime.minuteMs
  return isClosed ? [...ended, ...outputsOf(run, seq, asOf, true)] : ended
}

/** Applies the messages in order. Returns what to publish, and the day for which the run must be seeded again. */
export const fold = (
  run: Run,
  refuse: (message: Message, reason: string) => Effect.Effect<void, NatsError>,
  guard: OutputGuard,
  items: ReadonlyArray<Message | OrderedRead.Gap>
) =>
  Effect.gen(function* () {
    const outputs: Array<Output> = []
    let newest: { readonly seq: number; readonly asOf: string } | undefined
    for (const item of items) {
      if (item._tag === "Gap") return { outputs, nextDay: anyDay }
      const bars = Subjects.Bars.read(item.subject, item.data)
      const refusal = Either.isLeft(bars) ? bars.left : guard.refusal(item)
      if (Either.isLeft(bars) || refusal !== undefined) {
        yield* refuse(item, refusal ?? "")
        continue
      }
      newest = { seq: item.seq, asOf: bars.right.as_of }
      for (const candle of bars.right.bars) {
        const applied = applyCandle(run, item.seq, bars.right.as_of, candle)
        if (applied === "reseed") {
          if (!run.isFinal) outputs.push(...outputsOf(run, item.seq, bars.right.as_of, true))
          return { outputs, nextDay: IndiaTime.istDate(Date.parse(candle.timestamp)) }
        }
        outputs.push(...applied)
      }
    }
    if (newest !== undefined && run.isChanged) outputs.push(...outputsOf(run, newest.seq, newest.asOf, false))
    return { outputs, nextDay: undefined }
  })
