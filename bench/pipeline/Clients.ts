/** A separate process: WebSocket clients that read ticks, chains and marks, and record when each tick arrived. */
import type WebSocket from "ws"
import * as Child from "./Child.ts"
import * as Ticks from "./Ticks.ts"
import * as Universe from "./Universe.ts"

export interface Spec extends Universe.Spec {
  /** Port of the gateway. */
  readonly port: number
  readonly jwt: string
  readonly strategyIds: ReadonlyArray<number>
  /** Ticks a second of one instrument. A client subscribes to as many instruments as give about `ticksEach`. */
  readonly perInstrument: number
}
export interface Seen extends Ticks.Samples, Readonly<Ticks.Counts> {
  readonly chains: number
  readonly marks: number
  readonly closed: number
}

const spec = Child.specOf<Spec>()
const universe = Universe.make(spec)
const ticksEach = 100
const samplesMax = 200_000

const none = () => ({ chains: 0, marks: 0, closed: 0 })
let counts = none()
let ticks = Ticks.log(universe, samplesMax)

const take = (text: string, client: number, last: Map<number, number>): void => {
  if (text.startsWith('{"type":"tick"')) ticks.take(text, client, last)
  else {
    ticks.counts.conflated += Ticks.conflatedOf(text)
    if (text.startsWith('{"type":"update"')) counts.chains++
    else if (text.startsWith('{"type":"m2m"')) counts.marks++
  }
}

/** Eight of ten read ticks around the money of one underlying, one reads a chain, one a strategy. */
const wishOf = (at: number): { readonly path: string; readonly subscribe: object } => {
  const underlying = universe.underlyings[at % universe.underlyings.length]
  if (at % 10 === 8) return { path: "/fo/stream", subscribe: { symbol: underlying?.name, expiry: underlying?.expiry } }
  if (at % 10 === 9) return { path: "/strategies/stream", subscribe: { strategy_ids: [spec.strategyIds[at % spec.strategyIds.length]] } }
  const tokens = underlying?.nearest.slice(0, Math.max(1, Math.round(ticksEach / spec.perInstrument)))
  return { path: "/ws/ticks", subscribe: { tokens, mode: "full" } }
}

const connectOne = async (at: number): Promise<WebSocket> => {
  const last = new Map<number, number>()
  const socket = await Ticks.connect(spec, wishOf(at), (text) => take(text, at, last))
  return socket.on("close", () => {
    counts.closed++
  })
}

const open: Array<WebSocket> = []

Child.serve(
  {
    /** Connects the requested number of clients, all subscribed. */
    connect: async (count: number) => {
      while (open.length < count) {
        const more = Array.from({ length: Math.min(20, count - open.length) }, (_, i) => connectOne(open.length + i))
        open.push(...(await Promise.all(more)))
      }
    },
    begin: () => {
      counts = none()
      ticks = Ticks.log(universe, samplesMax)
    },
    end: (): Seen => ({ ...counts, ...ticks.counts, ...ticks.samples() })
  },
  () => {
    for (const socket of open) socket.terminate()
  }
)
