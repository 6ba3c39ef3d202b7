import { Effect, Either } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Books from "../../domain/market/depth/Books.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as PaperOrder from "../../domain/orders/PaperOrder.ts"
import type { FrameHeader } from "../../domain/record/FrameHeader.ts"
import { marketGround } from "../../settings/SessionRules.ts"
import type { NewTrade, Place, StoredPaper } from "../../store/orders/PaperRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Metrics from "./Metrics.ts"
import * as PaperBooks from "./PaperBooks.ts"

/** A working order. Its newest state may be ahead of Postgres by the fills that are not saved yet. */
export interface Held {
  stored: StoredPaper
  paper: PaperOrder.PaperOrder
  matched: Place
  readonly unsaved: Array<NewTrade>
  /** True while a request changes the order. Packets wait meanwhile. */
  isLocked: boolean
}

/** The working orders of an account in memory, matched with each packet. Changed orders wait in `dirty` until they are saved. */
export const make = (account: string) =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const marketClock = yield* MarketClock
    const groundAt = yield* marketGround
    const byId = new Map<string, Held>()
    const byToken = new Map<number, Set<Held>>()
    const dirty = new Set<Held>()
    const news = yield* Effect.makeLatch(false)

    const touch = (held: Held): void => {
      dirty.add(held)
      news.unsafeOpen()
    }
    const match = (held: Held, { createdMs, packet, receivedMs, seq }: PaperBooks.Book): void => {
      const isOld = held.matched.createdMs === createdMs && seq <= held.matched.seq
      if (held.isLocked || isOld || !PaperOrder.isWorking(held.paper)) return
      held.matched = { seq, createdMs }
      const phase = PaperOrder.phaseOf(held.paper, groundAt(receivedMs))
      const [paper, fills] = PaperOrder.match(held.paper, packet, phase, receivedMs)
      if (paper === held.paper) return
      held.paper = paper
      for (const fill of fills) held.unsaved.push({ ...fill, atMs: receivedMs })
      touch(held)
    }
    /** A simulator's prices never fill the orders of a Kite account on paper, nor the other way round. */
    const trusts = ({ source }: FrameHeader): boolean => {
      const known = accounts.byId(account)
      if (Either.isRight(known) && known.right.source === source) return true
      Metrics.paperFramesRefused(account)
      return false
    }
    const books = yield* PaperBooks.make({
      wants: (token) => byToken.has(token),
      onBook: (token, book) => {
        for (const held of byToken.get(token) ?? []) match(held, book)
      },
      trusts
    })
    const bookOf = (instrument: Instrument.Instrument): PaperBooks.Book | undefined => {
      const underlying = Instrument.underlyingOf(instrument)
      const today = IndiaTime.istDate(marketClock.unsafeNow())
      return underlying === null ? undefined : books.find(underlying, instrument.token, Books.sinceMs(instrument, today))
    }
    const matchNow = (held: Held): void => {
      const book = bookOf(held.paper.instrument)
      if (book !== undefined) match(held, book)
    }

    const add = (stored: StoredPaper): void => {
      const { token } = stored.paper.instrument
      const held: Held = { stored, paper: stored.paper, matched: stored.matched, unsaved: [], isLocked: false }
      byId.set(stored.paper.orderId, held)
      byToken.set(token, (byToken.get(token) ?? new Set()).add(held))
      Metrics.paperWorking.set(account, byId.size)
      matchNow(held)
    }
    const remove = (held: Held): void => {
      const { instrument, orderId } = held.paper
      byId.delete(orderId)
      dirty.delete(held)
      const others = byToken.get(instrument.token)
      others?.delete(held)
      if (others?.size === 0) byToken.delete(instrument.token)
      Metrics.paperWorking.set(account, byId.size)
    }
    const lapse = Effect.sync(() => {
      const atMs = marketClock.unsafeNow()
      for (const held of byId.values()) {
        if (held.isLocked) continue
        const paper = PaperOrder.lapse(held.paper, PaperOrder.phaseOf(held.paper, groundAt(atMs)), atMs)
        if (paper === held.paper) continue
        held.paper = paper
        touch(held)
      }
    })
    return { add, bookOf, books, byId, dirty, groundAt, lapse, matchNow, news, remove } as const
  })
export type PaperMatching = Effect.Effect.Success<ReturnType<typeof make>>
