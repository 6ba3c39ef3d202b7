import type { Msg, NatsConnection } from "nats"
import * as Headers from "./Headers.ts"
import type { Unstored } from "./keep/Unstored.ts"

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

/** The server's numbers for a store that takes nothing: no resources, no memory, no disk, not enabled, or a write that failed. */
const storeCodes: ReadonlySet<unknown> = new Set([10_023, 10_028, 10_039, 10_047, 10_076, 10_077])

/** The server's words if it refused a publish because it stores nothing; null for any other refusal, such as another writer's being first. */
export const storeRefusal = (msg: Msg): string | null => {
  const answer = answerOf(msg)
  if (!(answer instanceof Error)) return null
  if ((msg.headers?.code ?? 0) !== 0) return answer.message
  return "api_error" in answer && storeCodes.has((answer.api_error as { readonly err_code?: unknown }).err_code) ? answer.message : null
}

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
 * to the socket costs as much as several messages. `unstored` learns what the server stored and what it did not.
 */
export const make = (nc: NatsConnection, inbox: string, timeoutMs: number, unstored: Unstored): Acks => {
  const open = new Map<number, Open>() // oldest first
  let nextId = 0
  let isWatched = false

  const take = (id: number, result: Ack | Error): void => {
    const one = open.get(id)
    open.delete(id)
    one?.done(result)
  }
  const note = (one: Open | undefined, msg: Msg): void => {
    if (one === undefined) return
    const refusal = storeRefusal(msg)
    if (refusal === null) unstored.stored(one.subject)
    else unstored.missed(one.subject, one.givenAtMs, performance.now(), refusal)
  }
  nc.subscribe(`${inbox}.*`, {
    callback: (error, msg) => {
      if (error !== null) return
      const id = Number(msg.subject.slice(inbox.length + 1))
      note(open.get(id), msg)
      take(id, answerOf(msg))
    }
  })
  const check = (): void => {
    isWatched = false
    const nowMs = performance.now()
    for (const [id, { givenAtMs, subject }] of open) {
      if (givenAtMs > nowMs - timeoutMs) break
      unstored.missed(subject, givenAtMs, nowMs)
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
