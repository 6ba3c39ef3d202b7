/** Ticks as clients of /ws/ticks receive them: which arrived, which did not, and when. */
import WebSocket from "ws"
import type * as Universe from "./Universe.ts"

/** Sampled ticks: row of the instrument, number of its tick, arrival time (UNIX ms), and client. */
export interface Samples {
  readonly row: Int32Array
  readonly tick: Int32Array
  readonly atMs: Float64Array
  readonly client: Int32Array
}
export interface Counts {
  ticks: number
  /** Bytes of the ticks' texts. */
  bytes: number
  /** Ticks that did not arrive although a later one of the instrument did. */
  missed: number
  /** Ticks that arrived twice or out of order. */
  disordered: number
  conflated: number
}

const handshakeMsMax = 15_000

const numberAfter = (text: string, name: string, from = 0): number => {
  const at = text.indexOf(name, from)
  return at < 0 ? Number.NaN : Number.parseInt(text.slice(at + name.length, at + name.length + 12), 10)
}

/** The conflated count of a frame of any stream, which is at its end. */
export const conflatedOf = (text: string): number => {
  const from = Math.max(0, text.length - 30)
  const number = numberAfter(text, '"conflated":', from)
  return Number.isNaN(number) ? 0 : number
}

/** The results of one time span. */
export const log = (universe: Universe.Universe, samplesMax: number) => {
  const counts: Counts = { ticks: 0, bytes: 0, missed: 0, disordered: 0, conflated: 0 }
  const samples: Array<readonly [row: number, tick: number, atMs: number, client: number]> = []
  return {
    counts,
    /** `last` has the client's newest number by row. */
    take: (text: string, client: number, last: Map<number, number>): void => {
      const atMs = Date.now()
      counts.ticks++
      counts.bytes += text.length
      counts.conflated += conflatedOf(text)
      const row = universe.rowOf.get(numberAfter(text, '"instrument_token":')) ?? -1
      const tick = numberAfter(text, '"volume":') - (universe.volumeBase[row] ?? 0)
      if (row < 0 || Number.isNaN(tick)) return
      const before = last.get(row)
      last.set(row, Math.max(tick, before ?? 0))
      if (before !== undefined && tick > before + 1) counts.missed += tick - before - 1
      if (before !== undefined && tick <= before) counts.disordered++
      if (samples.length < samplesMax) samples.push([row, tick, atMs, client])
    },
    samples: (): Samples => ({
      row: Int32Array.from(samples, ([row]) => row),
      tick: Int32Array.from(samples, ([, tick]) => tick),
      atMs: Float64Array.from(samples, ([, , atMs]) => atMs),
      client: Int32Array.from(samples, ([, , , client]) => client)
    })
  }
}

/** A client's socket, subscribed. `take` is called with every text except the answer. */
export const connect = (
  { port, jwt }: { readonly port: number; readonly jwt: string },
  { path, subscribe }: { readonly path: string; readonly subscribe: object },
  take: (text: string) => void
): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
      headers: { authorization: `Bearer ${jwt}` },
      perMessageDeflate: false
    })
    const tooLate = setTimeout(() => reject(new Error(`no answer on ${path}`)), handshakeMsMax)
    socket.on("open", () => socket.send(JSON.stringify({ action: "subscribe", ...subscribe })))
    socket.on("message", (data) => {
      const text = data.toString()
      if (text.startsWith('{"type":"subscribed"')) {
        clearTimeout(tooLate)
        resolve(socket)
      } else if (text.startsWith('{"type":"error"')) reject(new Error(`${path}: ${text}`))
      else take(text)
    })
    socket.on("error", reject)
  })
