/** Clients of ticks, chains and marks that remember how old the newest value is that each of them holds. */
import type WebSocket from "ws"
import * as Ticks from "../pipeline/Ticks.ts"
import type * as World from "../pipeline/World.ts"

export const kinds = ["ticks", "chains", "marks"] as const
export type Kind = (typeof kinds)[number]

interface Client {
  readonly kind: Kind
  readonly socket: WebSocket
  /** Market time of the newest value, UNIX ms; NaN before the first one. */
  newestMs: number
}

/** Each kind's message, and its field with the time of its values. */
const forms: Readonly<Record<Kind, { readonly start: string; readonly time: string }>> = {
  ticks: { start: '{"type":"tick"', time: '"timestamp":"' },
  chains: { start: '{"type":"update"', time: '"as_of":"' },
  marks: { start: '{"type":"m2m"', time: '"as_of":"' }
}

const timeOf = (text: string, { start, time }: (typeof forms)[Kind]): number => {
  if (!text.startsWith(start)) return Number.NaN
  const at = text.indexOf(time)
  return at < 0 ? Number.NaN : Date.parse(text.slice(at + time.length, text.indexOf('"', at + time.length)))
}

const wishes = ({ strategyIds, universe }: World.World) => [
  ...universe.underlyings.map(({ nearest }) => ({ kind: "ticks", path: "/ws/ticks", subscribe: { tokens: nearest.slice(0, 1) } }) as const),
  ...universe.underlyings.map(({ expiry, name }) => ({ kind: "chains", path: "/fo/stream", subscribe: { symbol: name, expiry } }) as const),
  ...strategyIds.map((id) => ({ kind: "marks", path: "/strategies/stream", subscribe: { strategy_ids: [id] } }) as const)
]

/** One client of ticks and one of the chain for each underlying, and one for each strategy. */
export const connect = async (world: World.World) => {
  const clients: Array<Client> = []
  for (const { kind, path, subscribe } of wishes(world)) {
    const form = forms[kind]
    const take = (text: string): void => {
      const atMs = timeOf(text, form)
      if (!Number.isNaN(atMs) && client !== undefined)
        client.newestMs = Math.max(atMs, Number.isNaN(client.newestMs) ? atMs : client.newestMs)
    }
    let client: Client | undefined
    const socket = await Ticks.connect(world, { path, subscribe }, take)
    client = { kind, socket, newestMs: Number.NaN }
    clients.push(client)
  }
  return {
    /** The largest age of the newest values that this kind's clients hold, in ms; Infinity until each client has one. */
    ageMs: (kind: Kind, nowMs: number): number => {
      const ages = clients.filter((one) => one.kind === kind).map(({ newestMs }) => nowMs - newestMs)
      return ages.length === 0 || ages.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...ages)
    },
    stop: () => {
      for (const { socket } of clients) socket.terminate()
    }
  }
}
export type Held = Awaited<ReturnType<typeof connect>>
