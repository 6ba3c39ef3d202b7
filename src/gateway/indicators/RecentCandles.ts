import { Effect, Hash } from "effect"
import type * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import type { Candles, History } from "../history/History.ts"
import * as Metrics from "../shared/Metrics.ts"

/** The longest time until all candles are read again. A correction of an older candle may stay unseen for this long. */
export const wholeMs = 60_000
/** Candles that open within this time before the newest one may still change, so they are read each time. */
export const changingMs = 10 * IndiaTime.minuteMs
/** Candles that are kept, of all charts together, about 100 bytes each. The chart that was unused for longest is dropped first. */
export const candlesMax = 500_000

interface Kept extends Candles {
  readonly fromMs: number
  readonly untilMs: number
}

/** A random time between half of `wholeMs` and all of it, so that charts that were read at the same time are not read again at the same time. */
const lifeMs = (id: string): number => (wholeMs / 2) * (1 + (Math.abs(Hash.string(id)) % 1_000) / 1_000)

/**
 * Candles up to now for charts that are asked for again and again. Reading thousands of candles for each answer would keep one gateway from
 * answering more than thirty charts a second.
 */
export const make = (history: Pick<History, "candles">, limit: number = candlesMax) => {
  /** The chart that was used last is the last one. */
  const charts = new Map<string, Kept>()
  let total = 0
  let generation = 0

  const drop = (id: string): void => {
    total -= charts.get(id)?.candles.length ?? 0
    charts.delete(id)
  }
  const keep = (id: string, chart: Kept): void => {
    drop(id)
    charts.set(id, chart)
    total += chart.candles.length
    for (const oldest of charts.keys()) {
      if (total <= limit) break
      drop(oldest)
    }
    Metrics.indicatorCandles.unsafeUpdate(total, [])
  }

  const candles = (
    instrument: Instrument.Instrument,
    interval: KiteHistory.Interval,
    span: KiteHistory.Span
  ): Effect.Effect<Candles, Problem.Unavailable | Problem.Invalid> =>
    Effect.gen(function* () {
      const { fromMs, toMs } = span
      const id = `${instrument.exchange} ${instrument.tradingsymbol} ${interval.short}`
      const begun = generation
      const nowMs = yield* SteadyTime.nowMs
      const kept = charts.get(id)
      const newest = kept?.candles.at(-1)
      const isUsable = kept !== undefined && kept.fromMs <= fromMs && nowMs < kept.untilMs
      const old = isUsable && newest !== undefined ? kept.candles.filter(({ atMs }) => atMs < newest.atMs - changingMs) : []
      const rest = isUsable ? kept.candles[old.length] : undefined
      const found = yield* history.candles(instrument, interval, { fromMs: rest?.atMs ?? fromMs, toMs }, true)
      const chart: Kept =
        kept === undefined || rest === undefined
          ? { ...found, fromMs, untilMs: nowMs + lifeMs(id) }
          : { candles: [...old, ...found.candles], warning: found.warning ?? kept.warning, fromMs: kept.fromMs, untilMs: kept.untilMs }
      if (generation === begun) keep(id, chart)
      return chart
    })

  return {
    candles,
    /** Forgets all candles, because older ones changed. */
    forget: Effect.sync(() => {
      generation++
      for (const id of [...charts.keys()]) drop(id)
      Metrics.indicatorCandles.unsafeUpdate(total, [])
    })
  } as const
}
