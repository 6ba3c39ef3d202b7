import { tokenExpired } from "../contract/sockets/CloseCodes.ts"
import { bearer, protocol } from "../contract/sockets/SocketMessages.ts"
import * as Backoff from "./Backoff.ts"

const pingMs = 4_000
/** A connection is given up after this many pings without an answer. Time would not do: a hidden page pings more rarely. */
const unansweredMax = 2
const isOpen = 1

/** The part of a WebSocket that the client uses: a browser's own, Node's from version 22 on, or that of `ws`. */
export interface WebSocketLike {
  readonly readyState: number
  send(text: string): void
  close(): void
  addEventListener(type: "open", listener: () => void): void
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void
  addEventListener(type: "error", listener: (event: { readonly message?: string }) => void): void
}
export type WebSocketConstructor = new (url: string, protocols: Array<string>) => WebSocketLike

/** The state of a connection. `paused`: its reader is behind. `closed`: its owner closed it for good. */
export type StateChange =
  | { readonly type: "state"; readonly state: "connecting" | "open" | "paused" | "closed" }
  | {
      readonly type: "state"
      readonly state: "waiting"
      /** True when it closed before it was open, or because the token expired. A browser cannot read why, so check the token. */
      readonly isRefused: boolean
      readonly code: number
      readonly reason: string
      readonly retryMs: number
    }

export interface Options {
  readonly url: string
  /** Called at every attempt, so that a new token can replace an expired one. */
  readonly token: () => string | Promise<string>
  readonly WebSocket: WebSocketConstructor
  /** Called at every connect, to subscribe again. */
  readonly onOpen: () => void
  readonly onText: (text: string) => void
  readonly onState: (change: StateChange) => void
}

export interface Socket {
  readonly isOpen: () => boolean
  /** Sends now or not at all. Send in `onOpen` what a new connection needs too. */
  readonly send: (message: object) => void
  /** Ends a wait for the next attempt and connects at once, for example when the network or the page has come back. */
  readonly wake: () => void
  readonly pause: () => void
  readonly resume: () => void
  readonly close: () => void
}

const closedBefore = 1006

/** Pings, and notices when nothing comes back. */
const heartbeat = (ping: () => void, onSilent: () => void) => {
  let unanswered = 0
  let timer: ReturnType<typeof setInterval> | undefined
  return {
    start: (): void => {
      unanswered = 0
      timer = setInterval(() => {
        if (unanswered === unansweredMax) return onSilent()
        unanswered++
        ping()
      }, pingMs)
    },
    heard: (): void => {
      unanswered = 0
    },
    stop: (): void => clearInterval(timer)
  }
}

interface Listeners {
  /** False when another attempt has replaced this one: then nothing is passed on. */
  readonly isCurrent: () => boolean
  readonly onOpen: () => void
  readonly onText: (text: string) => void
  readonly onClose: (code: number, reason: string) => void
}
const listen = (socket: WebSocketLike, { isCurrent, onOpen, onText, onClose }: Listeners): void => {
  let problem = ""
  socket.addEventListener("open", () => {
    if (isCurrent()) onOpen()
  })
  socket.addEventListener("message", ({ data }) => {
    if (isCurrent()) onText(String(data))
  })
  // In Node this event says more than the close that follows.
  socket.addEventListener("error", ({ message = "" }) => {
    problem = message
  })
  socket.addEventListener("close", ({ code, reason }) => {
    if (isCurrent()) onClose(code, reason === "" ? problem : reason)
  })
}

/** A connection that reconnects by itself until it is closed: backoff with jitter, pings, a fresh token each time. */
export const make = (options: Options): Socket => {
  let socket: WebSocketLike | undefined
  /** Counts attempts, so that events of an earlier attempt are ignored. */
  let attempt = 0
  let failures = 0
  let openedAt: number | undefined
  let state: StateChange["state"] = "connecting"
  let retry: ReturnType<typeof setTimeout> | undefined

  const change = (next: StateChange): void => {
    state = next.state
    options.onState(next)
  }
  const send = (message: object): void => {
    if (socket?.readyState === isOpen) socket.send(JSON.stringify(message))
  }
  const pings = heartbeat(
    () => send({ action: "ping" }),
    () => wait(closedBefore, "the gateway is silent")
  )
  const drop = (): void => {
    attempt++
    clearTimeout(retry)
    pings.stop()
    const old = socket
    socket = undefined
    old?.close()
  }

  const wait = (code: number, reason: string, isRefused = false): void => {
    drop()
    if (openedAt !== undefined && performance.now() - openedAt > Backoff.healthyMs) failures = 0
    failures++
    const retryMs = Backoff.waitMs(failures, Math.random())
    retry = setTimeout(connect, retryMs)
    change({ type: "state", state: "waiting", isRefused, code, reason, retryMs })
  }

  const open = (token: string, mine: number): void => {
    const isCurrent = () => attempt === mine
    socket = new options.WebSocket(options.url, [protocol, bearer(token)])
    listen(socket, {
      isCurrent,
      onOpen: () => {
        openedAt = performance.now()
        change({ type: "state", state: "open" })
        if (isCurrent()) options.onOpen()
      },
      onText: (text) => {
        pings.heard()
        options.onText(text)
      },
      onClose: (code, reason) => wait(code, reason, openedAt === undefined || code === tokenExpired.code)
    })
    pings.start()
  }

  const connect = (): void => {
    drop()
    openedAt = undefined
    const mine = attempt
    change({ type: "state", state: "connecting" })
    Promise.resolve()
      .then(options.token)
      .then((token) => {
        if (attempt === mine) open(token, mine)
      })
      .catch((cause) => {
        if (attempt === mine) wait(closedBefore, `no connection can be made: ${cause instanceof Error ? cause.message : cause}`)
      })
  }

  // Not within this call: the caller has no handle yet to react to the first state.
  const first = attempt
  queueMicrotask(() => {
    if (attempt === first) connect()
  })

  return {
    isOpen: () => socket?.readyState === isOpen,
    send,
    wake: () => {
      if (state === "waiting") connect()
    },
    pause: () => {
      if (state === "closed") return
      drop()
      change({ type: "state", state: "paused" })
    },
    resume: () => {
      if (state === "paused") connect()
    },
    close: () => {
      if (state === "closed") return
      drop()
      change({ type: "state", state: "closed" })
    }
  }
}
