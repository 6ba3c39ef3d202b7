/**
 * A publisher's data about a frame, as one NATS header value (one header costs half as much as several):
 * `<account> <epoch> <incarnation> <number> <baseReceivedMs> <source> <count,offset,count,offset...> <subject>`. Older records have no subject.
 */

export const name = "Tarang-Frame"

export type Source = "kite" | "simulator"

export interface FrameHeader {
  /** `[A-Za-z0-9_-]{1,64}`. */
  readonly account: string
  /** Fencing epoch of the account's actor. */
  readonly epoch: number
  /** A new number at every start of the ticker. */
  readonly incarnation: number
  /** Counts per account, incarnation and subject, from 0 without holes. */
  readonly number: number
  /** Receive time of the frame's first packet, UNIX ms. */
  readonly baseReceivedMs: number
  readonly source: Source
  /** Run-length coded receive times: flat pairs of (packets, ms after the base). The offset is negative if the clock stepped back. */
  readonly runs: ReadonlyArray<number>
}

const account = /^[A-Za-z0-9_-]{1,64}$/
/** The most digits of a number that `format` writes. */
const digitsMax = 15

/** A subject is appended if given, so that a reader notices a frame that somebody has delivered on another subject. */
export const format = (header: FrameHeader, subject = ""): string => {
  const text = `${header.account} ${header.epoch} ${header.incarnation} ${header.number} ${header.baseReceivedMs} ${header.source} ${header.runs.join(",")}`
  return subject === "" ? text : `${text} ${subject}`
}

/** Blanks before the subject in a header that has one. A subject contains none. */
const blanksMax = 7

/** False for the header of a frame that was published on another subject. True for a header without a subject. */
export const isOf = (text: string, subject: string): boolean => {
  let at = -1
  for (let blank = 0; blank < blanksMax; blank++) {
    at = text.indexOf(" ", at + 1)
    if (at < 0) return true
  }
  return text.length - at - 1 === subject.length && text.endsWith(subject)
}

/** A non-negative integer of `text[from, to)`, or -1. */
const digits = (text: string, from: number, to: number): number => {
  if (from >= to || to - from > digitsMax) return -1
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

const parseRuns = (text: string, from: number, to: number): Array<number> | undefined => {
  const runs: Array<number> = []
  if (from === to) return runs
  let at = from
  while (true) {
    const comma = text.indexOf(",", at)
    const isLast = comma < 0 || comma >= to
    const end = isLast ? to : comma
    // Only offsets, every second number, may be negative.
    const negative = runs.length % 2 === 1 && text.charCodeAt(at) === 45
    const value = digits(text, negative ? at + 1 : at, end)
    if (value < 0 || (negative && value === 0)) return undefined
    runs.push(negative ? -value : value)
    if (isLast) return runs.length % 2 === 0 ? runs : undefined
    at = comma + 1
  }
}

/** Undefined for a text that `format` did not write; such a frame cannot be trusted. */
export const parse = (text: string): FrameHeader | undefined => {
  const first = text.indexOf(" ")
  const second = text.indexOf(" ", first + 1)
  const third = text.indexOf(" ", second + 1)
  const fourth = text.indexOf(" ", third + 1)
  const fifth = text.indexOf(" ", fourth + 1)
  const sixth = text.indexOf(" ", fifth + 1)
  // indexOf restarts from 0 after a missing blank, so the order shows whether the six blanks were found.
  if (first < 1 || second <= first || third <= second || fourth <= third || fifth <= fourth || sixth <= fifth) return undefined
  const epoch = digits(text, first + 1, second)
  const incarnation = digits(text, second + 1, third)
  const number = digits(text, third + 1, fourth)
  const baseReceivedMs = digits(text, fourth + 1, fifth)
  const source = text.slice(fifth + 1, sixth)
  const seventh = text.indexOf(" ", sixth + 1)
  if (seventh === text.length - 1) return undefined // a subject is not empty
  const runs = parseRuns(text, sixth + 1, seventh < 0 ? text.length : seventh)
  const id = text.slice(0, first)
  if (epoch < 0 || incarnation < 0 || number < 0 || baseReceivedMs < 0 || runs === undefined) return undefined
  if ((source !== "kite" && source !== "simulator") || !account.test(id)) return undefined
  return { account: id, epoch, incarnation, number, baseReceivedMs, source, runs }
}

/** Extends runs by `count` packets received at `receivedMs`. Consecutive packets with the same time share a run. */
export const addRun = (runs: Array<number>, baseReceivedMs: number, receivedMs: number, count: number): void => {
  const offset = receivedMs - baseReceivedMs
  const last = runs.length - 2
  if (last >= 0 && runs[last + 1] === offset) runs[last] = (runs[last] ?? 0) + count
  else runs.push(count, offset)
}

/** Receive time of one packet, UNIX ms. A row beyond the runs has the last run's time. */
export const receivedAtMs = (header: FrameHeader, row: number): number => {
  let offset = 0
  let end = 0
  for (let run = 0; run < header.runs.length; run += 2) {
    end += header.runs[run] ?? 0
    offset = header.runs[run + 1] ?? 0
    if (row < end) break
  }
  return header.baseReceivedMs + offset
}

/** Writes the receive times of rows 0..count-1, UNIX ms, into the caller's array: one pass for a whole frame. */
export const fillReceivedMs = (header: FrameHeader, count: number, into: Float64Array): void => {
  let row = 0
  let receivedMs = header.baseReceivedMs
  for (let run = 0; run < header.runs.length && row < count; run += 2) {
    receivedMs = header.baseReceivedMs + (header.runs[run + 1] ?? 0)
    const end = Math.min(count, row + (header.runs[run] ?? 0))
    while (row < end) into[row++] = receivedMs
  }
  while (row < count) into[row++] = receivedMs
}
