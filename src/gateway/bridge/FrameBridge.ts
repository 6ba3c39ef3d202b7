import { Effect } from "effect"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import * as Keyframe from "../../domain/record/Keyframe.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Hub } from "../sockets/Hub.ts"
import { lookBackMax } from "../ticks/ReplayPlace.ts"
import { TickFeed } from "../ticks/TickFeed.ts"
import { Views } from "../views/Views.ts"
import { follow, type Reader } from "./StreamReader.ts"

/** Frames that a start reads again behind the newest keyframes, to know every order book. */
const framesBackMax = 20_000

/** Reads the frames of MD_FRAMES for the WebSocket clients. Every run continues behind the last frame that the run before applied. */
export const make = Effect.gen(function* () {
  const js = yield* JetStream
  const hub = yield* Hub
  const views = yield* Views
  const ticks = yield* TickFeed
  const { stream } = Subjects.Frame
  /** The last frame applied; undefined before the first run. */
  let appliedSeq: number | undefined

  /** The sequence behind which this run applies frames. */
  const resume = Effect.gen(function* () {
    const { createdMs, firstSeq, lastSeq } = yield* js.info(stream)
    // The stream was created again: all of it is new.
    if (views.epochs.frames !== 0 && createdMs !== views.epochs.frames) {
      appliedSeq = 0
      views.books.clear()
    }
    // A stream that lost its end in a crash gives those sequences to other frames.
    const place = Math.min(appliedSeq ?? lastSeq, lastSeq)
    appliedSeq = place
    views.epochs.frames = createdMs
    views.sentUpTo.frames = place
    ticks.forget()
    return { place, firstSeq }
  })

  const show = ({ subject, header, data, seq }: Message) => {
    const text = header(FrameHeader.name)
    const of = FrameHeader.isOf(text, subject) ? FrameHeader.parse(text) : undefined
    if (of !== undefined) views.books.apply(of, data, seq)
  }
  /**
   * Takes the order books from the newest keyframes. Returns the sequence behind which the frames complete them. An underlying without a
   * keyframe in the last two minutes had no packet that its keyframe lacks.
   */
  const readKeyframes = Effect.gen(function* () {
    const keyframes = yield* OrderedRead.make({ stream, filters: [Subjects.Keyframe.filter()], start: { _tag: "LastPerSubject" } })
    const seen: Array<{ readonly timeMs: number; readonly seq: number }> = []
    for (let left = keyframes.pendingAtStart; left > 0; ) {
      for (const item of yield* keyframes.takeAll) {
        if (item._tag === "Gap") continue
        show(item)
        seen.push({ timeMs: Keyframe.parseTime(item.header(Keyframe.timeHeader)), seq: item.seq })
        left = item.pending === 0 ? 0 : left - 1
      }
    }
    const sinceMs = Math.max(...seen.map(({ timeMs }) => timeMs)) - 2 * Keyframe.everyMs
    return Math.min(...seen.filter(({ timeMs }) => timeMs >= sinceMs).map(({ seq }) => seq))
  }).pipe(Effect.scoped)

  return (caughtUp: () => void) =>
    Effect.gen(function* () {
      const { place, firstSeq } = yield* resume
      const keyframeSeq = yield* readKeyframes
      // Some frames before it are read too, to recognise frames that their publisher sent twice, and to complete the order books.
      const from = Math.max(Math.min(place - lookBackMax, Math.max(keyframeSeq, place - framesBackMax)), firstSeq - 1, 0)
      const read = yield* OrderedRead.make({
        stream,
        filters: [Subjects.Frame.filter()],
        start: { _tag: "After", seq: Math.min(from, place) }
      })
      const frame: Reader = {
        take: (message) => {
          show(message)
          if (message.seq <= place) {
            ticks.remember(message)
            return undefined
          }
          appliedSeq = message.seq
          views.movement.frame(message.subject, message.timeMs)
          return ticks.accept(message) ? undefined : "the frame's header is missing or not ours"
        },
        gone: (from, to) => {
          if (to <= place) return
          appliedSeq = to
          ticks.gone(Math.max(from, place + 1), to)
        }
      }
      const applied = () => {
        views.news.atMs = performance.now()
        hub.flush()
      }
      yield* follow({ stream, read, reader: frame, caughtUp, applied })
    })
})
