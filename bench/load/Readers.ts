/** A process of its own: WebSocket clients of /ws/ticks that note when each tick came, and how long a ping of theirs takes. */
import WebSocket from "ws"
import * as Child from "../pipeline/Child.ts"
import * as Universe from "../pipeline/Universe.ts"

export interface Spec extends Universe.Spec {
  readonly pingsPerSecond: number
}
export interface Wish {
  readonly port: number
  readonly jwt: string
  /** Rows of the universe, client by client. */
  readonly rows: ReadonlyArray<ReadonlyArray<number>>
}
export interface Seen {
  /** Ticks of instruments that number them: row, number, when it came (UNIX ms), and which client it came to. */
  readonly row: Int32Array
  readonly tick: Int32Array
  readonly atMs: Float64Array
  readonly client: Int32Array
  readonly messages: number
  readonly bytes: number
  readonly missed: number
  /** Came again or out of order. */
  readonly disordered: number
  readonly conflated: number
  readonly closed: number
  /** From when a ping was due to its pong, ms. */
  readonly pings: Float64Array
}

const spec = Child.specOf<Spec>()
const universe = Universe.make(spec)
const handshakeMsMax = 15_000
const connectingMax = 20
/** About half a minute of what the heaviest part brings. */
const samplesMax = 400_000

interface Reader {
  readonly socket: WebSocket
  /** Newest number by row. */
  readonly last: Map<number, number>
  readonly pings: Array<number>
}

const none = () => ({ messages: 0, bytes: 0, missed: 0, disordered: 0, conflated: 0, closed: 0 })
let counts = none()
let samples: Array<readonly [row: number, tick: number, atMs: number, client: number]> = []
let pings: Array<number> = []
let readers: Array<Reader> = []
let pinging: NodeJS.Timeout | undefined

const numberAfter = (text: string, name: string): number => {
  const at = text.indexOf(name)
  return at < 0 ? Number.NaN : Number.parseInt(text.slice(at + name.length, at + name.length + 12), 10)
}

const takeTick = (text: string, client: number, last: Map<number, number>): void => {
  const atMs = Date.now()
  const row = universe.rowOf.get(numberAfter(text, '"instrument_token":')) ?? -1
  const tick = numberAfter(text, '"volume":') - (universe.volumeBase[row] ?? 0)
  counts.messages++
  counts.bytes += text.length
  if (text.endsWith("}") && text.lastIndexOf('"conflated":') > text.length - 30) counts.conflated++
  if (row < 0 || Number.isNaN(tick)) return
  const before = last.get(row)
  last.set(row, Math.max(tick, before ?? 0))
  if (before !== undefined && tick > before + 1) counts.missed += tick - before - 1
  if (before !== undefined && tick <= before) counts.disordered++
  if (samples.length < samplesMax) samples.push([row, tick, atMs, client])
}

const connectOne = ({ port, jwt }: Wish, rows: ReadonlyArray<number>, client: number): Promise<Reader> =>
  new Promise((resolve, reject) => {
    const tokens = rows.map((row) => universe.instruments[row]?.token ?? 0)
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/ticks`, {
      headers: { authorization: `Bearer ${jwt}` },
      perMessageDeflate: false
    })
    const reader: Reader = { socket, last: new Map(), pings: [] }
    const tooLate = setTimeout(() => reject(new Error(`client ${client} got no answer`)), handshakeMsMax)
    socket.on("open", () => socket.send(JSON.stringify({ action: "subscribe", tokens, mode: "full" })))
    socket.on("message", (data) => {
      const text = data.toString()
      if (text.startsWith('{"type":"tick"')) takeTick(text, client, reader.last)
      else if (text.startsWith('{"type":"pong"')) pings.push(performance.now() - (reader.pings.shift() ?? Number.NaN))
      else if (text.startsWith('{"type":"subscribed"')) {
        clearTimeout(tooLate)
        resolve(reader)
      } else if (text.startsWith('{"type":"error"')) reject(new Error(`client ${client}: ${text}`))
    })
    socket.on("close", () => {
      counts.closed++
    })
    socket.on("error", reject)
  })

/** Clients ping in turn, each at its own instant. */
const ping = (): void => {
  const startMs = performance.now()
  let sent = 0
  pinging = setInterval(() => {
    for (;;) {
      const dueMs = startMs + (sent * 1_000) / spec.pingsPerSecond
      const reader = readers[sent % readers.length]
      if (dueMs > performance.now() || reader === undefined) return
      sent++
      reader.pings.push(dueMs)
      reader.socket.send('{"action":"ping"}')
    }
  }, 1)
}

const take = (): Seen => {
  const seen = {
    ...counts,
    row: Int32Array.from(samples, ([row]) => row),
    tick: Int32Array.from(samples, ([, tick]) => tick),
    atMs: Float64Array.from(samples, ([, , atMs]) => atMs),
    client: Int32Array.from(samples, ([, , , client]) => client),
    pings: Float64Array.from(pings)
  }
  counts = none()
  samples = []
  pings = []
  return seen
}

const disconnect = (): void => {
  clearInterval(pinging)
  for (const { socket } of readers) socket.terminate()
  readers = []
}

Child.serve(
  {
    /** All of them subscribed. */
    connect: async (wish: Wish) => {
      for (let at = 0; at < wish.rows.length; at += connectingMax) {
        const some = wish.rows.slice(at, at + connectingMax)
        readers.push(...(await Promise.all(some.map((rows, i) => connectOne(wish, rows, at + i)))))
      }
      ping()
      take()
    },
    messages: () => counts.messages,
    take,
    disconnect
  },
  disconnect
)
