import { Clock, Effect, Option, Schema } from "effect"
import { Broker } from "../../broker/Broker.ts"
import * as KiteSocket from "../../broker/KiteSocket.ts"
import type { Mode, Wanted } from "../../broker/Subscription.ts"
import * as Frame from "../../domain/market/Frame.ts"
import type * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type { TickerStatus } from "../../domain/market/TickerStatus.ts"
import * as TradingHours from "../../domain/market/TradingHours.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import * as FramePublisher from "../../streams/FramePublisher.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as KeyValue from "../../streams/KeyValue.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Placement from "../placement/Placement.ts"
import type { Lease } from "../runtime/Leases.ts"
import { Leases, Replaced } from "../runtime/Leases.ts"
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
const decodeDesired = Schema.decodeUnknown(Desired)

export const kind = "ticker"
export const key = (account: string) => Subject.kvKey(kind, account)

const clockEveryMs = 100
const statusEveryMs = 1_000
const instrumentsMax = KiteSocket.defaults.tokensMax
/** Connected, in market hours, and nothing came for so long: shown as mute. */
export const muteAfterMs = 60_000

/**
 * Whether data has been due for too long: since the connection opened, the last data came, and trading began (`tradingSinceMs`, undefined
 * while nothing trades). Times UNIX ms, `lastDataMs` null before the first data.
 */
export const isMute = (nowMs: number, openedMs: number, lastDataMs: number | null, tradingSinceMs: number | undefined): boolean =>
  tradingSinceMs !== undefined && nowMs - Math.max(openedMs, lastDataMs ?? 0, tradingSinceMs) > muteAfterMs

/** The newest exchange time in a frame, ms; 0 when no packet carries one. */
export const newestExchangeMs = (bytes: Uint8Array): number => {
  let newest = 0
  Frame.forEachPacket(bytes, (offset, length) => {
    const at = Frame.exchangeTimeAt(bytes, offset, length)
    if (at > newest) newest = at
  })
  return newest * 1_000
}

/** What one run of an account's ticker holds. */
interface Session {
  readonly account: string
  readonly source: TickerStatus["source"]
  readonly incarnation: number
  readonly lease: Lease
  /** Subject by instrument token. */
  readonly lanes: Map<number, string>
  /** Where the wanted instruments trade. */
  places: ReadonlyArray<InstrumentHours.Place>
  state: TickerStatus["state"]
  detail: string | null
  ticks: number
  lastTickMs: number | null
  openedMs: number
}

const newSession = (account: string, source: Session["source"], incarnation: number, lease: Lease): Session => ({
  account,
  source,
  incarnation,
  lease,
  lanes: new Map(),
  places: [],
  state: "idle",
  detail: null,
  ticks: 0,
  lastTickMs: null,
  openedMs: 0
})

/** Takes the socket's binary messages: no effect, no fiber. */
const receiver = (
  session: Session,
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
  return (bytes: Uint8Array): void => {
    // Another process may stream this account already: what comes here is its to publish.
    if (!lease.isHeld()) return
    if (clock.mode === "feed") clock.observe(newestExchangeMs(bytes))
    receivedMs = clock.unsafeNow()
    session.lastTickMs = receivedMs
    frame = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) // a view of a packet costs less than one of a Buffer
    const before = session.ticks
    unknown = 0
    const bad = Frame.forEachPacket(bytes, appendPacket)
    Metrics.ticks(account, session.ticks - before)
    if (bad > 0) Metrics.badPackets(account, bad)
    if (unknown > 0) Metrics.unknownTicks(account, unknown)
  }
}

/** Clock frames for as long as the scope lives: every 100 ms, or whenever the recording's time advances. */
const keepTime = (
  { lease }: Session,
  clock: Pick<MarketClock, "mode" | "unsafeNow" | "onAdvance">,
  publisher: FramePublisher.FramePublisher
) => {
  const tell = (atMs: number) => {
    if (lease.isHeld()) publisher.clock(atMs)
  }
  // One account's clock closes bars of all: the frames of the others must be in the record by then.
  if (clock.mode === "feed") return clock.onAdvance({ before: publisher.flush, after: tell })
  return Effect.acquireRelease(
    Effect.sync(() => setInterval(() => tell(Math.floor(clock.unsafeNow() / clockEveryMs) * clockEveryMs), clockEveryMs)),
    (timer) =>
      Effect.sync(() => {
        clearInterval(timer)
        tell(clock.unsafeNow())
      })
  )
}

/** The status as it stands; `clockMs` is the machine's time, `nowMs` the market's. */
const statusOf = (
  session: Session,
  stats: KiteSocket.Stats,
  rules: Hours.Rules,
  mode: MarketClock["mode"],
  clockMs: number,
  nowMs: number
): TickerStatus => {
  const { account, source, incarnation, state, detail, ticks, lastTickMs, openedMs } = session
  // A recording may rest between its instants and after its end; a simulated market never closes.
  const simulatedSinceMs = source === "simulator" ? 0 : TradingHours.tradingSinceMs(rules, session.places, clockMs)
  const tradingSinceMs = mode === "real" ? simulatedSinceMs : undefined
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

/** Subscribes to what is wanted, and knows from then on where each instrument's packets go. */
const desire = (session: Session, socket: KiteSocket.KiteSocket, rules: Hours.Rules, { instruments }: Desired) =>
  Effect.gen(function* () {
    const { lanes } = session
    const wanted = new Map<number, Mode>()
    for (const { instrument_token, mode, exchange, underlying } of instruments.slice(0, instrumentsMax)) {
      wanted.set(instrument_token, mode)
      lanes.set(instrument_token, Subjects.Frame.at({ exchange, underlying }))
    }
    // One too many must not end the stream of all the others.
    const left = instruments.slice(instrumentsMax).map(({ instrument_token }) => instrument_token)
    if (left.length > 0) {
      yield* Effect.logError("more instruments than one connection takes: subscribe these on another account, they are not streamed").pipe(
        Effect.annotateLogs({ max: instrumentsMax, tokens: left.join(",") })
      )
    }
    yield* socket.set(wanted as Wanted)
    for (const token of lanes.keys()) if (!wanted.has(token)) lanes.delete(token)
    session.places = TradingHours.placesOf(rules, instruments)
    if (wanted.size === 0) session.state = "idle"
  })

/**
 * One account's stream: its socket's packets, regrouped by underlying into the record, and the clock that says how far they are complete.
 * What to subscribe comes from the bucket of actors, so a restart needs no database.
 */
export const make = Effect.gen(function* () {
  const broker = yield* Broker
  const jetStream = yield* JetStream
  const marketClock = yield* MarketClock
  const rules = yield* RuleBook
  const leases = yield* Leases
  const actors = yield* KeyValue.open(Placement.bucket)
  const incarnations = yield* KeyValue.open("incarnations")

  const begin = (account: string) =>
    Effect.gen(function* () {
      const lease = yield* leases.of(key(account))
      const { source } = (yield* broker.session(account)).account
      const incarnation = yield* incarnations.put(Subject.kvKey(account), new Uint8Array())
      return newSession(account, source, incarnation, lease)
    })

  /** The account's frames. The scope's end waits until all that was received is in the stream: the socket, opened later, is closed by then. */
  const publishing = ({ account, source, lease, incarnation }: Session) =>
    Effect.gen(function* () {
      const publisher = yield* FramePublisher.make({ account, source, epoch: lease.epoch, incarnation })
      yield* Effect.addFinalizer(() =>
        Effect.flatMap(publisher.drain, (lost) =>
          lost === 0 ? Effect.void : Effect.logError("packets not acknowledged at the stop").pipe(Effect.annotateLogs({ lost }))
        )
      )
      return publisher
    }).pipe(Effect.provideService(JetStream, jetStream))

  const connect = (session: Session, publisher: FramePublisher.FramePublisher) =>
    Effect.flatMap(Effect.clock, (clock) =>
      broker.socket(session.account, {
        onFrame: receiver(session, marketClock, publisher),
        onText: () => {},
        onState: (next, why) => {
          session.state = next === "open" ? "streaming" : next !== "connecting" && session.lanes.size === 0 ? "idle" : "connecting"
          session.detail = why ?? null
          if (next === "open") session.openedMs = clock.unsafeCurrentTimeMillis()
        }
      })
    )

  const report = (session: Session, socket: KiteSocket.KiteSocket) =>
    Effect.gen(function* () {
      const nowMs = yield* marketClock.now
      const clockMs = yield* Clock.currentTimeMillis
      const status = statusOf(session, socket.stats(), rules.current(), marketClock.mode, clockMs, nowMs)
      yield* jetStream.notify(Subjects.Ticker.at({ account: session.account }), Subjects.Ticker.encode(status))
    }).pipe(Effect.when(session.lease.isHeld), Effect.ignoreLogged)

  return (account: string) =>
    Effect.gen(function* () {
      const session = yield* begin(account)
      const publisher = yield* publishing(session)
      yield* keepTime(session, marketClock, publisher)
      const socket = yield* connect(session, publisher)
      const tell = report(session, socket)
      const tellAs = (state: TickerStatus["state"], detail = session.detail) =>
        Effect.suspend(() => {
          session.state = state
          session.detail = detail
          return tell
        })
      // A lease that ended never counts again, so this one would stay silent for ever.
      const keepTelling = Effect.suspend(() => (session.lease.isHeld() ? tell : new Replaced({ key: key(account) }))).pipe(
        Effect.delay(statusEveryMs),
        Effect.forever
      )
      yield* Effect.addFinalizer(() => tellAs("stopped"))

      const changes = yield* actors.watch(key(account))
      const obey = ({ value }: KeyValue.Change) =>
        Option.match(value, {
          onNone: () => desire(session, socket, rules.current(), { v: 1, instruments: [] }),
          onSome: (bytes) =>
            Effect.flatMap(decodeDesired(new TextDecoder().decode(bytes)), (desired) => desire(session, socket, rules.current(), desired))
        })
      const follow = changes.takeAll.pipe(
        Effect.flatMap((all) => Effect.forEach(all, obey, { discard: true })),
        Effect.zipRight(tell),
        Effect.forever
      )
      // A session that only a person can renew ends the actor; the supervisor tries again, ever more rarely.
      return yield* Effect.raceFirst(follow, socket.done).pipe(
        Effect.raceFirst(keepTelling),
        Effect.tapError((error) => tellAs("failed", String(error instanceof Error ? error.message : error)))
      )
    }).pipe(Effect.scoped, Effect.annotateLogs({ account }))
})
