import { Effect, Option, Schema } from "effect"
import { Broker } from "../broker/Broker.ts"
import * as KiteSocket from "../broker/KiteSocket.ts"
import type { Mode, Wanted } from "../broker/Subscription.ts"
import * as Calendar from "../domain/market/Calendar.ts"
import * as Frame from "../domain/market/Frame.ts"
import type { TickerStatus } from "../domain/market/TickerStatus.ts"
import * as FramePublisher from "../streams/FramePublisher.ts"
import { JetStream } from "../streams/JetStream.ts"
import * as KeyValue from "../streams/KeyValue.ts"
import { MarketClock } from "../streams/MarketClock.ts"
import * as Subject from "../streams/Subject.ts"
import * as Subjects from "../streams/Subjects.ts"
import { Leases } from "./Leases.ts"
import * as Metrics from "./Metrics.ts"
import * as Placement from "./Placement.ts"
import { Replaced } from "./RecordActor.ts"

/** What an account should stream: the value of its key in the bucket of actors. */
export const Desired = Schema.parseJson(
  Schema.Struct({
    v: Schema.Literal(1),
    instruments: Schema.Array(
      Schema.Struct({
        instrument_token: Schema.Int,
        mode: Schema.Literal("ltp", "quote", "full"),
        exchange: Schema.String,
        underlying: Schema.String
      })
    )
  })
)
export type Desired = typeof Desired.Type
const decodeDesired = Schema.decodeUnknown(Desired)

export const kind = "ticker"
export const key = (account: string) => Subject.kvKey(kind, account)

const clockEveryMs = 100
const statusEveryMs = 1_000
const instrumentsMax = KiteSocket.defaults.tokensMax
/** Connected, in market hours, and nothing came for so long: shown as mute. */
export const muteAfterMs = 60_000

/** A connection that never brought anything is as mute as one that stopped. Times UNIX ms, `lastDataMs` null before the first data. */
export const isMute = (nowMs: number, openedMs: number, lastDataMs: number | null): boolean =>
  nowMs - Math.max(openedMs, lastDataMs ?? 0) > muteAfterMs

/** The newest exchange time in a frame, ms; 0 when no packet carries one. */
export const newestExchangeMs = (bytes: Uint8Array): number => {
  let newest = 0
  Frame.forEachPacket(bytes, (offset, length) => {
    const at = Frame.exchangeTimeAt(bytes, offset, length)
    if (at > newest) newest = at
  })
  return newest * 1_000
}

/**
 * One account's stream: its socket's packets, regrouped by underlying into the record, and the clock that says how far they are complete.
 * What to subscribe comes from the bucket of actors, so a restart needs no database.
 */
export const make = Effect.gen(function* () {
  const broker = yield* Broker
  const jetStream = yield* JetStream
  const marketClock = yield* MarketClock
  const leases = yield* Leases
  const actors = yield* KeyValue.open(Placement.bucket)
  const incarnations = yield* KeyValue.open("incarnations")

  return (account: string) =>
    Effect.gen(function* () {
      const lease = yield* leases.of(key(account))
      const session = yield* broker.session(account)
      const source = session.account.source
      const incarnation = yield* incarnations.put(Subject.kvKey(account), new Uint8Array())
      const publisher = yield* FramePublisher.make({ account, source, epoch: lease.epoch, incarnation }).pipe(
        Effect.provideService(JetStream, jetStream)
      )
      // Runs when the socket below is closed already: all that was received is in the stream when this ends.
      yield* Effect.addFinalizer(() =>
        Effect.flatMap(publisher.drain, (lost) =>
          lost === 0 ? Effect.void : Effect.logError("packets not acknowledged at the stop").pipe(Effect.annotateLogs({ lost }))
        )
      )

      const lanes = new Map<number, string>() // subject by instrument token
      let state: TickerStatus["state"] = "idle"
      let detail: string | null = null
      let ticks = 0
      let lastTickMs: number | null = null
      const machineClock = yield* Effect.clock
      let openedMs = 0

      let receivedMs = 0
      let unknown = 0
      let frame: Uint8Array = new Uint8Array()
      const appendPacket = (offset: number, length: number) => {
        const subject = lanes.get(Frame.tokenAt(frame, offset))
        if (subject === undefined) unknown++
        else {
          ticks++
          publisher.append(subject, frame, offset, length, receivedMs)
        }
      }
      /** Called by the socket for every binary message: no effect, no fiber, no object per packet. */
      const onFrame = (bytes: Uint8Array) => {
        // Another process may stream this account already: what comes here is its to publish.
        if (!lease.isHeld()) return
        if (marketClock.mode === "feed") marketClock.observe(newestExchangeMs(bytes))
        receivedMs = marketClock.unsafeNow()
        lastTickMs = receivedMs
        frame = bytes
        const before = ticks
        unknown = 0
        const bad = Frame.forEachPacket(bytes, appendPacket)
        Metrics.ticks(account, ticks - before)
        if (bad > 0) Metrics.badPackets(account, bad)
        if (unknown > 0) Metrics.unknownTicks(account, unknown)
      }

      const clock = (atMs: number) => {
        if (lease.isHeld()) publisher.clock(atMs)
      }
      if (marketClock.mode === "feed") yield* marketClock.onAdvance(clock)
      else {
        yield* Effect.acquireRelease(
          Effect.sync(() => setInterval(() => clock(Math.floor(marketClock.unsafeNow() / clockEveryMs) * clockEveryMs), clockEveryMs)),
          (timer) =>
            Effect.sync(() => {
              clearInterval(timer)
              clock(marketClock.unsafeNow())
            })
        )
      }

      const socket = yield* broker.socket(account, {
        onFrame,
        onText: () => {},
        onState: (next, why) => {
          state = next === "open" ? "streaming" : next === "connecting" ? "connecting" : lanes.size === 0 ? "idle" : "connecting"
          detail = why ?? null
          if (next === "open") openedMs = machineClock.unsafeCurrentTimeMillis()
        }
      })

      const status = Effect.gen(function* () {
        const now = yield* marketClock.now
        const stats = socket.stats()
        const clockMs = machineClock.unsafeCurrentTimeMillis()
        // A recording may rest between its instants and after its end; a simulated market never closes.
        const isDue = marketClock.mode === "real" && (source === "simulator" || Calendar.isSession(clockMs))
        const shown = state === "streaming" && isDue && isMute(clockMs, openedMs, stats.lastDataMs) ? "mute" : state
        return {
          v: 1,
          as_of: new Date(now).toISOString(),
          account_id: account,
          state: shown,
          detail,
          source,
          incarnation,
          subscribed: stats.subscribed,
          ticks,
          last_tick_at: lastTickMs === null ? null : new Date(lastTickMs).toISOString()
        } satisfies TickerStatus
      })
      const report = Effect.flatMap(status, (value) =>
        jetStream.notify(Subjects.Ticker.at({ account }), Subjects.Ticker.encode(value))
      ).pipe(Effect.when(lease.isHeld), Effect.ignoreLogged)
      // A lease that ended never counts again, so this one would stay silent for ever.
      const keepReporting = Effect.suspend(() => (lease.isHeld() ? report : new Replaced({ key: key(account) }))).pipe(
        Effect.delay(statusEveryMs),
        Effect.forever
      )
      yield* Effect.addFinalizer(() =>
        Effect.zipRight(
          Effect.sync(() => {
            state = "stopped"
          }),
          report
        )
      )

      const desire = ({ instruments }: Desired) =>
        Effect.gen(function* () {
          const wanted = new Map<number, Mode>()
          for (const { instrument_token, mode, exchange, underlying } of instruments.slice(0, instrumentsMax)) {
            wanted.set(instrument_token, mode)
            lanes.set(instrument_token, Subjects.Frame.at({ exchange, underlying }))
          }
          // One too many must not end the stream of all the others.
          const left = instruments.slice(instrumentsMax).map(({ instrument_token }) => instrument_token)
          if (left.length > 0) {
            yield* Effect.logError(
              "more instruments than one connection takes: subscribe these on another account, they are not streamed"
            ).pipe(Effect.annotateLogs({ max: instrumentsMax, tokens: left.join(",") }))
          }
          yield* socket.set(wanted as Wanted)
          for (const token of lanes.keys()) if (!wanted.has(token)) lanes.delete(token)
          if (wanted.size === 0) state = "idle"
        })
      const changes = yield* actors.watch(key(account))
      const obey = ({ value }: KeyValue.Change) =>
        Option.match(value, {
          onNone: () => desire({ v: 1, instruments: [] }),
          onSome: (bytes) => Effect.flatMap(decodeDesired(new TextDecoder().decode(bytes)), desire)
        })
      const follow = changes.takeAll.pipe(
        Effect.flatMap((all) => Effect.forEach(all, obey, { discard: true })),
        Effect.zipRight(report),
        Effect.forever
      )
      // A session that only a person can renew ends the actor; the supervisor tries again, ever more rarely.
      return yield* Effect.raceFirst(follow, socket.done).pipe(
        Effect.raceFirst(keepReporting),
        Effect.tapError((error) =>
          Effect.zipRight(
            Effect.sync(() => {
              state = "failed"
              detail = String(error instanceof Error ? error.message : error)
            }),
            report
          )
        )
      )
    }).pipe(Effect.scoped, Effect.annotateLogs({ account }))
})
