/** The state of one run of an account's ticker, and what its callbacks do with it. */
import { Effect, Schema } from "effect"
import * as KiteSocket from "../../broker/KiteSocket.ts"
import type { Mode } from "../../broker/Subscription.ts"
import * as Frame from "../../domain/market/Frame.ts"
import type * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type { TickerStatus } from "../../domain/market/TickerStatus.ts"
import * as TradingHours from "../../domain/market/TradingHours.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import type * as FramePublisher from "../../streams/FramePublisher.ts"
import type { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Lease } from "../runtime/Leases.ts"
import * as Metrics from "../runtime/Metrics.ts"

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

const instrumentsMax = KiteSocket.defaults.tokensMax
const clockEveryMs = 100
/** An open connection without data for this long is shown as mute while the market is open. */
export const muteAfterMs = 60_000

/**
 * True if data has been due for too long: since the connection opened, the last data came, or trading began, whichever was last. Times are
 * UNIX ms. `lastDataMs` is null before the first data, `tradingSinceMs` undefined while no instrument trades.
 */
export const isMute = (nowMs: number, openedMs: number, lastDataMs: number | null, tradingSinceMs: number | undefined): boolean =>
  tradingSinceMs !== undefined && nowMs - Math.max(openedMs, lastDataMs ?? 0, tradingSinceMs) > muteAfterMs

/** The newest exchange time in a frame, UNIX ms; 0 if no packet carries one. */
export const newestExchangeMs = (bytes: Uint8Array): number => {
  let newest = 0
  Frame.forEachPacket(bytes, (offset, length) => {
    const at = Frame.exchangeTimeAt(bytes, offset, length)
    if (at > newest) newest = at
  })
  return newest * 1_000
}

export interface TickerSession {
  readonly account: string
  readonly source: TickerStatus["source"]
  readonly incarnation: number
  readonly lease: Lease
  /** The subject of each instrument's packets, by token. */
  readonly lanes: Map<number, string>
  /** Where the wanted instruments trade. */
  places: ReadonlyArray<InstrumentHours.Place>
  state: TickerStatus["state"]
  detail: string | null
  ticks: number
  lastTickMs: number | null
  openedMs: number
  /** When the last packet before the lost connection came; null while nothing is interrupted. */
  brokenSinceMs: number | null
  /** Why the newest attempt to connect failed; null once the socket is open or nothing is wanted. */
  failure: string | null
}

/** `failure` is why the run before could not connect: until the socket is open, the ticker is still failed. */
export const make = (identity: Pick<TickerSession, "account" | "source" | "incarnation" | "lease" | "failure">): TickerSession => ({
  ...identity,
  lanes: new Map(),
  places: [],
  state: identity.failure === null ? "idle" : "failed",
  detail: identity.failure,
  ticks: 0,
  lastTickMs: null,
  openedMs: 0,
  brokenSinceMs: null
})

/**
 * Follows the socket's state. A connection that was lost is connecting again. An attempt that fails makes the ticker failed, with the
 * reason, until the socket is open: it carries no data, however often it tries.
 */
export const onSocket = (session: TickerSession, next: KiteSocket.State, why: string | null, clockMs: number): void => {
  if (next === "open") {
    session.openedMs = clockMs
    session.failure = null
    session.state = "streaming"
  } else if (session.lanes.size === 0) {
    session.failure = null
    session.state = next === "connecting" ? "connecting" : "idle"
  } else {
    if (next === "closed" && session.state !== "streaming") session.failure = why
    session.state = session.failure === null ? "connecting" : "failed"
  }
  session.detail = session.failure ?? why
}

const cause = "connection"

/** The connection to the broker was lost: the record says so before the next clock closes a bar. */
export const interrupt = (session: TickerSession, publisher: Pick<FramePublisher.FramePublisher, "interrupt">, nowMs: number): void => {
  if (session.brokenSinceMs !== null || session.lanes.size === 0) return
  const fromMs = session.lastTickMs ?? nowMs
  session.brokenSinceMs = fromMs
  publisher.interrupt({ cause, fromMs, toMs: null, packets: null })
}

/** Packets come again. */
const resume = (session: TickerSession, publisher: Pick<FramePublisher.FramePublisher, "interrupt">, nowMs: number): void => {
  publisher.interrupt({ cause, fromMs: session.brokenSinceMs ?? nowMs, toMs: nowMs, packets: null })
  session.brokenSinceMs = null
}

/** Handles the socket's binary messages, without an effect or a fiber per message. */
export const receiver = (
  session: TickerSession,
  clock: Pick<MarketClock, "mode" | "observe" | "unsafeNow">,
  publisher: FramePublisher.FramePublisher
) => {
  const { account, lanes, lease } = session
  let receivedMs = 0
  let unknown = 0
  let frame: Uint8Array = new Uint8Array()
  const appendPacket = (offset: number, length: number) => {
    const subject = lanes.get(Frame.tokenAt(frame, offset))
    if (subject === undefined) unknown++
    else {
      session.ticks++
      publisher.append(subject, frame, offset, length, receivedMs)
    }
  }
  const loseAll = (bytes: Uint8Array): void => {
    const atMs = clock.unsafeNow()
    let lost = 0
    Frame.forEachPacket(bytes, (offset) => {
      const subject = lanes.get(Frame.tokenAt(bytes, offset))
      if (subject === undefined) return
      publisher.lost(subject, "lease", atMs)
      lost++
    })
    Metrics.packetsUnowned(account, lost)
  }
  return (bytes: Uint8Array): void => {
    // Without the lease another process may already stream this account, and only it may publish packets.
    if (!lease.isHeld()) {
      loseAll(bytes)
      return
    }
    if (clock.mode === "feed") clock.observe(newestExchangeMs(bytes))
    receivedMs = clock.unsafeNow()
    if (session.brokenSinceMs !== null) resume(session, publisher, receivedMs)
    session.lastTickMs = receivedMs
    frame = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) // Views of a Uint8Array cost less than views of a Buffer.
    const before = session.ticks
    unknown = 0
    const bad = Frame.forEachPacket(bytes, appendPacket)
    Metrics.ticks(account, session.ticks - before)
    if (bad > 0) Metrics.badPackets(account, bad)
    if (unknown > 0) Metrics.unknownTicks(account, unknown)
  }
}

/** Publishes clock frames for as long as the scope lives: every 100 ms, or whenever a recording's time advances. */
export const keepTime = (
  { lease }: TickerSession,
  clock: Pick<MarketClock, "mode" | "unsafeNow" | "onAdvance">,
  publisher: FramePublisher.FramePublisher
) => {
  const publishClock = (atMs: number) => {
    if (lease.isHeld()) publisher.clock(atMs)
  }
  // One account's clock closes the bars of all accounts, so all their frames must be in the record before it.
  if (clock.mode === "feed") return clock.onAdvance({ before: publisher.flush, after: publishClock })
  return Effect.acquireRelease(
    Effect.sync(() => setInterval(() => publishClock(Math.floor(clock.unsafeNow() / clockEveryMs) * clockEveryMs), clockEveryMs)),
    (timer) =>
      Effect.sync(() => {
        clearInterval(timer)
        publishClock(clock.unsafeNow())
      })
  )
}

/** `clockMs` is the machine's time, `nowMs` the market's. */
export const statusOf = (
  session: TickerSession,
  stats: KiteSocket.Stats,
  rules: Hours.Rules,
  mode: MarketClock["mode"],
  clockMs: number,
  nowMs: number
): TickerStatus => {
  const { account, source, incarnation, state, detail, ticks, lastTickMs, openedMs } = session
  // A recording may pause between its instants and after its end. A simulated market never closes.
  const dueSinceMs = source === "simulator" ? 0 : TradingHours.tradingSinceMs(rules, session.places, clockMs)
  const tradingSinceMs = mode !== "feed" ? dueSinceMs : undefined
  return {
    v: 1,
    as_of: new Date(nowMs).toISOString(),
    account_id: account,
    state: state === "streaming" && isMute(clockMs, openedMs, stats.lastDataMs, tradingSinceMs) ? "mute" : state,
    detail,
    source,
    incarnation,
    subscribed: stats.subscribed,
    ticks,
    last_tick_at: lastTickMs === null ? null : new Date(lastTickMs).toISOString()
  }
}

/** Subscribes to the desired instruments and sets the subject of each instrument's packets. */
export const subscribe = (
  session: TickerSession,
  publisher: Pick<FramePublisher.FramePublisher, "forget">,
  socket: KiteSocket.KiteSocket,
  rules: Hours.Rules,
  { instruments }: Desired
) =>
  Effect.gen(function* () {
    const { lanes } = session
    const wanted = new Map<number, Mode>()
    for (const { instrument_token, mode, exchange, underlying } of instruments.slice(0, instrumentsMax)) {
      wanted.set(instrument_token, mode)
      lanes.set(instrument_token, Subjects.Frame.at({ exchange, underlying }))
    }
    // Instruments beyond the limit must not end the stream of the others.
    const left = instruments.slice(instrumentsMax).map(({ instrument_token }) => instrument_token)
    if (left.length > 0) {
      yield* Effect.logError("more instruments than one connection takes: subscribe these on another account, they are not streamed").pipe(
        Effect.annotateLogs({ max: instrumentsMax, tokens: left.join(",") })
      )
    }
    yield* socket.set(wanted)
    for (const [token, subject] of lanes) {
      if (wanted.has(token)) continue
      publisher.forget(subject, token)
      lanes.delete(token)
    }
    session.places = TradingHours.placesOf(rules, instruments)
    if (wanted.size === 0) {
      session.failure = null
      session.state = "idle"
    }
  })
