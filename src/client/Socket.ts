import { tokenExpired } from "../contract/sockets/CloseCodes.ts"
import { bearer, protocol } from "../contract/sockets/SocketMessages.ts"
import * as Backoff from "./Backoff.ts"

const pingMs = 4_000
/** Pings without a word since, beyond which a connection is given up; a page that is not looked at pings more seldom, so time says nothing. */
const unansweredMax = 2
const isOpen = 1

/** What is used of a WebSocket: a browser's own, Node's from version 22 on, or that of `ws`. */
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

/** How a connection stands. `paused`: its reader is behind; `closed`: for good, by its owner. */
export type StateChange =
  | { readonly type: "state"; readonly state: "connecting" | "open" | "paused" | "closed" }
  | {
      readonly type: "state"
      readonly state: "waiting"
      /** It was closed before it was open, or the token ended: is the token still good? A browser cannot read why. */
      readonly isRefused: boolean
      readonly code: number
      readonly reason: string
      readonly retryMs: number
    }

export interface Options {
  readonly url: string
  /** Asked at every attempt, so that a fresh token may take the place of one that ended. */
  readonly token: () => string | Promise<string>
  readonly WebSocket: WebSocketConstructor
  /** Called at every connect: says again what is wanted. */
  readonly onOpen: () => void
  readonly onText: (text: string) => void
  readonly onState: (change: StateChange) => void
}

export interface Socket {
  readonly isOpen: () => boolean
  /** Sent now or not at all: what must hold after a reconnect is said in `onOpen`. */
  readonly send: (message: object) => void
  /** Connects at once where it waits for its next attempt: the network or the page has come back. */
  readonly wake: () => void
  readonly pause: () => void
  readonly resume: () => void
  readonly close: () => void
}

const closedBefore = 1006

/** A connection that comes back by itself until it is closed: backoff with jitter, pings, a fresh token each time. */
export const make = (options: Options): Socket => {
  let socket: WebSocketLike | undefined
  /** Counts attempts: what an earlier one still says is not listened to. */
  let attempt = 0
  let failures = 0
  let openedAt: number | undefined
  let unanswered = 0
  let state: StateChange["state"] = "connecting"
  let retry: ReturnType<typeof setTimeout> | undefined
  let watch: ReturnType<typeof setInterval> | undefined

  const tell = (change: StateChange): void => {
    state = change.state
    options.onState(change)
  }
  const send = (message: object): void => {
    if (socket?.readyState === isOpen) socket.send(JSON.stringify(message))
  }
  const drop = (): void => {
    attempt++
    clearTimeout(retry)
    clearInterval(watch)
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
    tell({ type: "state", state: "waiting", isRefused, code, reason, retryMs })
  }

  const open = (token: string, mine: number): void => {
    const fresh = new options.WebSocket(options.url, [protocol, bearer(token)])
    socket = fresh
    const current = () => attempt === mine
    let problem = ""
    unanswered = 0
    fresh.addEventListener("open", () => {
      if (!current()) return
      openedAt = performance.now()
      tell({ type: "state", state: "open" })
      if (current()) options.onOpen()
    })
    fresh.addEventListener("message", ({ data }) => {
      if (!current()) return
      unanswered = 0
      options.onText(String(data))
    })
    // Only Node tells more here than in the close that follows.
    fresh.addEventListener("error", ({ message = "" }) => {
      problem = message
    })
    fresh.addEventListener("close", ({ code, reason }) => {
      if (current()) wait(code, reason === "" ? problem : reason, openedAt === undefined || code === tokenExpired.code)
    })
    watch = setInterval(() => {
      if (unanswered === unansweredMax) return wait(closedBefore, "the gateway is silent")
      unanswered++
      send({ action: "ping" })
    }, pingMs)
  }

  const connect = (): void => {
    drop()
    openedAt = undefined
    const mine = attempt
    tell({ type: "state", state: "connecting" })
    Promise.resolve()
      .then(options.token)
      .then((token) => {
        if (attempt === mine) open(token, mine)
      })
      .catch((cause) => {
        if (attempt === mine) wait(closedBefore, `no connection can be made: ${cause instanceof Error ? cause.message : cause}`)
      })
  }

  // Not within this call: the caller has no handle yet when the first state is told.
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
      tell({ type: "state", state: "paused" })
    },
    resume: () => {
      if (state === "paused") connect()
    },
    close: () => {
      if (state === "closed") return
      drop()
      tell({ type: "state", state: "closed" })
    }
  }
}
