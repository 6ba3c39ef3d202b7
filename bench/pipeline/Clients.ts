/** A process of its own: WebSocket clients that read ticks, chains and marks, and note when each tick came. */
import WebSocket from "ws"
import * as Child from "./Child.ts"
import * as Universe from "./Universe.ts"

export interface Spec extends Universe.Spec {
  /** ws://host:port of the gateway. */
  readonly url: string
  readonly jwt: string
  readonly strategyIds: ReadonlyArray<number>
  /** Ticks a second of one instrument: a client takes as many instruments as make about `ticksEach`. */
  readonly perInstrument: number
}
export interface Seen {
  /** Sampled ticks: row of the instrument, number of its tick, when it came (UNIX ms). */
  readonly row: Int32Array
  readonly tick: Int32Array
  readonly atMs: Float64Array
  readonly ticks: number
  /** Ticks that did not come although a later one of the instrument did. */
  readonly missed: number
  /** Ticks that came again or out of order. */
  readonly disordered: number
  readonly conflated: number
  readonly chains: number
  readonly marks: number
  readonly closed: number
}

const spec = Child.specOf<Spec>()
const universe = Universe.make(spec)
const ticksEach = 100
const samplesMax = 200_000
const handshakeMsMax = 15_000

let counts = { ticks: 0, missed: 0, disordered: 0, conflated: 0, chains: 0, marks: 0, closed: 0 }
let samples: Array<[row: number, tick: number, atMs: number]> = []
let isMeasuring = false

const numberAfter = (text: string, name: string, from = 0): number => {
  const at = text.indexOf(name, from)
  return at < 0 ? Number.NaN : Number.parseInt(text.slice(at + name.length, at + name.length + 12), 10)
}

const takeTick = (text: string, lastByRow: Map<number, number>): void => {
  const atMs = Date.now()
  const row = universe.rowOf.get(numberAfter(text, '"instrument_token":')) ?? -1
  const tick = numberAfter(text, '"volume":') - (universe.volumeBase[row] ?? 0)
  const last = lastByRow.get(row)
  lastByRow.set(row, Math.max(tick, last ?? 0))
  if (!isMeasuring || Number.isNaN(tick)) return
  counts.ticks++
  if (last !== undefined && tick > last + 1) counts.missed += tick - last - 1
  if (last !== undefined && tick <= last) counts.disordered++
  if (samples.length < samplesMax) samples.push([row, tick, atMs])
}

const take = (text: string, lastByRow: Map<number, number>): void => {
  if (text.startsWith('{"type":"tick"')) takeTick(text, lastByRow)
  else if (isMeasuring && text.startsWith('{"type":"update"')) counts.chains++
  else if (isMeasuring && text.startsWith('{"type":"m2m"')) counts.marks++
  // A conflated frame says so at its end.
  if (isMeasuring && text.endsWith("}") && text.lastIndexOf('"conflated":') > text.length - 30)
    counts.conflated += numberAfter(text, '"conflated":', text.length - 30)
}

/** Eight of ten read ticks around the money of one underlying, one a chain, one a strategy. */
const wishOf = (at: number): { readonly path: string; readonly subscribe: object } => {
  const underlying = universe.underlyings[at % universe.underlyings.length]
  if (at % 10 === 8) return { path: "/fo/stream", subscribe: { symbol: underlying?.name, expiry: underlying?.expiry } }
  if (at % 10 === 9) return { path: "/strategies/stream", subscribe: { strategy_ids: [spec.strategyIds[at % spec.strategyIds.length]] } }
  const tokens = underlying?.nearest.slice(0, Math.max(1, Math.round(ticksEach / spec.perInstrument)))
  return { path: "/ws/ticks", subscribe: { tokens, mode: "full" } }
}

const connectOne = (at: number): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const { path, subscribe } = wishOf(at)
    const socket = new WebSocket(`${spec.url}${path}`, { headers: { authorization: `Bearer ${spec.jwt}` }, perMessageDeflate: false })
    const tooLate = setTimeout(() => reject(new Error(`client ${at} got no answer on ${path}`)), handshakeMsMax)
    const lastByRow = new Map<number, number>()
    socket.on("open", () => socket.send(JSON.stringify({ action: "subscribe", ...subscribe })))
    socket.on("message", (data) => {
      const text = data.toString()
      if (text.startsWith('{"type":"subscribed"')) {
        clearTimeout(tooLate)
        resolve(socket)
      } else if (text.startsWith('{"type":"error"')) reject(new Error(`client ${at} on ${path}: ${text}`))
      else take(text, lastByRow)
    })
    socket.on("close", () => {
      counts.closed++
    })
    socket.on("error", reject)
  })

const open: Array<WebSocket> = []

Child.serve(
  {
    /** As many clients as asked for, all subscribed. */
    connect: async (count: number) => {
      while (open.length < count) {
        const more = Array.from({ length: Math.min(20, count - open.length) }, (_, i) => connectOne(open.length + i))
        open.push(...(await Promise.all(more)))
      }
    },
    begin: () => {
      counts = { ticks: 0, missed: 0, disordered: 0, conflated: 0, chains: 0, marks: 0, closed: 0 }
      samples = []
      isMeasuring = true
    },
    end: (): Seen => {
      isMeasuring = false
      return {
        ...counts,
        row: Int32Array.from(samples, ([row]) => row),
        tick: Int32Array.from(samples, ([, tick]) => tick),
        atMs: Float64Array.from(samples, ([, , atMs]) => atMs)
      }
    }
  },
  () => {
    for (const socket of open) socket.terminate()
  }
)
