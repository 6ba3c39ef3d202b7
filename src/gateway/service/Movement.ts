import { Clock, Effect } from "effect"
import { StreamKeeper } from "../../streams/keep/StreamKeeper.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../shared/Metrics.ts"
import type { Seen } from "../views/MovementView.ts"
import { Views } from "../views/Views.ts"
import { Presence, Stillness } from "./Stillness.ts"

const lookEvery = "1 second"
/** Values older than this when published degrade /health. A state comes at least every five seconds. */
export const lagMaxMs = 10_000
/** A lag measured longer ago than this is outdated. Stillness judges silence. */
const lagKeptMs = 10_000
/** A stream that was created again degrades /health for this long. */
const remadeSaidMs = 60_000

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
  /** By `<exchange>.<underlying>`. */
  const underlyings = new Map<string, { readonly stillness: Stillness; readonly presence: Presence; frames: number; states: number }>()
  const outputs = streams.map(({ name, expects }) => ({ name, stillness: new Stillness(expects), lastSeq: 0 }))

  const nameOf = (subject: string): string => {
    const names = Subjects.Frame.match(subject)
    return names === undefined ? subject : `${names.exchange}.${names.underlying}`
  }
  const look = Effect.sync(() => {
    let hasInput = false
    for (const [subject, frames] of views.movement.frames) {
      const name = nameOf(subject)
      const states = views.movement.states.get(name)?.count ?? 0
      const known = underlyings.get(name) ?? { stillness: new Stillness("always"), presence: new Presence(), frames: 0, states: 0 }
      underlyings.set(name, known)
      const hasFrames = frames !== known.frames
      known.stillness.second(hasFrames, states !== known.states)
      hasInput ||= hasFrames
      // A strategy whose market has closed does not move any more, though other markets trade.
      if (known.presence.second(hasFrames)) for (const { stillness } of outputs) stillness.forget()
      known.frames = frames
      known.states = states
    }
    for (const output of outputs) {
      const lastSeq = keeper.progress(output.name)?.lastSeq ?? 0
      output.stillness.second(hasInput, lastSeq !== output.lastSeq)
      output.lastSeq = lastSeq
    }
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
      ...remade.map(({ stream, atMs }) => `stream ${stream} was deleted, and created again at ${new Date(atMs).toISOString()}`),
      ...[...underlyings].flatMap(([name, { stillness }]) =>
        stillness.stillSeconds === 0 ? [] : [`${name} stands still: frames came for ${stillness.stillSeconds} s without a new state`]
      ),
      ...outputs.flatMap(({ name, stillness }) =>
        stillness.stillSeconds === 0 ? [] : [`${name} stands still: frames came for ${stillness.stillSeconds} s and nothing new is in it`]
      ),
      ...[...states].flatMap(([name, seen]) => (isBehind(seen) ? [`values of ${name} are ${seconds(seen.lagMs)} s behind`] : [])),
      ...(isBehind(marks) ? [`values of strategies are ${seconds(marks.lagMs)} s behind`] : []),
      ...(isBehind(reading) ? [`the gateway reads frames ${seconds(reading.lagMs)} s late`] : [])
    ]
  })
})
