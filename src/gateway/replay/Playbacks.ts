import { Effect, FiberId, FiberMap, Option } from "effect"
import type { ReplaySpeed } from "../../contract/sockets/SocketMessages.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Metrics from "../shared/Metrics.ts"
import type { Connection } from "../sockets/Connection.ts"
import { gapOf } from "../sockets/Since.ts"
import type * as Catalogue from "./Catalogue.ts"
import * as Pace from "./Pace.ts"
import { storedText } from "./StoredText.ts"

/** Playbacks that one gateway runs at the same time. */
export const playbacksMax = 64
/** Messages that wait in this process for their time. Frames have up to some tens of kilobytes. */
const bufferMax = 50
/** How often a playback looks for a change of its speed, a pause or room at the client. */
const lookMs = 20

/** One client's playback. The client's actions change it. */
export interface Playback {
  readonly connection: Connection
  readonly found: Catalogue.Found
  readonly fromMs: number
  readonly toMs: number | undefined
  speed: ReplaySpeed
  isPaused: boolean
  /** Set at the first message, and again whenever the speed changes or a pause ends. */
  anchor: Pace.Anchor | undefined
  /** The newest message that was sent: its sequence, and when it was stored. */
  lastSeq: number
  lastMs: number
}

/** Notes the time that the stream has reached, before the speed changes or a pause begins. */
export const reanchor = (playback: Playback): void => {
  const { anchor, speed, lastMs } = playback
  if (anchor === undefined) return
  const nowMs = performance.now()
  playback.anchor = { atMs: nowMs, streamMs: speed === "max" ? lastMs : Pace.streamMsAt(anchor, speed, nowMs) }
}

/** Plays a subject to one client: the stored messages at their pace, then the live ones of the same read. */
const play = (playback: Playback) =>
  Effect.gen(function* () {
    const { connection, found, fromMs, toMs } = playback
    const js = yield* JetStream
    const { createdMs: epoch } = yield* js.info(found.stream)
    const start = { _tag: "Since", storedMs: fromMs } as const
    const read = yield* OrderedRead.make({ stream: found.stream, filters: [found.subject], start, bufferMax })
    let isLive = false
    /** Queued behind the messages, so that the client sees them in this order. */
    const say = (message: { readonly type: string; readonly seq?: number }): void =>
      connection.replayed(message.type, JSON.stringify(message))
    const goLive = (): void => {
      if (isLive || toMs !== undefined) return
      isLive = true
      say({ type: "live", seq: playback.lastSeq })
    }

    /** Waits until a message is due and the client can take it. Pauses and changes of speed take effect meanwhile. */
    const isDue = ({ timeMs }: Message): boolean => {
      if (playback.isPaused || !connection.hasRoom) return false
      playback.anchor ??= { atMs: performance.now(), streamMs: timeMs }
      return isLive || Pace.waitMs(playback.anchor, playback.speed, timeMs, performance.now()) === 0
    }
    const wait = (message: Message) =>
      Effect.gen(function* () {
        while (connection.isOpen && !isDue(message)) {
          yield* Effect.sleep(lookMs)
          connection.flush(performance.now())
        }
      })
    const deliver = (message: Message) =>
      Effect.gen(function* () {
        if (!isDue(message)) yield* wait(message)
        const text = storedText(found.name, message)
        playback.lastSeq = message.seq
        playback.lastMs = message.timeMs
        if (text === undefined) return
        connection.replayed(`${message.seq}`, `{"type":"message",${text},"epoch":${epoch}}`)
        Metrics.playbackMessages(found.name, 1)
      })

    if (read.pendingAtStart === 0 && toMs === undefined) goLive()
    let isOver = read.pendingAtStart === 0 && toMs !== undefined
    while (!isOver && connection.isOpen) {
      for (const item of yield* read.takeAll) {
        if (item._tag === "Gap") {
          say(gapOf(epoch, item.from, item.to))
          // Sequences of another stream mean nothing to the client.
          if (item.recreated) isOver = true
          continue
        }
        isOver ||= toMs !== undefined && item.timeMs > toMs
        if (isOver) break
        yield* deliver(item)
        connection.flush(performance.now())
        if (item.pending === 0) {
          isOver ||= toMs !== undefined
          goLive()
        }
      }
      connection.flush(performance.now())
    }
    say({ type: "ended", seq: playback.lastSeq })
    connection.flush(performance.now())
  }).pipe(Effect.scoped)

/** The playbacks of this gateway, at most one for each connection. */
export class Playbacks extends Effect.Service<Playbacks>()("gateway/replay/Playbacks", {
  scoped: Effect.gen(function* () {
    const js = yield* JetStream
    const fibers = yield* FiberMap.make<string>()
    const running = new Set<string>()
    const count = () => Metrics.playbacksRunning.unsafeUpdate(running.size, [])

    return {
      /** Starts a playback, which replaces the connection's present one. False when too many run. */
      begin: (playback: Playback) =>
        Effect.gen(function* () {
          const { connection } = playback
          yield* FiberMap.remove(fibers, connection.id)
          if (running.size >= playbacksMax || !connection.isOpen) return false
          running.add(connection.id)
          count()
          yield* FiberMap.run(
            fibers,
            connection.id,
            play(playback).pipe(
              Effect.provideService(JetStream, js),
              Effect.catchAll((error) =>
                Effect.zipRight(
                  Effect.logWarning("a playback ended early", error),
                  Effect.sync(() => connection.refuse("unavailable", "NATS unavailable: the stream does not answer"))
                )
              ),
              Effect.ensuring(
                Effect.sync(() => {
                  running.delete(connection.id)
                  count()
                })
              )
            )
          )
          return true
        }),
      /** Ends the connection's playback. */
      end: (connection: Connection) => FiberMap.remove(fibers, connection.id),
      /** The same without waiting, for a socket that is closed. */
      cut: (connection: Connection): void => {
        const fiber = FiberMap.unsafeGet(fibers, connection.id)
        if (Option.isSome(fiber)) fiber.value.unsafeInterruptAsFork(FiberId.none)
      },
      isRunning: (connection: Connection): boolean => running.has(connection.id)
    } as const
  })
}) {}
