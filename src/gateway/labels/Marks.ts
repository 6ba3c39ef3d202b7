import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as LabelMessage from "../../domain/labels/LabelMessage.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { LabelRepo } from "../../store/labels/LabelRepo.ts"
import { orProblem } from "../shared/StoreProblem.ts"

/** The largest number of marks in one answer. An answer has the newest marks of its span. */
const marksMax = 1_000
/** Smallest size of a mark on the screen. */
const minSizePixels = 14

/** Resolutions of a day or longer. Their bars are at the date's midnight UTC, as in /udf/history. */
const isDaily = (resolution: string): boolean => /^\d{0,3}[DWM]$/i.test(resolution)

const secondsOf = (time: string, resolution: string): number => {
  const atMs = Date.parse(time)
  return Math.floor((isDaily(resolution) ? Date.parse(IndiaTime.istDate(atMs)) : atMs) / 1_000)
}
const markOf = (label: LabelMessage.Label, resolution: string) => ({
  id: label.label_id,
  time: secondsOf(label.time, resolution),
  color: { border: label.color, background: label.color },
  text: label.text,
  label: label.label,
  labelFontColor: "#ffffff",
  minSize: minSizePixels
})
const timescaleMarkOf = (label: LabelMessage.Label, resolution: string) => ({
  id: label.label_id,
  time: secondsOf(label.time, resolution),
  color: label.color,
  label: label.label,
  tooltip: [label.text]
})

export interface Asked {
  readonly instrument: Instrument.Instrument
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
  readonly resolution: string
}

const dateOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms))

/** A user's labels as marks of TradingView's charts (Charting Library, IDatafeedChartApi: getMarks, getTimescaleMarks). */
export const make = Effect.gen(function* () {
  const repo = yield* LabelRepo
  const labels = (owner: string, place: LabelMessage.Place, { instrument, fromMs, toMs, resolution }: Asked) => {
    const { exchange, tradingsymbol } = instrument
    // A chart asks for a day by its midnight UTC. The day's labels are before and after that instant.
    const slackMs = isDaily(resolution) ? IndiaTime.dayMs : 0
    const from = dateOf(fromMs === undefined ? undefined : fromMs - slackMs)
    const to = dateOf(toMs === undefined ? undefined : toMs + slackMs)
    return orProblem(repo.newest(owner, { instrument: { exchange, tradingsymbol }, place, from, to }, marksMax))
  }
  return {
    bars: (owner: string, asked: Asked) =>
      Effect.map(labels(owner, "bar", asked), (found) => found.map((one) => markOf(one, asked.resolution))),
    timescale: (owner: string, asked: Asked) =>
      Effect.map(labels(owner, "timescale", asked), (found) => found.map((one) => timescaleMarkOf(one, asked.resolution)))
  } as const
})
