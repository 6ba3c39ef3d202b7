import { Data, Deferred, Duration, Effect, Exit, Fiber, Metric, Option, Redacted, Schedule } from "effect"
import WebSocket from "ws"
import * as KiteError from "./KiteError.ts"
import type { SocketAddress } from "./KiteSession.ts"
import * as Metrics from "./Metrics.ts"
import * as Redaction from "./Redaction.ts"
import * as Subscription from "./Subscription.ts"

/** Kite's text messages: an order of any platform of this user, an error such as a token beyond the limit, a broker's notice. */
export interface KiteText {
  readonly type: "order" | "error" | "message"
  readonly data: unknown
}

/** Called synchronously from the socket's own callback: they must be quick and start no fiber. One that throws ends `done` with a defect. */
export interface SocketEvents {
  /** A binary message with data, never a heartbeat. The bytes stay valid, but may share a larger buffer: copy what is kept for long. */
  readonly onFrame: (bytes: Uint8Array) => void
  readonly onText: (text: KiteText) => void
  readonly onState: (state: State, detail?: string) => void
}
export type State = "connecting" | "open" | "closed"

export interface Settings {
  readonly handshakeTimeoutMs: number
  /** Without any message (heartbeats included) for this long the connection is dead. */
  readonly livenessMs: number
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  /** A connection that lived this long starts the backoff afresh. */
  readonly healthyAfterMs: number
  readonly closeTimeoutMs: number
  readonly tokensMax: number
  readonly chunkTokens: number
  readonly payloadBytesMax: number
  readonly textBytesMax: number
}
export const defaults: Settings = {
  handshakeTimeoutMs: 7_000,
  livenessMs: 5_000,
  backoffBaseMs: 500,
  backoffMaxMs: 30_000,
  healthyAfterMs: 30_000,
  closeTimeoutMs: 1_000,
  tokensMax: 3_000,
  chunkTokens: 500,
  payloadBytesMax: 2 * 1024 * 1024,
  textBytesMax: 64 * 1024
}
const housekeepingMs = 1_000
/** Log lines between two rounds of housekeeping; what is beyond them is only counted. */
const noticesMax = 10

export interface Stats {
  readonly state: State
  /** Connections that opened; every one after the first is a reconnect. */
  readonly opened: number
  readonly frames: number
  readonly bytes: number
  readonly heartbeats: number
  readonly texts: number
  readonly badTexts: number
  /** Receive times; null: never. */
  readonly lastDataMs: number | null
  readonly lastHeartbeatMs: number | null
  readonly wanted: number
  /** Subscribed with their mode on the open connection: the messages have left. */
  readonly subscribed: number
}

export interface KiteSocket {
  /** Says what shall be subscribed from now on, whatever happens to the connection. Returns at once; nothing wanted means no connection. */
  readonly set: (wanted: Subscription.Wanted) => Effect.Effect<void, KiteError.TooManyInstruments>
  readonly stats: () => Stats
  /** Never succeeds. Fails when no login can help any more; until then the socket reconnects by itself. */
  readonly done: Effect.Effect<never, KiteError.InvalidCredentials>
}

/** Why a connection ended after it was open. */
class Ended extends Data.TaggedError("Ended")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}
type OpenFailure =
  | KiteError.SessionExpired
  | KiteError.UpgradeRefused
  | KiteError.KiteTimeout
  | KiteError.HostNotResolved
  | KiteError.KiteUnreachable

const textTypes: ReadonlySet<unknown> = new Set(["order", "error", "message"] satisfies ReadonlyArray<KiteText["type"]>)
const isText = (value: unknown): value is KiteText =>
  typeof value === "object" && value !== null && "type" in value && textTypes.has(value.type) && "data" in value

const parseText = (text: string): KiteText | null => {
  try {
    const value: unknown = JSON.parse(text)
    return isText(value) ? { type: value.type, data: value.data } : null
  } catch {
    return null // counted and shown by the caller
  }
}

interface Link {
  readonly ws: WebSocket
  readonly opened: Deferred.Deferred<void, OpenFailure>
  readonly ended: Deferred.Deferred<never, Ended>
  lastMessageMs: number
  isLive: boolean
}

/** After what waits in the kernel was read: a busy process must not take its own delay for a mute server. */
const afterPendingReads = Effect.async<void>((resume) => {
  const handle = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(handle))
})

/**
 * A connection to Kite's ticker that holds a desired state: it opens when something is wanted, sends only differences, restores everything
 * after each reconnect and closes when nothing is wanted. Frames reach a synchronous callback, with no fiber per message.
 * Source: kite.trade/docs/connect/v3/websocket; liveness and handshake times as in Kite's Go client.
 */
export const make = (options: {
  readonly account: string
  /** Asked before each attempt, because the address carries the access token. */
  readonly address: Effect.Effect<SocketAddress, KiteError.KiteError>
  readonly events: SocketEvents
  readonly settings?: Partial<Settings>
}) =>
  Effect.gen(function* () {
    const { account, events } = options
    const settings: Settings = { ...defaults, ...options.settings }
    const clock = yield* Effect.clock
    const op = "ticker socket"
    const where = { account, op }

    let wanted: Subscription.Wanted = new Map()
    let held: Subscription.Held = new Map()
    const somethingWanted = yield* Effect.makeLatch(false)
    const nothingWanted = yield* Effect.makeLatch(true)
    const wantedChanged = yield* Effect.makeLatch(false)

    let state: State = "closed"
    const counts = { opened: 0, frames: 0, bytes: 0, heartbeats: 0, texts: 0, badTexts: 0 }
    let lastDataMs: number | null = null
    let lastHeartbeatMs: number | null = null
    const notices: Array<string> = []

    const enter = (next: State, detail?: string) =>
      Effect.sync(() => {
        state = next
        events.onState(next, detail)
      })

    const takeText = (bytes: Buffer) => {
      const text = bytes.length <= settings.textBytesMax ? parseText(bytes.toString("utf8")) : null
      if (text === null) {
        counts.badTexts++
        const head = bytes.subarray(0, settings.textBytesMax).toString("utf8")
        if (notices.length < noticesMax) notices.push(`unparsable text message of ${bytes.length} bytes: ${Redaction.excerpt(head)}`)
        return
      }
      counts.texts++
      if (text.type === "error" && notices.length < noticesMax)
        notices.push(`the broker reports: ${Redaction.excerpt(typeof text.data === "string" ? text.data : JSON.stringify(text.data))}`)
      events.onText(text)
    }

    const take = (link: Link, bytes: Buffer, isBinary: boolean) => {
      const nowMs = clock.unsafeCurrentTimeMillis()
      link.lastMessageMs = nowMs
      if (!isBinary) return takeText(bytes)
      if (bytes.length < 2) {
        counts.heartbeats++
        lastHeartbeatMs = nowMs
        return
      }
      counts.frames++
      counts.bytes += bytes.length
      lastDataMs = nowMs
      events.onFrame(bytes)
    }

    const listen = (link: Link, host: string) => {
      const { ws, opened, ended } = link
      ws.binaryType = "nodebuffer"
      ws.on("open", () => Deferred.unsafeDone(opened, Exit.void))
      ws.on("unexpected-response", (request, response) => {
        const status = response.statusCode ?? 0
        request.destroy()
        const error =
          status === 401 || status === 403
            ? new KiteError.SessionExpired({ ...where, status, reason: "the WebSocket upgrade was refused" })
            : new KiteError.UpgradeRefused({ ...where, status })
        Deferred.unsafeDone(opened, Exit.fail(error))
      })
      ws.on("error", (error) => {
        const code = KiteError.codeOf(error)
        Deferred.unsafeDone(opened, Exit.fail(KiteError.ofCode({ ...where, host, code, timeoutMs: settings.handshakeTimeoutMs })))
        Deferred.unsafeDone(ended, Exit.fail(new Ended({ reason: `connection error ${code}` })))
      })
      ws.on("close", (code, reason) => {
        const ends = `closed with ${code} ${Redaction.excerpt(reason.toString("utf8"))}`.trimEnd()
        Deferred.unsafeDone(opened, Exit.fail(new KiteError.KiteUnreachable({ ...where, host, code: `CLOSE_${code}` })))
        Deferred.unsafeDone(ended, Exit.fail(new Ended({ reason: ends })))
      })
      ws.on("message", (data, isBinary) => {
        if (!link.isLive || !Buffer.isBuffer(data)) return
        try {
          take(link, data, isBinary)
        } catch (defect) {
          link.isLive = false
          Deferred.unsafeDone(ended, Exit.die(defect))
        }
      })
    }

    const connect = (address: SocketAddress) =>
      Effect.gen(function* () {
        const opened = yield* Deferred.make<void, OpenFailure>()
        const ended = yield* Deferred.make<never, Ended>()
        return yield* Effect.sync(() => {
          const url = new URL(Redacted.value(address.url))
          // closeTimeout is missing in the types.
          const client: WebSocket.ClientOptions & { readonly closeTimeout: number } = {
            perMessageDeflate: false,
            maxPayload: settings.payloadBytesMax,
            closeTimeout: settings.closeTimeoutMs,
            headers: { "X-Kite-Version": "3" }
          }
          const ws = new WebSocket(url, client)
          const link: Link = { ws, opened, ended, lastMessageMs: clock.unsafeCurrentTimeMillis(), isLive: true }
          listen(link, url.hostname)
          return link
        })
      })

    /** A peer that answers nothing is cut off after `closeTimeoutMs` by ws itself, so this always ends. */
    const disconnect = (link: Link) =>
      Effect.async<void>((resume) => {
        link.isLive = false
        if (link.ws.readyState === WebSocket.CLOSED) return resume(Effect.void)
        link.ws.once("close", () => resume(Effect.void))
        if (link.ws.readyState === WebSocket.CONNECTING) link.ws.terminate()
        else link.ws.close(1000)
      })

    const transmit = (link: Link, text: string) =>
      Effect.async<void, Ended>((resume) => {
        link.ws.send(text, (error) =>
          resume(error == null ? Effect.void : Effect.fail(new Ended({ reason: `send failed: ${KiteError.codeOf(error)}` })))
        )
      })

    /** One writer per connection: it alone sends, and `held` moves only when a message has left. */
    const keepSubscribed = (link: Link): Effect.Effect<never, Ended> =>
      Effect.gen(function* () {
        while (true) {
          wantedChanged.unsafeClose()
          for (const command of Subscription.diff(held, wanted, settings.chunkTokens)) {
            yield* transmit(link, Subscription.format(command))
            held = Subscription.apply(held, command)
          }
          yield* Effect.logDebug(`broker socket holds ${held.size} subscriptions`)
          yield* wantedChanged.await
        }
      })

    const watchLiveness = (link: Link): Effect.Effect<never, Ended> =>
      Effect.gen(function* () {
        while (true) {
          const silentMs = () => clock.unsafeCurrentTimeMillis() - link.lastMessageMs
          yield* Effect.sleep(Math.max(1, settings.livenessMs - silentMs()))
          if (silentMs() < settings.livenessMs) continue
          yield* afterPendingReads
          if (silentMs() < settings.livenessMs) continue
          return yield* new Ended({ reason: `mute: no message for ${settings.livenessMs} ms` })
        }
      })

    const flushed = { frames: 0, bytes: 0, heartbeats: 0, texts: 0, badTexts: 0 }
    const meters = {
      frames: Metrics.socketFrames(account),
      bytes: Metrics.socketBytes(account),
      heartbeats: Metrics.socketHeartbeats(account),
      texts: Metrics.socketTexts(account),
      badTexts: Metrics.socketBadTexts(account)
    }
    const subscribedGauge = Metrics.socketSubscribed(account)
    const openGauge = Metrics.socketOpen(account)
    const report = Effect.gen(function* () {
      for (const name of ["frames", "bytes", "heartbeats", "texts", "badTexts"] as const) {
        yield* Metric.update(meters[name], counts[name] - flushed[name])
        flushed[name] = counts[name]
      }
      yield* Metric.set(subscribedGauge, held.size)
      for (const notice of notices.splice(0)) yield* Effect.logWarning(notice)
    })
    const keepReporting = Effect.forever(Effect.zipRight(Effect.sleep(housekeepingMs), report))

    /** From asking for an address to the end of the connection that was made with it. */
    const attempt = Effect.gen(function* () {
      yield* enter("connecting")
      const address = yield* options.address
      const link = yield* Effect.acquireRelease(connect(address), disconnect)
      yield* Deferred.await(link.opened).pipe(
        Effect.timeoutFail({
          duration: settings.handshakeTimeoutMs,
          onTimeout: () => new KiteError.KiteTimeout({ ...where, afterMs: settings.handshakeTimeoutMs })
        }),
        // A refusal that cannot be mended ends the socket: the newer error says what a person has to do.
        Effect.catchTag("SessionExpired", (error) => Effect.zipRight(address.refused, error))
      )
      link.lastMessageMs = clock.unsafeCurrentTimeMillis()
      held = new Map()
      counts.opened++
      if (counts.opened > 1) yield* Metric.update(Metrics.socketReconnects(account), 1)
      yield* Metric.set(openGauge, 1)
      yield* enter("open")
      yield* Effect.logInfo(
        counts.opened === 1
          ? `broker socket open, subscribing ${wanted.size} instruments`
          : `broker socket open again, restoring ${wanted.size} subscriptions`
      )
      // raceFirst, because raceAll waits for a success and all of these can only fail.
      return yield* Deferred.await(link.ended).pipe(
        Effect.raceFirst(keepSubscribed(link)),
        Effect.raceFirst(watchLiveness(link)),
        Effect.raceFirst(keepReporting)
      )
    }).pipe(
      Effect.scoped,
      Effect.ensuring(
        Effect.suspend(() => {
          held = new Map()
          return Effect.zipRight(Metric.set(openGauge, 0), report)
        })
      )
    )

    const backoff = Schedule.exponential(settings.backoffBaseMs).pipe(
      Schedule.jittered,
      Schedule.modifyDelay((_, delay) => Duration.min(delay, Duration.millis(settings.backoffMaxMs)))
    )

    /** Connections one after the other, until interrupted. */
    const connected: Effect.Effect<never, KiteError.InvalidCredentials> = Effect.gen(function* () {
      const driver = yield* Schedule.driver(backoff)
      while (true) {
        const openedBefore = counts.opened
        const startMs = clock.unsafeCurrentTimeMillis()
        const error = yield* Effect.flip(attempt)
        yield* enter("closed", error.message)
        if (error._tag === "InvalidCredentials") {
          yield* Effect.logError(`broker socket gives up: ${error.message}`)
          return yield* error
        }
        const didOpen = counts.opened > openedBefore
        yield* Effect.logWarning(`${didOpen ? "broker socket lost" : "broker socket could not connect"}, reconnecting: ${error.message}`)
        if (didOpen && clock.unsafeCurrentTimeMillis() - startMs >= settings.healthyAfterMs) yield* driver.reset
        // The schedule has no end, so its driver never says that it is over.
        yield* Effect.catchAll(driver.next(undefined), (over: Option.Option<never>) =>
          Effect.dieMessage(`backoff ended: ${Option.isNone(over)}`)
        )
      }
    })

    const run: Effect.Effect<never, KiteError.InvalidCredentials> = Effect.gen(function* () {
      while (true) {
        yield* somethingWanted.await
        yield* Effect.raceFirst(connected, nothingWanted.await)
        yield* enter("closed", "nothing is wanted")
        yield* Effect.logInfo("broker socket closed, nothing is wanted")
      }
    })
    const fiber = yield* Effect.forkScoped(Effect.annotateLogs(run, { account }))

    const set = (next: Subscription.Wanted): Effect.Effect<void, KiteError.TooManyInstruments> =>
      Effect.suspend(() => {
        if (next.size > settings.tokensMax)
          return new KiteError.TooManyInstruments({ ...where, wanted: next.size, max: settings.tokensMax })
        wanted = new Map(next)
        if (wanted.size === 0) {
          somethingWanted.unsafeClose()
          nothingWanted.unsafeOpen()
        } else {
          nothingWanted.unsafeClose()
          somethingWanted.unsafeOpen()
        }
        wantedChanged.unsafeOpen()
        return Effect.void
      })

    const stats = (): Stats => {
      let subscribed = 0
      for (const mode of held.values()) if (mode !== null) subscribed++
      return { ...counts, state, lastDataMs, lastHeartbeatMs, wanted: wanted.size, subscribed }
    }

    return { set, stats, done: Fiber.join(fiber) } satisfies KiteSocket
  })
