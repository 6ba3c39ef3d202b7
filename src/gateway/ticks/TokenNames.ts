import { Effect } from "effect"
import type { Since } from "../../contract/sockets/SocketMessages.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import * as ClockFrame from "../../domain/record/ClockFrame.ts"
import * as Day from "../../domain/rules/Day.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../store/instruments/InstrumentRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Views } from "../views/Views.ts"

/** How often this process looks whether the instruments in force have changed. */
const lookEvery = "1 second"
/** The longest wait for the clock frame that dates a position. */
const clockMsMax = 5_000
/** A day before every stored trade date. */
const ever = "0001-01-01"

/**
 * What tokens name, and since when. Exchanges reuse tokens, so a token that a client asked for on one day may name another contract on the
 * next: neither a subscription nor a replay may continue under it.
 */
export class TokenNames extends Effect.Service<TokenNames>()("gateway/ticks/TokenNames", {
  scoped: Effect.gen(function* () {
    const js = yield* JetStream
    const market = yield* MarketClock
    const registry = yield* InstrumentRegistry
    const repo = yield* InstrumentRepo
    const rules = yield* RuleBook
    const views = yield* Views
    const listeners = new Set<() => void>()
    let master = registry.current()
    /** The first position of the record at which this process's instruments are known to be in force. */
    let inForceFrom = { epoch: 0, seq: Number.POSITIVE_INFINITY }

    const look = Effect.sync(() => {
      const { epoch, seq } = views.framesReached()
      const now = registry.current()
      const isKnown = inForceFrom.epoch === epoch && Number.isFinite(inForceFrom.seq)
      if (seq !== undefined && (now !== master || !isKnown)) inForceFrom = { epoch, seq }
      if (now === master) return
      master = now
      for (const listener of listeners) listener()
    })
    yield* look.pipe(Effect.delay(lookEvery), Effect.forever, Effect.forkScoped)

    /** Market time at a position: that of the first clock frame after it. Without one, time has not moved since. */
    const timeOf = ({ seq }: Since) =>
      Effect.gen(function* () {
        const filters = [Subjects.Clock.filter()]
        const start = { _tag: "After", seq: Math.max(0, seq - 1) } as const
        const read = yield* OrderedRead.make({ stream: Subjects.Clock.stream, filters, start, bufferMax: 1 })
        if (read.pendingAtStart === 0) return market.unsafeNow()
        const items = yield* read.takeAll
        const clock = items.find((item) => item._tag === "Message")
        return clock === undefined ? market.unsafeNow() : ClockFrame.decode(clock.data)
      }).pipe(Effect.scoped, Effect.timeout(clockMsMax), Effect.provideService(JetStream, js))

    /** The day whose instruments were in force for a token. Before the exchange opened they may have been the previous day's. */
    const dayInForce = (token: number, atMs: number): string => {
      const instrument = registry.byToken(token)
      const place = instrument === undefined ? undefined : InstrumentHours.placeOf(rules.current(), instrument, false)
      const day = Day.at(atMs)
      const isOpen = atMs - Day.midnightMs(day) >= InstrumentHours.gridOpenMs(rules.current(), place, atMs)
      return Day.iso(isOpen ? day : day - 1)
    }

    const tokensByDay = (tokens: Iterable<number>, atMs: number): ReadonlyMap<string, ReadonlyArray<number>> => {
      const found = new Map<string, Array<number>>()
      for (const token of tokens) {
        const day = Number.isNaN(atMs) ? ever : dayInForce(token, atMs)
        found.set(day, [...(found.get(day) ?? []), token])
      }
      return found
    }

    const changedSince = (tokens: ReadonlySet<number>, since: Since) =>
      Effect.gen(function* () {
        const isInForce = registry.current() === master && since.epoch === inForceFrom.epoch && since.seq >= inForceFrom.seq
        if (isInForce || registry.current() === undefined) return new Set<number>()
        // Positions of a record that was created again have no time.
        const atMs = since.epoch === views.framesReached().epoch ? yield* timeOf(since) : Number.NaN
        const today = IndiaTime.istDate(market.unsafeNow())
        const days = [...tokensByDay(tokens, atMs)].filter(([day]) => day < today)
        const changed = yield* Effect.forEach(days, ([day, of]) => repo.renamed(of, day))
        return new Set(changed.flat())
      }).pipe(Effect.withSpan("TokenNames.changedSince"))

    return {
      /** The contract that a token names now; undefined for an unknown one. */
      nameOf: (token: number): string | undefined => {
        const instrument = registry.byToken(token)
        return instrument === undefined ? undefined : Instrument.symbolKey(instrument.exchange, instrument.tradingsymbol)
      },
      /** The tokens that have named more than one contract since a position in the record. Usually answered from memory. */
      changedSince,
      /** Calls `listener` after the instruments in force have changed. Returns what ends that. */
      onChange: (listener: () => void): (() => void) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      }
    } as const
  })
}) {}
