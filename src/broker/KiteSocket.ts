import { type Clock, Deferred, Duration, Effect, Exit, Fiber, type Option, Schedule } from "effect"
import type * as Subscription from "../domain/accounts/Subscription.ts"
import * as SteadyTime from "../loop/SteadyTime.ts"
import type * as KiteError from "./KiteError.ts"
import type { SocketAddress } from "./KiteSession.ts"
import * as Metrics from "./Metrics.ts"
import * as SocketInbox from "./SocketInbox.ts"
import * as SocketLink from "./SocketLink.ts"
import * as SocketSubscriber from "./SocketSubscriber.ts"

/** Called synchronously. A handler that throws ends `done` with a defect. */
export interface SocketEvents extends SocketInbox.Handlers {
  readonly onState: (state: State, detail?: string) => void
  /** All messages that lead to these subscriptions have left. */
  readonly onSent?: (wanted: Subscription.Wanted) => void
}
export type State = "connecting" | "open" | "closed"

export interface Settings extends SocketLink.Settings {
  /** A connection without any message for this long, not even a heartbeat, counts as dead. */
  readonly livenessMs: number
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  /** After a connection that lived this long the backoff starts at its base again. */
  readonly healthyAfterMs: number
  readonly chunkTokens: number
  readonly textBytesMax: number
}
export const defaults: Settings = {
  handshakeTimeoutMs: 7_000,
  livenessMs: 5_000,
  backoffBaseMs: 500,
  backoffMaxMs: 30_000,
  healthyAfterMs: 30_000,
  closeTimeoutMs: 1_000,
  chunkTokens: 1_000,
  payloadBytesMax: 2 * 1024 * 1024,
  textBytesMax: 64 * 1024
}
const reportEveryMs = 1_000

export interface Stats {
  readonly state: State
  /** Connections that opened; every one after the first is a reconnect. */
  readonly opened: number
  /** When the newest connection opened, in steady time. */
  readonly openedMs: number
  readonly frames: number
  readonly bytes: number
  readonly heartbeats: number
  readonly texts: number
  readonly badTexts: number
  /** Receive times, in steady time; null before the first message of the kind. */
  readonly lastDataMs: number | null
  readonly lastHeartbeatMs: number | null
  readonly wanted: number
  /** Instruments whose subscription and mode were sent on the open connection. */
  readonly subscribed: number
}

export interface KiteSocket {
  /**
   * Sets the wanted subscriptions, at most as many as the broker accepts. The socket keeps them across reconnects. If none is wanted, it
   * closes its connection.
   */
  readonly set: (wanted: Subscription.Wanted) => void
  readonly stats: () => Stats
  /** Ends the open connection, and connects again. */
  readonly replace: (reason: string) => void
  /** Never ends by itself: the socket reconnects after every failure. Ends with a defect of a handler. */
  readonly done: Effect.Effect<never>
}

export type Address = Effect.Effect<SocketAddress, Exclude<KiteError.KiteError, KiteError.InvalidCredentials>>

export interface Options {
  readonly account: string
  /** Run before each attempt, because the address carries the access token. It waits while a new login is required. */
  readonly address: Address
  readonly events: SocketEvents
  readonly settings?: Partial<Settings>
}

/** The parts of one socket. */
interface Parts extends Omit<Options, "settings"> {
  readonly settings: Settings
  readonly clock: Clock.Clock
  readonly where: KiteError.Where
  readonly inbox: SocketInbox.SocketInbox
  readonly subscriber: SocketSubscriber.SocketSubscriber
  state: State
  opened: number
  openedMs: number
  link: SocketLink.Link | null
}

const enter = (parts: Parts, next: State, detail?: string) =>
  Effect.sync(() => {
    parts.state = next
    parts.events.onState(next, detail)
  })

const noteOpen = (parts: Parts) =>
  Effect.gen(function* () {
    const { account, subscriber } = parts
    subscriber.forget()
    parts.opened++
    parts.openedMs = SteadyTime.unsafeNowMs(parts.clock)
    if (parts.opened > 1) Metrics.socketReconnects(account)
    yield* enter(parts, "open")
    yield* Effect.logInfo(
      parts.opened === 1
        ? `broker socket open, subscribing ${subscriber.wantedCount()} instruments`
        : `broker socket open again, restoring ${subscriber.wantedCount()} subscriptions`
    )
  })

const noteClosed = (parts: Parts) =>
  Effect.suspend(() => {
    parts.link = null
    parts.subscriber.forget()
    return parts.inbox.report
  })

/** One connection, from the request for its address to its end. */
const connectOnce = (parts: Parts) =>
  Effect.gen(function* () {
    const { settings, clock, where, inbox, subscriber } = parts
    yield* enter(parts, "connecting")
    const address = yield* parts.address
    const receive = inbox.receive.bind(inbox)
    const link = yield* SocketLink.open(address, { where, settings, clock, receive })
    parts.link = link
    yield* noteOpen(parts)
    // raceAll waits for a success, but all of these can only fail. raceFirst ends with the first failure.
    const tokenEnded = Effect.flatMap(address.ended, (reason) => new SocketLink.LinkEnded({ reason }))
    return yield* Deferred.await(link.ended).pipe(
      Effect.raceFirst(tokenEnded),
      Effect.raceFirst(subscriber.keepSubscribed((text) => SocketLink.send(link, text), parts.events.onSent)),
      Effect.raceFirst(SocketLink.watchLiveness(link, settings.livenessMs, clock)),
      Effect.raceFirst(Effect.forever(Effect.zipRight(Effect.sleep(reportEveryMs), inbox.report)))
    )
  }).pipe(Effect.scoped, Effect.ensuring(noteClosed(parts)))

/** Connects again after every end, until interrupted. */
const stayConnected = (parts: Parts): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { settings, clock } = parts
    const backoff = Schedule.exponential(settings.backoffBaseMs).pipe(
      Schedule.jittered,
      Schedule.modifyDelay((_, delay) => Duration.min(delay, Duration.millis(settings.backoffMaxMs)))
    )
    const driver = yield* Schedule.driver(backoff)
    // The schedule never ends.
    const wait = Effect.catchAll(driver.next(undefined), (_: Option.Option<never>) => Effect.dieMessage("the backoff schedule ended"))
    while (true) {
      const openedBefore = parts.opened
      const startMs = SteadyTime.unsafeNowMs(clock)
      const error = yield* Effect.flip(connectOnce(parts))
      yield* enter(parts, "closed", error.message)
      const didOpen = parts.opened > openedBefore
      yield* Effect.logWarning(`${didOpen ? "broker socket lost" : "broker socket could not connect"}, reconnecting: ${error.message}`)
      if (didOpen && SteadyTime.unsafeNowMs(clock) - startMs >= settings.healthyAfterMs) yield* driver.reset
      yield* wait
    }
  })

const run = (parts: Parts): Effect.Effect<never> =>
  Effect.gen(function* () {
    while (true) {
      yield* parts.subscriber.somethingWanted
      yield* Effect.raceFirst(stayConnected(parts), parts.subscriber.nothingWanted)
      yield* enter(parts, "closed", "nothing is wanted")
      yield* Effect.logInfo("broker socket closed, nothing is wanted")
    }
  })

const statsOf = ({ inbox, subscriber, state, opened, openedMs }: Parts): Stats => ({
  ...inbox.counts,
  state,
  opened,
  openedMs,
  lastDataMs: inbox.lastDataMs,
  lastHeartbeatMs: inbox.lastHeartbeatMs,
  wanted: subscriber.wantedCount(),
  subscribed: subscriber.subscribedCount()
})

/**
 * A connection to Kite's ticker that holds a wanted set of subscriptions. It opens when something is wanted, restores everything after each
 * reconnect, and closes when nothing is wanted. Frames reach a synchronous callback; no message starts a fiber.
 * Source: kite.trade/docs/connect/v3/websocket; liveness and handshake times as in Kite's Go client.
 */
export const make = (options: Options) =>
  Effect.gen(function* () {
    const { account, events } = options
    const settings: Settings = { ...defaults, ...options.settings }
    const where = { account, op: "ticker socket" }
    const parts: Parts = {
      ...options,
      settings,
      where,
      clock: yield* Effect.clock,
      inbox: new SocketInbox.SocketInbox(account, events, settings.textBytesMax),
      subscriber: yield* SocketSubscriber.make(settings.chunkTokens),
      state: "closed",
      opened: 0,
      openedMs: 0,
      link: null
    }
    const fiber = yield* Effect.forkScoped(Effect.annotateLogs(run(parts), { account }))
    const replace = (reason: string): void => {
      if (parts.link !== null) Deferred.unsafeDone(parts.link.ended, Exit.fail(new SocketLink.LinkEnded({ reason })))
    }
    return { set: parts.subscriber.want, stats: () => statsOf(parts), replace, done: Fiber.join(fiber) } satisfies KiteSocket
  })
