import { Effect } from "effect"
import { toNumber } from "../domain/Money.ts"
import * as Frame from "../domain/market/Frame.ts"
import * as FrameGuard from "../domain/market/FrameGuard.ts"
import * as FrameHeader from "../domain/market/FrameHeader.ts"
import { priceScale } from "../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../store/InstrumentRegistry.ts"
import type { Message } from "../streams/JetStream.ts"
import { Hub } from "./Hub.ts"
import * as Metrics from "./Metrics.ts"
import { gapOf } from "./Since.ts"
import { Views } from "./Views.ts"

/** Subjects whose frames are told apart; the one first heard of longest ago is forgotten. */
const subjectsMax = 4_096

const modeOf = (kind: number): "ltp" | "quote" | "full" =>
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
export class TickFeed extends Effect.Service<TickFeed>()("gateway/TickFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const registry = yield* InstrumentRegistry
    const { chains, epochs, told } = yield* Views
    const columns = Frame.makeColumns()
    const live = makeGuards()

    const anyWanted = (bytes: Uint8Array, isWanted: (token: number) => boolean): boolean => {
      let wanted = false
      const bad = Frame.forEachPacket(bytes, (offset) => {
        wanted ||= isWanted(Frame.tokenAt(bytes, offset))
      })
      if (bad > 0) Metrics.bridgeBadPackets.unsafeUpdate(bad, [])
      return wanted
    }

    /** Prices in rupees; null where the packet's kind has no such field or the book no such level. */
    const textOf = (row: number, header: FrameHeader.FrameHeader, seq: number): string => {
      const token = columns.token[row] ?? 0
      const kind = columns.kind[row] ?? 0
      const scale = priceScale(token)
      const price = (int: number) => (int === 0 ? null : toNumber(int, scale))
      const exchangeTime = columns.exchangeTime[row] ?? 0
      const greeks = chains.row(token)
      const data = {
        instrument_token: token,
        tradingsymbol: registry.byToken(token)?.tradingsymbol ?? null,
        last_price: toNumber(columns.lastPrice[row] ?? 0, scale),
        volume: Frame.hasVolume(kind) ? (columns.volume[row] ?? 0) : null,
        oi: Frame.hasOpenInterest(kind) ? (columns.oi[row] ?? 0) : null,
        bid: price(Frame.bestBidPrice(columns, row)),
        ask: price(Frame.bestAskPrice(columns, row)),
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
    const forEachTick = (message: Message, header: FrameHeader.FrameHeader, isWanted: (token: number) => boolean, take: TakeTick): void => {
      if (!anyWanted(message.data, isWanted)) return
      Frame.decode(message.data, columns)
      for (let row = 0; row < columns.count; row++) {
        const token = columns.token[row] ?? 0
        if (isWanted(token)) take(token, textOf(row, header, message.seq), row)
      }
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
