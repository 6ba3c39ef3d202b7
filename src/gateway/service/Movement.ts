import { Clock, Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { StreamKeeper } from "../../streams/keep/StreamKeeper.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../shared/Metrics.ts"
import type { Seen } from "../views/MovementView.ts"
import { Views } from "../views/Views.ts"
import { OutputJudge } from "./OutputJudge.ts"

const lookEvery = "1 second"
/** Values older than this when published degrade /health. A state comes at least every five seconds. */
export const lagMaxMs = 10_000
/** A lag measured longer ago than this is outdated. Stillness judges silence. */
const lagKeptMs = 10_000
/** A stream that was created again degrades /health for this long. */
const remadeSaidMs = 60_000

/** A strategy without a mark for this long is not expected to have another one: its instruments do not trade. */
const marksMissedMs = 60_000
const nothing: ReadonlySet<string> = new Set()

const seconds = (ms: number): number => Math.round(ms / 1_000)

/** The outputs that one stream carries for all underlyings. */
const streams = [
  { name: Subjects.Tick.stream, expects: "always" },
  // Ticks outside the session make no bars.
  { name: Subjects.Bars.stream, expects: "learned" },
  { name: Subjects.ChainDelta.stream, expects: "learned" },
  { name: Subjects.Mark.stream, expects: "learned" }
] as const

/** Follows inputs and outputs, and reports which outputs have stopped or are late. */
export const follow = Effect.gen(function* () {
  const views = yield* Views
  const market = yield* MarketClock
  const keeper = yield* StreamKeeper
  const judge = new OutputJudge(streams)

  const nameOf = (subject: string): string => {
    const names = Subjects.Frame.match(subject)
    return names === undefined ? subject : `${names.exchange}.${names.underlying}`
  }
  const look = Effect.sync(() => {
    judge.second({
      day: IndiaTime.istDate(market.unsafeNow()),
      underlyings: Array.from(views.movement.frames, ([subject, frames]) => {
        const name = nameOf(subject)
        return { name, frames, states: views.movement.states.get(name)?.count ?? 0 }
      }),
      positions: new Map(streams.map(({ name }) => [name, keeper.progress(name)?.lastSeq ?? 0])),
      idle: views.strategies.hasMarkSince(performance.now() - marksMissedMs) ? nothing : new Set([Subjects.Mark.stream])
    })
    for (const [name, { lagMs }] of views.movement.states) Metrics.outputLag(name, lagMs / 1_000)
    Metrics.outputLag("strategies", views.movement.marks.lagMs / 1_000)
  })
  yield* look.pipe(Effect.delay(lookEvery), Effect.forever, Effect.forkScoped)

  /** In `feed` mode time runs as fast as the recording, so a lag in market time means nothing. */
  const isBehind = ({ atMs, lagMs }: Seen): boolean => market.mode !== "feed" && lagMs > lagMaxMs && performance.now() - atMs <= lagKeptMs

  /** The reasons why /health is degraded now. */
  return Effect.map(Clock.currentTimeMillis, (nowMs): ReadonlyArray<string> => {
    const { states, marks, reading } = views.movement
    const remade = keeper.remade().filter(({ atMs }) => nowMs - atMs <= remadeSaidMs)
    return [
      ...remade.map(({ stream, atMs }) => `stream ${stream} was deleted, and created again at ${IndiaTime.isoTime(atMs)}`),
      ...judge.complaints(),
      ...[...states].flatMap(([name, seen]) => (isBehind(seen) ? [`values of ${name} are ${seconds(seen.lagMs)} s behind`] : [])),
      ...(isBehind(marks) ? [`values of strategies are ${seconds(marks.lagMs)} s behind`] : []),
      ...(isBehind(reading) ? [`the gateway reads frames ${seconds(reading.lagMs)} s late`] : [])
    ]
  })
})
