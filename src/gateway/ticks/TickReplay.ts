import { Data, Effect, Option } from "effect"
import type { Since } from "../../contract/sockets/SocketMessages.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../shared/Metrics.ts"
import type { Connection } from "../sockets/Connection.ts"
import { Hub } from "../sockets/Hub.ts"
import { gapOf, isReached } from "../sockets/Since.ts"
import { Views } from "../views/Views.ts"
import { TickFeed } from "./TickFeed.ts"

/** Replays at once in this process, and how long one more waits for its turn. */
const replaysMax = 4
const turnMsMax = 30_000
const turnPollMs = 50
/** Frames of the underlyings asked for that one subscription may have missed. */
export const missedMax = 20_000
/** Frames before the place that are read only to know those that were sent twice. */
export const lookBackMax = 500
/** Frames that wait here for their turn to be delivered. */
const bufferMax = 100
/** As many underlyings are named to the server; beyond it all frames are read. */
const filtersMax = 32
/** Longest wait for the next message while some are owed. */
const silenceMsMax = 5_000
/** A client that reads too slowly for its own past blocks the turn of others no longer than this. */
const roomMsMax = 2_000
const roomPollMs = 10
const replayMsMax = 15_000
/** Work done in one go. */
const sliceMs = 5

export interface Resumption {
  readonly connection: Connection
  readonly tokens: ReadonlySet<number>
  readonly since: Since
  /** Puts the client into the live ticks and tells it so; called once and synchronously. */
  readonly join: () => void
}

/** Why a replay ended early; the client is told a gap. */
class Unreplayed extends Data.TaggedError("Unreplayed")<{ readonly reason: string }> {}

/** Lets timers and sockets have their turn: an Effect's own yield does not. */
const breathe = Effect.async<void>((resume) => {
  const handle = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(handle))
})

/**
 * What a client missed of /ws/ticks, read again from the record: every tick of its tokens behind `since`, in order, then live. Live ticks
 * wait meanwhile; when more of them come than may wait, they too are read from the record.
 */
export class TickReplay extends Effect.Service<TickReplay>()("gateway/ticks/TickReplay", {
  effect: Effect.gen(function* () {
    const js = yield* JetStream
    const feed = yield* TickFeed
    const hub = yield* Hub
    const registry = yield* InstrumentRegistry
    const views = yield* Views
    const turns = yield* Effect.makeSemaphore(replaysMax)
    let running = 0

    const filtersOf = (tokens: ReadonlySet<number>): ReadonlyArray<string> => {
      const filters = new Set<string>()
      for (const token of tokens) {
        const instrument = registry.byToken(token)
        const under = instrument === undefined ? null : Instrument.underlyingOf(instrument)
        if (under === null) return [Subjects.Frame.filter()]
        filters.add(Subjects.Frame.at({ exchange: under.exchange, underlying: under.name }))
      }
      return filters.size > filtersMax ? [Subjects.Frame.filter()] : [...filters]
    }
    const toldSeq = (): number => views.told.frames ?? 0

    /** Waits for a client that has enough to read, a little while. */
    const room = (connection: Connection) =>
      Effect.gen(function* () {
        yield* breathe
        const untilMs = performance.now() + roomMsMax
        while (true) {
          connection.flush(performance.now())
          if (!connection.isOpen) return yield* new Unreplayed({ reason: "the client is gone" })
          if (connection.hasRoom) return
          if (performance.now() > untilMs) return yield* new Unreplayed({ reason: "the client reads too slowly" })
          yield* Effect.sleep(roomPollMs)
        }
      })

    const tellGap = (connection: Connection, from: number, to: number): void => {
      Metrics.wsGaps.unsafeUpdate(1, [])
      connection.replayed(`gap ${from}`, JSON.stringify(gapOf(views.epochs.frames, from, to)))
    }

    /** One client's place in the record, and what it still may be given. It is live from now on, only not told yet. */
    const begin = ({ connection, tokens, since, join }: Resumption) => {
      join()
      connection.hold()
      connection.flush(performance.now())
      return {
        connection,
        tokens,
        filters: filtersOf(tokens),
        past: feed.past(),
        since,
        /** Everything up to here was delivered or told as a gap. */
        seq: since.row === undefined ? since.seq : Math.max(0, since.seq - 1),
        /** Live ticks wait that are newer than this. */
        untilSeq: toldSeq(),
        lookBack: lookBackMax,
        budget: missedMax,
        sliceAtMs: performance.now(),
        ticks: 0
      }
    }
    type Place = ReturnType<typeof begin>

    /** A frame's ticks that the client has not got, as fast as it reads and as others leave time. */
    const give = (place: Place, message: Message) =>
      Effect.gen(function* () {
        const { connection, tokens, since } = place
        const texts: Array<readonly [token: number, text: string]> = []
        place.past.read(
          message,
          (token) => tokens.has(token),
          (token, text, row) => {
            if (message.seq > since.seq || row > (since.row ?? row)) texts.push([token, text])
          }
        )
        for (const [token, text] of texts) {
          if (!connection.hasRoom || performance.now() - place.sliceAtMs > sliceMs) {
            yield* room(connection)
            place.sliceAtMs = performance.now()
          }
          connection.replayed(token, text)
        }
        place.seq = message.seq
        place.ticks += texts.length
        place.budget--
      })
    const take = (place: Place, item: Message | OrderedRead.Gap) =>
      Effect.gen(function* () {
        if (item._tag === "Message") {
          if (item.seq > place.untilSeq) place.seq = place.untilSeq
          else if (item.seq <= place.seq) place.past.remember(item)
          else yield* give(place, item)
        } else if (item.recreated) {
          return yield* new Unreplayed({ reason: "the record was made anew" })
        } else if (item.to > place.seq) {
          // What is newer waits to be told live.
          const to = Math.min(item.to, place.untilSeq)
          tellGap(place.connection, place.seq + 1, to)
          place.seq = to
        }
        if (place.budget <= 0) return yield* new Unreplayed({ reason: "too much was missed" })
      })

    /** From the place to `untilSeq`, by a read of its own. */
    const pass = (place: Place) =>
      Effect.gen(function* () {
        const start = { _tag: "After", seq: Math.max(0, place.seq - place.lookBack) } as const
        const read = yield* OrderedRead.make({ stream: Subjects.Frame.stream, filters: place.filters, start, bufferMax })
        let left = read.pendingAtStart
        if (left - place.lookBack > place.budget) return yield* new Unreplayed({ reason: "too much was missed" })
        // A start before what the record holds is a gap that comes whether or not a message is left.
        const isCut = read.lastSeq() > start.seq
        for (let first = isCut; place.seq < place.untilSeq && (left > 0 || first); first = false) {
          const items = yield* Effect.timeoutFail(read.takeAll, {
            duration: silenceMsMax,
            onTimeout: () => new Unreplayed({ reason: "the record does not answer" })
          })
          for (const item of items) {
            if (item._tag === "Message") left = Math.min(left - 1, item.pending)
            yield* take(place, item)
          }
        }
        place.seq = place.untilSeq
        place.lookBack = 0
      }).pipe(Effect.scoped, Effect.provideService(JetStream, js))

    /** Passes until no live tick had to be dropped meanwhile; each holds the live ones anew. */
    const replay = (place: Place) =>
      Effect.gen(function* () {
        if (place.seq < place.untilSeq) yield* pass(place)
        while (place.connection.isOverrun) {
          place.connection.hold()
          place.untilSeq = toldSeq()
          yield* pass(place)
        }
      }).pipe(Effect.timeoutFail({ duration: replayMsMax, onTimeout: () => new Unreplayed({ reason: "it took too long" }) }))

    /** Behind what was replayed: a gap where that does not reach the live ticks, and they. */
    const end = (place: Place): void => {
      const { connection, since } = place
      const untilSeq = connection.isOverrun ? toldSeq() : place.untilSeq
      // Of a record made anew meanwhile everything has come live.
      if (views.epochs.frames !== since.epoch) tellGap(connection, 1, connection.isOverrun ? toldSeq() : 0)
      else if (place.seq < untilSeq) tellGap(connection, place.seq + 1, untilSeq)
      connection.release()
      hub.touch(connection)
      hub.flush()
      Metrics.wsReplayedTicks.unsafeUpdate(place.ticks, [])
      Metrics.wsReplaysRunning.unsafeUpdate(--running, [])
    }
    const run = (resumption: Resumption) =>
      Effect.suspend(() => {
        const place = begin(resumption)
        Metrics.wsReplays.unsafeUpdate(1, [])
        Metrics.wsReplaysRunning.unsafeUpdate(++running, [])
        return replay(place).pipe(
          Effect.catchAll((error) => Effect.logInfo("missed ticks not delivered in full", error)),
          Effect.ensuring(Effect.sync(() => end(place)))
        )
      })

    /** Into the live ticks at once, without what came from `missedFrom` on. */
    const goOn = ({ connection, join }: Resumption, missedFrom: number) =>
      Effect.sync(() => {
        join()
        tellGap(connection, missedFrom, toldSeq())
        hub.touch(connection)
        hub.flush()
      })
    /** A record that ends before the place lost its end in a crash, and gives its numbers to others now. */
    const hasLost = (since: Since) =>
      Effect.match(js.info(Subjects.Frame.stream), { onFailure: () => false, onSuccess: ({ lastSeq }) => lastSeq < since.seq })

    const inTurn = (resumption: Resumption) =>
      Effect.gen(function* () {
        const untilMs = performance.now() + turnMsMax
        while (resumption.connection.isOpen) {
          if (Option.isSome(yield* turns.withPermitsIfAvailable(1)(run(resumption)))) return
          if (performance.now() > untilMs) return yield* goOn(resumption, resumption.since.seq + 1)
          yield* Effect.sleep(turnPollMs)
        }
      })

    return {
      /** Delivers what was missed since, then live; or a gap, then live; or refuses while the record cannot be read. Returns when that is done. */
      resume: (resumption: Resumption): Effect.Effect<void> =>
        Effect.gen(function* () {
          const { since, connection, tokens } = resumption
          const isThere = yield* isReached(views.framesReached, since)
          if (!connection.isOpen) return
          const isAnother = isThere ? views.epochs.frames !== since.epoch : yield* hasLost(since)
          if (isAnother) return yield* goOn(resumption, 1)
          if (!isThere) return connection.refuse("unavailable", "Tick record unavailable", { tokens: [...tokens] })
          yield* inTurn(resumption)
        })
    } as const
  })
}) {}
