/** What a soak reads while it runs: the bars, the breaks and the frames' headers in NATS, and the handles of the platform's process. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import type { JsMsg, NatsConnection } from "nats"
import type { Bars, Candle } from "../../src/domain/market/Bar.ts"
import type { Break } from "../../src/domain/record/Break.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import * as Machine from "../pipeline/Machine.ts"

/** Counts of the platform's process at one instant. */
export interface Handles {
  readonly atSeconds: number
  /** Resident memory, which garbage and fragments fill too. */
  readonly megabytes: number
  /** What is left after a collection of garbage; not a number before the first one. */
  readonly heapMegabytes: number
  readonly descriptors: number
  /** Of these, the sockets. */
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

/** Frames of an account that an older process published after a newer one: two owners at once. */
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

export interface Heard {
  /** By "SYMBOL minute": the newest closed bar. */
  readonly bars: Map<string, Candle>
  readonly breaks: Array<{ readonly account: string; readonly fromMs: number; readonly toMs: number }>
  readonly owners: Owners
}

/** Reads from now on until it is stopped. A read that a NATS outage ended goes on where it was. */
export const listen = async (nc: NatsConnection, symbols: ReadonlySet<string>) => {
  const heard: Heard = { bars: new Map(), breaks: [], owners: new Owners() }
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
    const { tradingsymbol, bars } = message.json<Bars>()
    if (!symbols.has(tradingsymbol)) return
    for (const bar of bars) if (bar.closed) heard.bars.set(`${tradingsymbol} ${bar.timestamp}`, bar)
  })
  const stopBreaks = await read("MD_FRAMES", ["md.break.>"], (message) => {
    const { account, from, to } = message.json<Omit<Break, "from" | "to"> & { readonly from: string; readonly to: string | null }>()
    heard.breaks.push({ account, fromMs: Date.parse(from), toMs: to === null ? Number.POSITIVE_INFINITY : Date.parse(to) })
  })
  const stopFrames = await read("MD_FRAMES", ["md.frame.>"], (message) =>
    heard.owners.take(message.subject, message.headers?.get(FrameHeader.name))
  )
  return {
    heard,
    stop: async () => {
      for (const stop of [stopBars, stopBreaks, stopFrames]) await stop()
    }
  }
}
