/** One WebSocket connection to Kite's ticker, from its handshake to its end. */
import { type Clock, Data, Deferred, Effect, Exit, Redacted, type Scope } from "effect"
import WebSocket from "ws"
import * as SteadyTime from "../loop/SteadyTime.ts"
import { nextTurn } from "../loop/Turn.ts"
import * as KiteError from "./KiteError.ts"
import type { SocketAddress } from "./KiteSession.ts"
import * as Redaction from "./Redaction.ts"

export interface Settings {
  readonly handshakeTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly payloadBytesMax: number
}

/** Why a connection ended after it was open. */
export class LinkEnded extends Data.TaggedError("LinkEnded")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

export type OpenFailure =
  | KiteError.SessionExpired
  | KiteError.UpgradeRefused
  | KiteError.KiteTimeout
  | KiteError.HostNotResolved
  | KiteError.KiteUnreachable

export interface Link {
  readonly ws: WebSocket
  readonly opened: Deferred.Deferred<void, OpenFailure>
  readonly ended: Deferred.Deferred<never, LinkEnded>
  /** When the last message came, heartbeats included, in steady time. */
  lastMessageMs: number
  /** False once we disconnect; later messages are ignored. */
  isLive: boolean
}

export interface Options {
  readonly where: KiteError.Where
  readonly settings: Settings
  readonly clock: Clock.Clock
  /** Called synchronously with each message and the steady time. If it throws, `ended` dies with what it threw. */
  readonly receive: (bytes: Buffer, isBinary: boolean, nowMs: number) => void
}

const refusalOf = (where: KiteError.Where, status: number) =>
  status === 401 || status === 403
    ? new KiteError.SessionExpired({ ...where, status, reason: "the WebSocket upgrade was refused" })
    : new KiteError.UpgradeRefused({ ...where, status })

/** A deferred keeps its first result, so only the first of several events decides. */
const listenForOpenAndEnd = ({ ws, opened, ended }: Link, host: string, { where, settings }: Options): void => {
  ws.on("open", () => Deferred.unsafeDone(opened, Exit.void))
  ws.on("unexpected-response", (request, response) => {
    request.destroy()
    Deferred.unsafeDone(opened, Exit.fail(refusalOf(where, response.statusCode ?? 0)))
  })
  ws.on("error", (error) => {
    const code = KiteError.codeOf(error)
    Deferred.unsafeDone(opened, Exit.fail(KiteError.ofCode({ ...where, host, code, timeoutMs: settings.handshakeTimeoutMs })))
    Deferred.unsafeDone(ended, Exit.fail(new LinkEnded({ reason: `connection error ${code}` })))
  })
  ws.on("close", (code, reason) => {
    const text = `closed with ${code} ${Redaction.excerpt(reason.toString("utf8"))}`.trimEnd()
    Deferred.unsafeDone(opened, Exit.fail(new KiteError.KiteUnreachable({ ...where, host, code: `CLOSE_${code}` })))
    Deferred.unsafeDone(ended, Exit.fail(new LinkEnded({ reason: text })))
  })
}

const listenForMessages = (link: Link, { clock, receive }: Options): void => {
  link.ws.binaryType = "nodebuffer"
  link.ws.on("message", (data, isBinary) => {
    if (!link.isLive || !Buffer.isBuffer(data)) return
    const nowMs = SteadyTime.unsafeNowMs(clock)
    link.lastMessageMs = nowMs
    try {
      receive(data, isBinary, nowMs)
    } catch (defect) {
      link.isLive = false
      Deferred.unsafeDone(link.ended, Exit.die(defect))
    }
  })
}

const connect = (address: SocketAddress, options: Options): Effect.Effect<Link> =>
  Effect.gen(function* () {
    const opened = yield* Deferred.make<void, OpenFailure>()
    const ended = yield* Deferred.make<never, LinkEnded>()
    return yield* Effect.sync(() => {
      const url = new URL(Redacted.value(address.url))
      // The type of ws lacks closeTimeout.
      const client: WebSocket.ClientOptions & { readonly closeTimeout: number } = {
        perMessageDeflate: false,
        maxPayload: options.settings.payloadBytesMax,
        closeTimeout: options.settings.closeTimeoutMs,
        ...(address.localAddress === undefined ? {} : { localAddress: address.localAddress }),
        headers: { "X-Kite-Version": "3" }
      }
      const ws = new WebSocket(url, client)
      const link: Link = { ws, opened, ended, lastMessageMs: SteadyTime.unsafeNowMs(options.clock), isLive: true }
      listenForOpenAndEnd(link, url.hostname, options)
      listenForMessages(link, options)
      return link
    })
  })

/** Closes the connection. This always ends, because ws cuts off a peer that does not answer the close within `closeTimeoutMs`. */
const disconnect = (link: Link): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    link.isLive = false
    if (link.ws.readyState === WebSocket.CLOSED) return resume(Effect.void)
    link.ws.once("close", () => resume(Effect.void))
    if (link.ws.readyState === WebSocket.CONNECTING) link.ws.terminate()
    else link.ws.close(1000)
  })

/** An open connection, closed with the scope. */
export const open = (address: SocketAddress, options: Options): Effect.Effect<Link, KiteError.KiteError | OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const { where, settings, clock } = options
    const link = yield* Effect.acquireRelease(connect(address, options), disconnect)
    yield* Deferred.await(link.opened).pipe(
      Effect.timeoutFail({
        duration: settings.handshakeTimeoutMs,
        onTimeout: () => new KiteError.KiteTimeout({ ...where, afterMs: settings.handshakeTimeoutMs })
      }),
      // If no new login is possible, `refused` fails with an error that says what a person has to do.
      Effect.tapErrorTag("UpgradeRefused", ({ status }) => (status === 429 ? address.limited : Effect.void)),
      Effect.catchTag("SessionExpired", (error) => Effect.zipRight(address.refused, error))
    )
    link.lastMessageMs = SteadyTime.unsafeNowMs(clock)
    return link
  })

/** Sends a message. It ends when the message has left this process. */
export const send = (link: Link, text: string): Effect.Effect<void, LinkEnded> =>
  Effect.async<void, LinkEnded>((resume) => {
    link.ws.send(text, (error) =>
      resume(error == null ? Effect.void : Effect.fail(new LinkEnded({ reason: `send failed: ${KiteError.codeOf(error)}` })))
    )
  })

/** Fails when no message has come for `livenessMs`. */
export const watchLiveness = (link: Link, livenessMs: number, clock: Clock.Clock): Effect.Effect<never, LinkEnded> =>
  Effect.gen(function* () {
    const silentMs = () => SteadyTime.unsafeNowMs(clock) - link.lastMessageMs
    while (true) {
      yield* Effect.sleep(Math.max(1, livenessMs - silentMs()))
      if (silentMs() < livenessMs) continue
      // Lets the event loop read data that already waits in the kernel, so that a busy process does not take its own delay for the server's
      // silence.
      yield* nextTurn
      if (silentMs() < livenessMs) continue
      return yield* new LinkEnded({ reason: `mute: no message for ${livenessMs} ms` })
    }
  })
