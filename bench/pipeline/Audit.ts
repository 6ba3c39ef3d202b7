/** Contents of the record and the snapshots after a run, compared with what was sent. */
import { deserialize } from "node:v8"
import type { JsMsg, NatsConnection } from "nats"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as FrameGuard from "../../src/domain/market/FrameGuard.ts"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import * as Subject from "../../src/streams/Subject.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { Histogram } from "./Histogram.ts"
import type { Sent } from "./Load.ts"
import * as Universe from "./Universe.ts"

export interface Stored {
  readonly ticks: number
  readonly frames: number
  /** Sent ticks that no frame contains, and ticks contained in two. */
  readonly missing: number
  readonly double: number
  /** Packets that were never sent. */
  readonly foreign: number
  readonly framesOf: ReadonlyMap<string, number>
  readonly ticksOf: ReadonlyMap<string, number>
  /** Receive times of the ticks of the requested rows: row -> by number of the tick, from 1. */
  readonly receivedMs: ReadonlyMap<number, Float64Array>
  /** From the socket's read to the stream, for all ticks received from `fromMs` on. */
  readonly toStream: Histogram
  /** Ticks that were read from sockets in a time span. */
  readonly readBetween: (fromMs: number, untilMs: number) => number
  readonly lastStoredMs: number
}

/** Number of ticks sent for a row. */
export const sentOf = (universe: Universe.Universe, sent: Sent, row: number): number => {
  const accounts = universe.accounts.length
  const ticks = sent.ticks[row % accounts] ?? 0
  const rows = Math.ceil((universe.instruments.length - (row % accounts)) / accounts)
  const place = Math.floor(row / accounts)
  return Math.floor(ticks / rows) + (place < ticks % rows ? 1 : 0)
}

/** When the sender wrote the message with a row's tick, UNIX ms. */
export const sentAtMs = (universe: Universe.Universe, sent: Sent, row: number, tick: number): number => {
  const accounts = universe.accounts.length
  const rows = Math.ceil((universe.instruments.length - (row % accounts)) / accounts)
  const number = (tick - 1) * rows + Math.floor(row / accounts)
  const { firstTick, atMs } = sent.messages[row % accounts] ?? { firstTick: new Float64Array(), atMs: new Float64Array() }
  let [low, high] = [0, firstTick.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((firstTick[middle] ?? 0) <= number) low = middle
    else high = middle - 1
  }
  return atMs[low] ?? Number.NaN
}

const readBytesMax = 16 * 1_024 * 1_024

/** Calls `take` for every frame of the record, in order. */
const eachFrame = async (nc: NatsConnection, take: (msg: JsMsg) => void): Promise<void> => {
  const consumer = await nc.jetstream().consumers.get("MD_FRAMES", { filterSubjects: Subjects.Frame.filter() })
  if ((await consumer.info()).num_pending === 0) return
  // Limited by bytes: two thousand frames of a saturated underlying are more than a client may receive at once.
  const messages = await consumer.consume({ max_bytes: readBytesMax })
  for await (const msg of messages) {
    take(msg)
    if (msg.info.pending === 0) break
  }
}

export const stored = async (
  nc: NatsConnection,
  universe: Universe.Universe,
  sent: Sent,
  options: { readonly rows: ReadonlySet<number>; readonly fromMs: number; readonly untilMs: number }
): Promise<Stored> => {
  const expected = universe.instruments.map((_, row) => sentOf(universe, sent, row))
  const seen = expected.map((count) => new Uint8Array(count + 1))
  const indexTicks = expected.map(() => 0)
  const receivedMs = new Map([...options.rows].map((row) => [row, new Float64Array((expected[row] ?? 0) + 1)]))
  const framesOf = new Map<string, number>()
  const ticksOf = new Map<string, number>()
  const toStream = new Histogram()
  const readAt = new Uint32Array(Math.max(1, options.untilMs - options.fromMs))
  let [ticks, frames, foreign, double, lastStoredMs] = [0, 0, 0, 0, 0]
  const columns = Frame.makeColumns()
  const guards = new Map<string, FrameGuard.State>()
  await eachFrame(nc, (msg) => {
    const header = FrameHeader.parse(msg.headers?.get(FrameHeader.name) ?? "")
    const guard = guards.get(msg.subject) ?? FrameGuard.make()
    guards.set(msg.subject, guard)
    // Every reader folds a frame that was sent twice only once.
    if (header === undefined || FrameGuard.accept(guard, header) === FrameGuard.dropped) return
    frames++
    framesOf.set(msg.subject, (framesOf.get(msg.subject) ?? 0) + 1)
    Frame.decode(msg.data, columns)
    ticksOf.set(msg.subject, (ticksOf.get(msg.subject) ?? 0) + columns.count)
    const storedMs = msg.info.timestampNanos / 1e6
    lastStoredMs = Math.max(lastStoredMs, storedMs)
    for (let at = 0; at < columns.count; at++) {
      ticks++
      const token = columns.token[at] ?? 0
      const row = universe.rowOf.get(token) ?? -1
      const own = seen[row]
      // An index has no volume, so its ticks are only counted.
      const isIndex = Instrument.isIndex(token)
      const tick = isIndex ? 0 : (columns.volume[at] ?? 0) - (universe.volumeBase[row] ?? 0)
      if (own === undefined || tick < 0 || tick >= own.length) foreign++
      else if (isIndex) indexTicks[row] = (indexTicks[row] ?? 0) + 1
      else if (own[tick] === 1) double++
      else own[tick] = 1
      const received = FrameHeader.receivedAtMs(header, at)
      if (received >= options.fromMs && received < options.untilMs) {
        toStream.add(storedMs - received)
        readAt[received - options.fromMs] = (readAt[received - options.fromMs] ?? 0) + 1
      }
      const times = receivedMs.get(row)
      if (times !== undefined && tick > 0) times[tick] = received
    }
  })
  const readBetween = (fromMs: number, untilMs: number) =>
    readAt.subarray(fromMs - options.fromMs, untilMs - options.fromMs).reduce((sum, ticks) => sum + ticks, 0)
  let missing = 0
  for (const [row, own] of seen.entries()) {
    if (Instrument.isIndex(universe.instruments[row]?.token ?? 0)) {
      const more = (indexTicks[row] ?? 0) - (expected[row] ?? 0)
      missing += Math.max(0, -more)
      double += Math.max(0, more)
    } else for (let tick = 1; tick < own.length; tick++) if (own[tick] !== 1) missing++
  }
  return { ticks, frames, missing, double, foreign, framesOf, ticksOf, receivedMs, toStream, readBetween, lastStoredMs }
}

interface Manifest {
  readonly slot: number
  readonly chunks: number
  readonly seq: number
}
interface Feed {
  readonly guard: FrameGuard.State
  readonly quotes: { readonly unknown: number; readonly bad: number; readonly outdated: number }
}

export interface Folded {
  readonly ticks: number
  /** Differences between an actor's state and the record, as text. */
  readonly problems: ReadonlyArray<string>
}

/** Ticks that the actors of a kind have folded, from the states that they saved when stopped. */
const foldedBy = async (
  nc: NatsConnection,
  actors: ReadonlyArray<{ readonly key: string; readonly subject: string; readonly feed: (state: unknown) => Feed | undefined }>,
  record: Stored
): Promise<Folded> => {
  const kv = await nc.jetstream().views.kv("snapshots", { bindOnly: true })
  const problems: Array<string> = []
  let ticks = 0
  for (const { key, subject, feed: feedOf } of actors) {
    const entry = await kv.get(key)
    if (entry === null) {
      problems.push(`${key}: no snapshot`)
      continue
    }
    const manifest = JSON.parse(entry.string()) as Manifest
    const chunks = await Promise.all(Array.from({ length: manifest.chunks }, (_, at) => kv.get(`${key}.${manifest.slot}.${at}`)))
    const feed = feedOf(deserialize(Buffer.concat(chunks.map((chunk) => chunk?.value ?? new Uint8Array()))))
    if (feed === undefined) {
      problems.push(`${key}: not its underlying's`)
      continue
    }
    const windows = [...feed.guard.windows.values()].flat()
    const frames = windows.reduce((sum, { next, first }) => sum + next - first, 0) - feed.guard.open - feed.guard.lost
    const { unknown, bad, outdated } = feed.quotes
    const expected = record.framesOf.get(subject) ?? 0
    if (frames !== expected) problems.push(`${key}: ${frames} frames of ${expected} (missing ${feed.guard.open + feed.guard.lost})`)
    if (unknown + bad + outdated > 0) problems.push(`${key}: ${unknown} unknown, ${bad} bad, ${outdated} outdated packets`)
    if (frames === expected) ticks += (record.ticksOf.get(subject) ?? 0) - unknown - bad - outdated
  }
  return { ticks, problems }
}

export const foldedByGreeks = (nc: NatsConnection, universe: Universe.Universe, record: Stored) =>
  foldedBy(
    nc,
    universe.underlyings.map(({ exchange, name }) => ({
      key: Subject.kvKey("greeks", exchange, name),
      subject: Subjects.Frame.at({ exchange, underlying: name }),
      feed: (state) => state as Feed
    })),
    record
  )

export const foldedByBars = (nc: NatsConnection, universe: Universe.Universe, record: Stored) =>
  foldedBy(
    nc,
    universe.underlyings.map(({ exchange, name }) => ({
      key: Subject.kvKey("bars", exchange, name),
      subject: Subjects.Frame.at({ exchange, underlying: name }),
      feed: (state) => {
        const { guard, unknown, bad } = state as { readonly guard: FrameGuard.State; readonly unknown: number; readonly bad: number }
        return { guard, quotes: { unknown, bad, outdated: 0 } }
      }
    })),
    record
  )

export const foldedByStrategies = (nc: NatsConnection, universe: Universe.Universe, record: Stored) =>
  foldedBy(
    nc,
    Universe.strategiesOf(universe).map(({ exchange, name }) => ({
      key: Subject.kvKey("strategies", exchange, name),
      subject: Subjects.Frame.at({ exchange, underlying: name }),
      feed: (state) => (state as { readonly feeds: ReadonlyMap<string, Feed> }).feeds.get(`${exchange} ${name}`)
    })),
    record
  )

/** Whether the newest sampled ticks of each underlying already include its newest frame. */
export const isCovered = async (nc: NatsConnection, universe: Universe.Universe): Promise<boolean> => {
  const jsm = await nc.jetstreamManager()
  for (const { exchange, name: underlying } of universe.underlyings) {
    const frame = await jsm.streams.getMessage("MD_FRAMES", { last_by_subj: Subjects.Frame.at({ exchange, underlying }) })
    const tick = await jsm.streams
      .getMessage("MD_TICK", { last_by_subj: Subjects.Tick.at({ exchange, underlying }) })
      .catch(() => undefined)
    if (tick === undefined || tick.json<{ readonly seq: number }>().seq < frame.seq) return false
  }
  return true
}
