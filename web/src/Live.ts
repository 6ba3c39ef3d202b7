import * as Backoff from "./Backoff.ts"

/** Without a word for this long a connection is given up: the gateway answers each ping. */
const silentMsMax = 9_000
const pingMs = 4_000
const expiredCode = 4401

export type State = "connecting" | "open" | "waiting"

export interface Options {
  readonly path: string
  readonly token: string
  /** Called at every connect: says again what is wanted. */
  readonly onOpen: (send: (message: object) => void) => void
  readonly onMessage: (message: { readonly type: string }) => void
  readonly onState: (state: State) => void
  /** The handshake was refused or the token ended; a browser cannot read why, so somebody has to ask. */
  readonly onRefused: () => void
}

export interface Live {
  /** Sent now or not at all: what must hold after a reconnect belongs into `onOpen`. */
  readonly send: (message: object) => void
  readonly close: () => void
}

interface Batch {
  readonly type: "batch"
  readonly items: ReadonlyArray<{ readonly type: string }>
}

/** A WebSocket that comes back by itself: backoff with jitter, pings, and at once when the network or the tab returns. */
export const make = (options: Options): Live => {
  let socket: WebSocket | undefined
  let failures = 0
  let openedAt = 0
  let heardAt = 0
  let isEnded = false
  let retry: ReturnType<typeof setTimeout> | undefined
  let watch: ReturnType<typeof setInterval> | undefined

  const send = (message: object): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }

  const drop = (): void => {
    clearInterval(watch)
    const old = socket
    socket = undefined
    if (old === undefined) return
    // A dead peer answers no close for minutes: what it still says is not listened to.
    old.onopen = old.onmessage = old.onclose = null
    old.close()
  }

  const wait = (): void => {
    drop()
    if (isEnded) return
    if (openedAt > 0 && performance.now() - openedAt > Backoff.healthyMs) failures = 0
    openedAt = 0
    failures++
    options.onState("waiting")
    clearTimeout(retry)
    retry = setTimeout(connect, Backoff.waitMs(failures, Math.random()))
  }

  const receive = (text: string): void => {
    heardAt = performance.now()
    const message = JSON.parse(text) as { readonly type: string } | Batch
    if ("items" in message) for (const item of message.items) options.onMessage(item)
    else options.onMessage(message)
  }

  const connect = (): void => {
    if (isEnded) return
    options.onState("connecting")
    const scheme = location.protocol === "https:" ? "wss:" : "ws:"
    const fresh = new WebSocket(`${scheme}//${location.host}${options.path}?batch=1`, ["tarang.v1", `bearer.${options.token}`])
    socket = fresh
    heardAt = performance.now()
    fresh.onopen = () => {
      openedAt = heardAt = performance.now()
      options.onState("open")
      options.onOpen(send)
    }
    fresh.onmessage = ({ data }: MessageEvent<string>) => receive(data)
    fresh.onclose = ({ code }) => {
      if (openedAt === 0 || code === expiredCode) options.onRefused()
      wait()
    }
    watch = setInterval(() => {
      if (performance.now() - heardAt > silentMsMax) wait()
      else send({ action: "ping" })
    }, pingMs)
  }

  const now = (): void => {
    if (isEnded || socket !== undefined || document.hidden) return
    clearTimeout(retry)
    connect()
  }
  addEventListener("online", now)
  document.addEventListener("visibilitychange", now)
  // Not within this call: the caller has no handle yet when the first state is told.
  queueMicrotask(connect)

  return {
    send,
    close: () => {
      isEnded = true
      clearTimeout(retry)
      removeEventListener("online", now)
      document.removeEventListener("visibilitychange", now)
      drop()
    }
  }
}
