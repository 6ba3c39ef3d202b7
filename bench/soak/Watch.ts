/** What a soak reads while it runs: the bars, the breaks and the frames' headers in NATS, and the handles of the platform's process. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import type { JsMsg, NatsConnection } from "nats"
import type { Bars, Candle } from "../../src/domain/market/Bar.ts"
import type { Break } from "../../src/domain/record/Break.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import * as Machine from "../pipeline/Machine.ts"

/** Counts of the platform's process at one instant. */
export interface Handles {
  readonly atSeconds: number
  /** Resident memory, which garbage and fragments fill too. */
  readonly megabytes: number
  /** Memory after a garbage collection; NaN before the first one. */
  readonly heapMegabytes: number
  readonly descriptors: number
  /** The number of sockets among the descriptors. */
  readonly sockets: number
  readonly fibers: number
}

const fibersIn = (metrics: string): number => {
  const line = metrics.split("\n").find((one) => one.startsWith("effect_fiber_active"))
  return line === undefined ? Number.NaN : Number(line.split(" ").at(-1))
}

const heapBytes = (file: string): number => {
  try {
    return Number(readFileSync(file, "utf8"))
  } catch {
    return Number.NaN
  }
}

export const handlesOf = async (pid: number, metricsUrl: string, heapFile: string, atSeconds: number): Promise<Handles> => {
  const metrics = await (await fetch(metricsUrl, { headers: { connection: "close" } })).text()
  const targets = readdirSync(`/proc/${pid}/fd`).map((one) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${one}`)
    } catch {
      return ""
    }
  })
  return {
    atSeconds,
    megabytes: Machine.residentBytes(pid) / 1e6,
    heapMegabytes: heapBytes(heapFile) / 1e6,
    descriptors: targets.length,
    sockets: targets.filter((one) => one.startsWith("socket:")).length,
    fibers: fibersIn(metrics)
  }
}

/** Counts frames of an account that an older process published after a newer one, which would mean two owners at once. */
export class Owners {
  readonly #newest = new Map<string, { epoch: number; incarnation: number }>()
  readonly #numbers = new Map<string, number>()
  frames = 0
  doubles = 0

  take(subject: string, text: string | undefined): void {
    const header = FrameHeader.parse(text ?? "")
    if (header === undefined) return
    this.frames++
    const { account, epoch, incarnation, number } = header
    const newest = this.#newest.get(account)
    if (newest !== undefined && (incarnation < newest.incarnation || (incarnation === newest.incarnation && epoch !== newest.epoch)))
      this.doubles++
    if (newest === undefined || incarnation > newest.incarnation) this.#newest.set(account, { epoch, incarnation })
    const lane = `${account} ${incarnation} ${subject}`
    this.#numbers.set(lane, Math.max(number, this.#numbers.get(lane) ?? 0))
  }
}

const laneOf = ({ exchange, underlying }: { readonly exchange: string; readonly underlying: string }): string => `${exchange} ${underlying}`

interface Interruption {
  readonly fromMs: number
  /** Infinite until its end is stated. */
  readonly toMs: number
}

/** The interruptions that the record states: its breaks, and the time between the last frame of an account's ticker and the first of its next one. */
export class Interruptions {
  readonly #byLane = new Map<string, Map<string, Interruption>>()
  /** By lane and account, the newest incarnation and the time of its newest frame. */
  readonly #newest = new Map<string, { readonly incarnation: number; readonly atMs: number }>()
  messages = 0

  takeBreak(one: BreakText): void {
    this.messages++
    const fromMs = Date.parse(one.from)
    const toMs = one.to === null ? Number.POSITIVE_INFINITY : Date.parse(one.to)
    this.#put(laneOf(one), `${one.account} ${one.incarnation} ${one.cause} ${fromMs}`, { fromMs, toMs })
  }

  takeFrame(subject: string, text: string | undefined): void {
    const names = Subjects.Frame.match(subject)
    const header = FrameHeader.parse(text ?? "")
    if (names === undefined || header === undefined) return
    const { account, baseReceivedMs: atMs, incarnation } = header
    const lane = laneOf(names)
    const known = this.#newest.get(`${lane} ${account}`)
    if (known !== undefined && incarnation < known.incarnation) return
    this.#newest.set(`${lane} ${account}`, { incarnation, atMs })
    if (known === undefined || incarnation === known.incarnation) return
    this.#put(lane, `${account} ${incarnation} start`, { fromMs: known.atMs, toMs: atMs })
    for (const [id, { fromMs, toMs }] of this.#byLane.get(lane) ?? [])
      if (id.startsWith(`${account} `) && toMs === Number.POSITIVE_INFINITY) this.#put(lane, id, { fromMs, toMs: Math.max(fromMs, atMs) })
  }

  /** Whether packets of the lane may be missing in the minute that begins then. */
  overlaps(lane: string, minuteMs: number): boolean {
    return [...(this.#byLane.get(lane)?.values() ?? [])].some(({ fromMs, toMs }) => fromMs < minuteMs + 60_000 && toMs >= minuteMs)
  }

  #put(lane: string, id: string, one: Interruption): void {
    const all = this.#byLane.get(lane) ?? new Map<string, Interruption>()
    this.#byLane.set(lane, all)
    all.set(id, one)
  }
}

type BreakText = Omit<Break, "from" | "to"> & { readonly from: string; readonly to: string | null }

export interface Heard {
  /** By "SYMBOL minute": the newest closed bar. */
  readonly bars: Map<string, Candle>
  /** By symbol, the lane whose interruptions concern it. */
  readonly lanes: Map<string, string>
  readonly interruptions: Interruptions
  readonly owners: Owners
}

/** Reads from now on until it is stopped. After a NATS outage a read continues at its place. */
export const listen = async (nc: NatsConnection, symbols: ReadonlySet<string>) => {
  const heard: Heard = { bars: new Map(), lanes: new Map(), interruptions: new Interruptions(), owners: new Owners() }
  const read = async (stream: string, filterSubjects: ReadonlyArray<string>, take: (message: JsMsg) => void) => {
    const consumer = await nc.jetstream().consumers.get(stream, { filterSubjects: [...filterSubjects] })
    const messages = await consumer.consume()
    const done = (async () => {
      for await (const message of messages) take(message)
    })()
    return async () => {
      await messages.close()
      await done
    }
  }
  const stopBars = await read("MD_BARS", ["md.bar.1m.>"], (message) => {
    const { bars, exchange, tradingsymbol, underlying } = message.json<Bars>()
    if (!symbols.has(tradingsymbol)) return
    heard.lanes.set(tradingsymbol, laneOf({ exchange, underlying }))
    for (const bar of bars) if (bar.closed) heard.bars.set(`${tradingsymbol} ${bar.timestamp}`, bar)
  })
  // One read, so that breaks and starts come in the record's order.
  const stopRecord = await read("MD_FRAMES", ["md.break.>", "md.frame.>"], (message) => {
    if (Subjects.Break.match(message.subject) !== undefined) {
      heard.interruptions.takeBreak(message.json<BreakText>())
      return
    }
    const header = message.headers?.get(FrameHeader.name)
    heard.owners.take(message.subject, header)
    heard.interruptions.takeFrame(message.subject, header)
  })
  return {
    heard,
    stop: async () => {
      for (const stop of [stopBars, stopRecord]) await stop()
    }
  }
}
