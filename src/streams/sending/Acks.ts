import type { Msg, NatsConnection } from "nats"
import type { Unstored } from "../keep/Unstored.ts"
import * as ServerErrors from "../ServerErrors.ts"
import * as Headers from "./Headers.ts"
import * as Wire from "./Wire.ts"

/** A stream's answer to a publish. */
export interface Ack {
  readonly seq: number
  readonly stream: string
  /** True when the stream already held a message of this id; `seq` is that message's sequence. */
  readonly duplicate: boolean
}

/** Sends messages and passes on the stream's answer to each. `E` is the type of an error. */
export interface Acks<E> {
  /** Publishes and never throws. Later it calls `done` once, with the acknowledgement or the error. */
  readonly send: (subject: string, data: Uint8Array, headers: Headers.Pairs, done: (result: Ack | E) => void) => void
  /** Fails every open publish: the server never answers what a lost connection carried. */
  readonly lose: () => void
}

interface Open<E> {
  readonly subject: string
  /** The bytes to send; undefined once they are sent. */
  data: Uint8Array | undefined
  readonly headers: Headers.Pairs
  readonly givenAtMs: number
  readonly done: (result: Ack | E) => void
}

const checkEveryMs = 250
const toText = new TextDecoder()
const noBytes = new Uint8Array(0)

/** The bytes at the start of every acknowledgement, and those after the stream's name. */
const before = new TextEncoder().encode('{"stream":"')
const between = new TextEncoder().encode('","seq":')
const [quote, zero, nine, backslash, closing] = [0x22, 0x30, 0x39, 0x5c, 0x7d]

const hasAt = (data: Uint8Array, at: number, wanted: Uint8Array): boolean => {
  for (let nth = 0; nth < wanted.length; nth++) if (data[at + nth] !== wanted[nth]) return false
  return true
}

/**
 * Reads `{"stream":"NAME","seq":N}`, which is the form of nearly every acknowledgement. Undefined for any other form, which JSON.parse then
 * reads. Thousands arrive each second, and decoding and parsing a text costs ten times as much.
 */
export const plainAck = (data: Uint8Array): Ack | undefined => {
  if (!hasAt(data, 0, before)) return undefined
  let at = before.length
  let stream = ""
  for (let code = data[at]; code !== quote; code = data[++at]) {
    if (code === undefined || code === backslash || code > 126) return undefined
    stream += String.fromCharCode(code)
  }
  if (!hasAt(data, at, between)) return undefined
  at += between.length
  let seq = 0
  let digits = 0
  for (let code = data[at]; code !== undefined && code >= zero && code <= nine; code = data[++at]) {
    seq = seq * 10 + (code - zero)
    digits++
  }
  return digits > 0 && Number.isSafeInteger(seq) && data[at] === closing && at === data.length - 1
    ? { stream, seq, duplicate: false }
    : undefined
}

const answerOf = (msg: Msg): Ack | Error => {
  const code = msg.headers?.code ?? 0
  if (code !== 0) return new Error(code === 503 ? "no stream takes this subject (503)" : `the server answered ${code}`)
  const plain = plainAck(msg.data)
  if (plain !== undefined) return plain
  try {
    const { error, stream, seq, duplicate } = JSON.parse(toText.decode(msg.data))
    if (error !== undefined) return Object.assign(new Error(`${error.description} (${error.err_code})`), { api_error: error })
    return { stream, seq, duplicate: duplicate === true }
  } catch (cause) {
    return new Error("the acknowledgement cannot be read", { cause })
  }
}

/**
 * The server's words if it refused a publish because its store takes nothing. Null for any other answer, such as "another writer was
 * first".
 */
const refusalIn = (answer: Ack | Error, msg: Msg): string | null => {
  if (!(answer instanceof Error)) return null
  if ((msg.headers?.code ?? 0) !== 0) return answer.message
  return "api_error" in answer && ServerErrors.storeFailures.has((answer.api_error as { readonly err_code?: unknown }).err_code)
    ? answer.message
    : null
}
export const storeRefusal = (msg: Msg): string | null => refusalIn(answerOf(msg), msg)

/**
 * Publishes with acknowledgement. All publishes share one subscription and one timer. The client's own request makes promises, a timer and
 * an error for each message, which costs ten times as much. Messages that many fibers send at one moment leave in one write, because a write
 * to the socket costs as much as several messages. `unstored` learns what the server stored and what it did not.
 */
export const make = <E>(
  nc: NatsConnection,
  inbox: string,
  timeoutMs: number,
  unstored: Unstored,
  failed: (subject: string, cause: Error) => E
): Acks<E> => {
  const open = new Map<number, Open<E>>() // oldest first
  let nextId = 0
  let isWatched = false

  const take = (id: number, result: Ack | Error): void => {
    const one = open.get(id)
    open.delete(id)
    one?.done(result instanceof Error ? failed(one.subject, result) : result)
  }
  const note = ({ givenAtMs, subject }: Open<E>, answer: Ack | Error, msg: Msg): void => {
    const refusal = refusalIn(answer, msg)
    if (refusal === null) unstored.stored(subject)
    else unstored.missed(subject, givenAtMs, performance.now(), refusal)
  }
  nc.subscribe(`${inbox}.*`, {
    callback: (error, msg) => {
      if (error !== null) return
      const id = Number(msg.subject.slice(inbox.length + 1))
      const one = open.get(id)
      if (one === undefined) return
      const answer = answerOf(msg)
      note(one, answer, msg)
      take(id, answer)
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
  /** The newest headers as bytes: the thousands of outputs of one input have the same. */
  let newest: { readonly headers: Headers.Pairs; readonly bytes: Uint8Array } | undefined
  const bytesOf = (headers: Headers.Pairs): Uint8Array => {
    if (headers.length === 0) return noBytes
    if (newest?.headers !== headers) newest = { headers, bytes: Headers.bytesOf(headers) }
    return newest.bytes
  }
  const wire = Wire.make(nc)
  const write = (id: number, one: Open<E>, data: Uint8Array): void => {
    const reply = `${inbox}.${id}`
    const headers = bytesOf(one.headers)
    if (headers.length + data.length <= Wire.smallMax) {
      wire.add({ subject: one.subject, reply, headers, data })
      return
    }
    wire.end() // Messages stay in the order in which they were given.
    nc.publish(one.subject, data, headers.length === 0 ? { reply } : { reply, headers: Headers.given(headers) })
  }
  const flush = (): void => {
    const ids = waiting
    waiting = []
    for (const id of ids) {
      const one = open.get(id)
      if (one?.data === undefined) continue
      const { data } = one
      one.data = undefined
      try {
        write(id, one, data)
      } catch (cause) {
        take(id, cause instanceof Error ? cause : new Error(String(cause)))
      }
    }
    wire.end()
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
