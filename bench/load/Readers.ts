/** A separate process: WebSocket clients of /ws/ticks that record when each tick arrived, and how long their pings take. */
import type WebSocket from "ws"
import * as Child from "../pipeline/Child.ts"
import * as Ticks from "../pipeline/Ticks.ts"
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
export interface Seen extends Ticks.Samples, Readonly<Ticks.Counts> {
  readonly closed: number
  /** Milliseconds from when a ping was due to its pong. */
  readonly pings: Float64Array
}

const spec = Child.specOf<Spec>()
const universe = Universe.make(spec)
const connectingMax = 20
/** About half a minute of the heaviest part. */
const samplesMax = 400_000

interface Reader {
  readonly socket: WebSocket
  /** When the unanswered pings were due. */
  readonly pings: Array<number>
}

let closed = 0
let ticks = Ticks.log(universe, samplesMax)
let pings: Array<number> = []
let readers: Array<Reader> = []
let pinging: NodeJS.Timeout | undefined

const connectOne = async (wish: Wish, rows: ReadonlyArray<number>, client: number): Promise<Reader> => {
  const tokens = rows.map((row) => universe.instruments[row]?.token ?? 0)
  const last = new Map<number, number>()
  const due: Array<number> = []
  const socket = await Ticks.connect(wish, { path: "/ws/ticks", subscribe: { tokens, mode: "full" } }, (text) => {
    if (text.startsWith('{"type":"tick"')) ticks.take(text, client, last)
    else if (text.startsWith('{"type":"pong"')) pings.push(performance.now() - (due.shift() ?? Number.NaN))
  })
  socket.on("close", () => {
    closed++
  })
  return { socket, pings: due }
}

/** Clients ping in turn, each at a different instant. */
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
  const seen = { ...ticks.counts, ...ticks.samples(), closed, pings: Float64Array.from(pings) }
  closed = 0
  ticks = Ticks.log(universe, samplesMax)
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
    ticks: () => ticks.counts.ticks,
    take,
    disconnect
  },
  disconnect
)
