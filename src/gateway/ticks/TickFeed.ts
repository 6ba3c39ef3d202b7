import { Effect } from "effect"
import { toNumber } from "../../domain/Money.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as FrameGuard from "../../domain/market/FrameGuard.ts"
import { priceScale } from "../../domain/market/Instrument.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import type { Message } from "../../streams/JetStream.ts"
import * as Metrics from "../shared/Metrics.ts"
import { Hub } from "../sockets/Hub.ts"
import { gapOf } from "../sockets/Since.ts"
import { Views } from "../views/Views.ts"

/** Subjects whose frames are told apart; the one first heard of longest ago is forgotten. */
const subjectsMax = 4_096

const modeOf = (kind: Frame.Kind): "ltp" | "quote" | "full" =>
  kind === Frame.Kind.ltp ? "ltp" : kind === Frame.Kind.quote || kind === Frame.Kind.indexQuote ? "quote" : "full"

/** Tells frames that were sent twice, subject by subject. */
const makeGuards = () => {
  const guards = new Map<string, FrameGuard.State>()
  const guardOf = (subject: string): FrameGuard.State => {
    const known = guards.get(subject)
    if (known !== undefined) return known
    const oldest = guards.size >= subjectsMax ? guards.keys().next().value : undefined
    if (oldest !== undefined) guards.delete(oldest)
    const guard = FrameGuard.make()
    guards.set(subject, guard)
    return guard
  }
  return {
    isNew: (subject: string, header: FrameHeader.FrameHeader): boolean =>
      FrameGuard.accept(guardOf(subject), header) !== FrameGuard.dropped,
    clear: () => guards.clear()
  }
}

export type TakeTick = (token: number, text: string, row: number) => void

/** Turns frames into the ticks that somebody wants: every one of them, once. */
export class TickFeed extends Effect.Service<TickFeed>()("gateway/ticks/TickFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const registry = yield* InstrumentRegistry
    const { chains, epochs, told } = yield* Views
    const live = makeGuards()

    /** Of the packet at `offset`, read where it stands. Prices in rupees; null where its kind has no such field or the book no such level. */
    const textOf = (
      bytes: Uint8Array,
      offset: number,
      kind: Frame.Kind,
      header: FrameHeader.FrameHeader,
      seq: number,
      row: number
    ): string => {
      const token = Frame.tokenAt(bytes, offset)
      const scale = priceScale(token)
      const price = (int: number) => (int === 0 ? null : toNumber(int, scale))
      const exchangeTime = Frame.exchangeTimeAt(bytes, offset, kind)
      const greeks = chains.row(token)
      const data = {
        instrument_token: token,
        tradingsymbol: registry.byToken(token)?.tradingsymbol ?? null,
        last_price: toNumber(Frame.lastPriceAt(bytes, offset), scale),
        volume: Frame.hasVolume(kind) ? Frame.volumeAt(bytes, offset, kind) : null,
        oi: Frame.hasOpenInterest(kind) ? Frame.openInterestAt(bytes, offset, kind) : null,
        bid: price(Frame.bestBidAt(bytes, offset, kind)),
        ask: price(Frame.bestAskAt(bytes, offset, kind)),
        close: price(Frame.closeAt(bytes, offset, kind)),
        iv: greeks?.iv ?? null,
        delta: greeks?.delta ?? null,
        gamma: greeks?.gamma ?? null,
        theta: greeks?.theta ?? null,
        vega: greeks?.vega ?? null,
        timestamp: new Date(exchangeTime > 0 ? exchangeTime * 1000 : FrameHeader.receivedAtMs(header, row)).toISOString(),
        mode: modeOf(kind),
        is_mock: header.source === "simulator"
      }
      return JSON.stringify({ type: "tick", data, epoch: epochs.frames, seq, row })
    }

    /** The wanted rows of a frame, as texts. */
    const forEachTick = (
      { data, seq }: Message,
      header: FrameHeader.FrameHeader,
      isWanted: (token: number) => boolean,
      take: TakeTick
    ): void => {
      let row = 0
      const bad = Frame.forEachPacket(data, (offset, kind) => {
        const token = Frame.tokenAt(data, offset)
        if (isWanted(token)) take(token, textOf(data, offset, kind, header, seq, row), row)
        row++
      })
      if (bad > 0) Metrics.bridgeBadPackets.unsafeUpdate(bad, [])
    }
    const headerOf = (message: Message) => FrameHeader.parse(message.header(FrameHeader.name))
    /** Whether the frame is ours; `guards` remembers it, and `take` gets its ticks when it is new. */
    const read = (
      message: Message,
      guards: ReturnType<typeof makeGuards>,
      isWanted: (token: number) => boolean,
      take: TakeTick
    ): boolean => {
      const header = headerOf(message)
      if (header === undefined) return false
      if (guards.isNew(message.subject, header)) forEachTick(message, header, isWanted, take)
      else Metrics.bridgeDuplicates.unsafeUpdate(1, [])
      return true
    }
    const remember = (message: Message, guards: ReturnType<typeof makeGuards>): void => {
      const header = headerOf(message)
      if (header !== undefined) guards.isNew(message.subject, header)
    }

    /** False for a message that is no frame of ours. */
    const accept = (message: Message): boolean => {
      let sent = 0
      const isOurs = read(message, live, hub.hasMembers, (token, text) => {
        hub.event(token, text)
        sent++
      })
      told.frames = message.seq
      if (sent > 0) Metrics.ticksBroadcast.unsafeUpdate(sent, [])
      return isOurs
    }
    /** Frames that the record lost before they were read here: whoever has ticks is told. */
    const gone = (from: number, to: number): void => {
      told.frames = to
      const readers = hub.eventToReaders(`gap ${from}`, JSON.stringify(gapOf(epochs.frames, from, to)))
      Metrics.wsGaps.unsafeUpdate(readers, [])
    }
    return {
      accept,
      gone,
      /** A frame from before: what is sent again later is known by it. */
      remember: (message: Message): void => remember(message, live),
      forget: live.clear,
      /** The past, for one reader with a memory of its own. */
      past: () => {
        const guards = makeGuards()
        return {
          remember: (message: Message): void => remember(message, guards),
          read: (message: Message, isWanted: (token: number) => boolean, take: TakeTick): boolean => read(message, guards, isWanted, take)
        }
      }
    } as const
  })
}) {}
