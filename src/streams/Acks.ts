import type { Msg, NatsConnection } from "nats"
import * as Headers from "./Headers.ts"

/** A stream's answer to a publish. */
export interface Ack {
  readonly seq: number
  readonly stream: string
  /** True when the stream already held a message of this id; `seq` is that message's sequence. */
  readonly duplicate: boolean
}

export interface Acks {
  /** Publishes and never throws. Later it calls `done` once, with the acknowledgement or the error. */
  readonly send: (
    subject: string,
    data: Uint8Array,
    headers: ReadonlyArray<readonly [name: string, value: string]>,
    done: (result: Ack | Error) => void
  ) => void
  /** Fails every open publish: the server never answers what a lost connection carried. */
  readonly lose: () => void
}

interface Open {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly givenAtMs: number
  readonly done: (result: Ack | Error) => void
}

const checkEveryMs = 250
const toText = new TextDecoder()

const answerOf = (msg: Msg): Ack | Error => {
  const code = msg.headers?.code ?? 0
  if (code !== 0) return new Error(code === 503 ? "no stream takes this subject (503)" : `the server answered ${code}`)
  try {
    const { error, stream, seq, duplicate } = JSON.parse(toText.decode(msg.data))
    if (error !== undefined) return Object.assign(new Error(`${error.description} (${error.err_code})`), { api_error: error })
    return { stream, seq, duplicate: duplicate === true }
  } catch (cause) {
    return new Error("the acknowledgement cannot be read", { cause })
  }
}

/**
 * Publishes with acknowledgement. All publishes share one subscription and one timer. The client's own request makes promises, a timer and
 * an error for each message, which costs ten times as much. Messages that many fibers send at one moment leave in one write, because a write
 * to the socket costs as much as several messages.
 */
export const make = (nc: NatsConnection, inbox: string, timeoutMs: number): Acks => {
  const open = new Map<number, Open>() // oldest first
  let nextId = 0
  let isWatched = false

  const take = (id: number, result: Ack | Error): void => {
    const one = open.get(id)
    open.delete(id)
    one?.done(result)
  }
  nc.subscribe(`${inbox}.*`, {
    callback: (error, msg) => {
      if (error === null) take(Number(msg.subject.slice(inbox.length + 1)), answerOf(msg))
    }
  })
  const check = (): void => {
    isWatched = false
    const untilMs = performance.now() - timeoutMs
    for (const [id, { givenAtMs }] of open) {
      if (givenAtMs > untilMs) break
      take(id, new Error(`no acknowledgement within ${timeoutMs} ms`))
    }
    if (open.size > 0) watch()
  }
  const watch = (): void => {
    if (isWatched) return
    isWatched = true
    setTimeout(check, checkEveryMs)
  }

  let waiting: Array<number> = []
  const flush = (): void => {
    const ids = waiting
    waiting = []
    for (const id of ids) {
      const one = open.get(id)
      if (one === undefined) continue
      try {
        const reply = `${inbox}.${id}`
        nc.publish(one.subject, one.data, one.headers.length === 0 ? { reply } : { reply, headers: Headers.encoded(one.headers) })
      } catch (cause) {
        take(id, cause instanceof Error ? cause : new Error(String(cause)))
      }
    }
  }

  return {
    send: (subject, data, headers, done) => {
      const id = nextId++
      open.set(id, { subject, data, headers, givenAtMs: performance.now(), done })
      if (waiting.push(id) === 1) setImmediate(flush)
      watch()
    },
    lose: () => {
      for (const id of [...open.keys()]) take(id, new Error("connection to NATS lost"))
    }
  }
}
