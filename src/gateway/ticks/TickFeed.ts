import { Effect } from "effect"
import * as Frame from "../../domain/market/Frame.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import type { Message } from "../../streams/JetStream.ts"
import * as Metrics from "../shared/Metrics.ts"
import { Hub } from "../sockets/Hub.ts"
import { gapOf } from "../sockets/Since.ts"
import type { Interruption } from "../views/BreakView.ts"
import { Views } from "../views/Views.ts"
import * as SubjectGuards from "./SubjectGuards.ts"
import * as TickText from "./TickText.ts"

const lostLookEvery = "1 second"

export type TakeTick = (token: number, text: string, row: number) => void

/** Reads old frames for one replay, with its own memory of frames that were sent twice. */
export interface Past {
  /** Remembers a frame without reading its ticks. */
  readonly remember: (message: Message) => void
  /** Returns false when the message is not a frame of ours. */
  readonly read: (message: Message, isWanted: (token: number) => boolean, take: TakeTick) => boolean
}

/** Undefined for a message that is not a frame of ours, or that names another subject than its own. */
const headerOf = ({ header, subject }: Message) => {
  const text = header(FrameHeader.name)
  return FrameHeader.isOf(text, subject) ? FrameHeader.parse(text) : undefined
}

/** Turns frames into the ticks that clients want: every tick, once. */
export class TickFeed extends Effect.Service<TickFeed>()("gateway/ticks/TickFeed", {
  scoped: Effect.gen(function* () {
    const hub = yield* Hub
    const registry = yield* InstrumentRegistry
    const { chains, epochs, sentUpTo } = yield* Views

    /** Gives the wanted packets of a frame to `take`, as texts. */
    const forEachTick = (
      { data, seq }: Message,
      header: FrameHeader.FrameHeader,
      isWanted: (token: number) => boolean,
      take: TakeTick
    ): void => {
      const frame = { bytes: data, header, epoch: epochs.frames, seq }
      let row = 0
      const bad = Frame.forEachPacket(data, (offset, kind) => {
        const token = Frame.tokenAt(data, offset)
        if (isWanted(token)) {
          const instrument = registry.byToken(token)
          const greeks = instrument === undefined ? undefined : chains.row(instrument)
          take(token, TickText.of(frame, row, offset, kind, instrument?.tradingsymbol ?? null, greeks), row)
        }
        row++
      })
      if (bad > 0) Metrics.bridgeBadPackets.unsafeUpdate(bad, [])
    }
    const readerWith = (guards: SubjectGuards.SubjectGuards): Past => ({
      remember: (message) => {
        const header = headerOf(message)
        if (header !== undefined) guards.isNew(message.subject, header)
      },
      read: (message, isWanted, take) => {
        const header = headerOf(message)
        if (header === undefined) return false
        if (guards.isNew(message.subject, header)) forEachTick(message, header, isWanted, take)
        else Metrics.bridgeDuplicates.unsafeUpdate(1, [])
        return true
      }
    })
    const liveGuards = SubjectGuards.make()
    const live = readerWith(liveGuards)

    /** Sends the frame's ticks to the clients that want them. Returns false when the message is not a frame of ours. */
    const accept = (message: Message): boolean => {
      let sent = 0
      const isOurs = live.read(message, hub.hasMembers, (token, text) => {
        hub.event(token, text)
        sent++
      })
      sentUpTo.frames = message.seq
      if (sent > 0) Metrics.ticksBroadcast.unsafeUpdate(sent, [])
      return isOurs
    }
    /** Reports frames that the record dropped before this process read them to every client that has ticks. */
    const gone = (from: number, to: number): void => {
      sentUpTo.frames = to
      const readers = hub.eventToReaders(`gap ${from}`, JSON.stringify(gapOf(epochs.frames, from, to)))
      Metrics.wsGaps.unsafeUpdate(readers, [])
    }
    /** Reports frames that were numbered and never reached the record to every client that has ticks. No sequence is missing for them. */
    const tellLost = Effect.sync(() => {
      const lost = liveGuards.newlyLost()
      if (lost === 0) return
      Metrics.framesLost.unsafeUpdate(lost, [])
      const seq = sentUpTo.frames ?? 0
      const text = JSON.stringify({ ...gapOf(epochs.frames, seq + 1, seq), lost_frames: lost })
      Metrics.wsGaps.unsafeUpdate(hub.eventToReaders(`lost ${seq}`, text), [])
      hub.flush()
    })
    yield* tellLost.pipe(Effect.delay(lostLookEvery), Effect.forever, Effect.forkScoped)

    /** Reports an interruption of the record to every client that has ticks. No sequence is missing for it. */
    const interrupted = ({ account, cause, from, to }: Interruption): void => {
      const seq = sentUpTo.frames ?? 0
      const interruption = { account_id: account, cause, from: from.toISOString(), to: to?.toISOString() ?? null }
      const text = JSON.stringify({ ...gapOf(epochs.frames, seq + 1, seq), interruption })
      const readers = hub.eventToReaders(`break ${account} ${cause} ${from.getTime()} ${to === null ? "begins" : "ends"}`, text)
      Metrics.wsGaps.unsafeUpdate(readers, [])
    }

    return {
      accept,
      gone,
      interrupted,
      remember: live.remember,
      forget: liveGuards.clear,
      past: (): Past => readerWith(SubjectGuards.make())
    } as const
  })
}) {}
