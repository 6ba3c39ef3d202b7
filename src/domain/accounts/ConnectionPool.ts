/**
 * Which connection of an account carries which instrument. Connections are filled in their order, so gaps are used before another one opens.
 * A token never moves between connections. Limits: kite.trade/docs/connect/v3/websocket (3,000 instruments a connection, 3 connections an
 * api_key).
 */
import type { Decider } from "../Decider.ts"
import type { Mode, Wanted } from "./Subscription.ts"

/** The broker's limits. */
export const brokerTokensMax = 3_000
export const connectionsMax = 3
/** The third connection of an account carries the messages about its orders. */
export const marketConnectionsMax = connectionsMax - 1
/** The limit of instruments of one connection, unless the operator sets another. */
export const defaultTokensMax = 1_500

/** An open connection without market data for this long is mute while its instruments trade. */
export const muteAfterMs = 60_000
/**
 * A connection that becomes mute again and again may carry instruments that nobody trades. So each replacement doubles the time until the
 * next one, up to this many times.
 */
const doublingsMax = 4
/** A connection is replaced at most this many times for one underlying that stays silent, because trading in it may be halted. */
const replacementsOfPartMax = 3

/**
 * Times are ms of one clock that never steps. `dueSinceMs` is the instant since which data is due; undefined while none of its instruments
 * trades. `part` names an underlying whose packets came steadily. Without it, the values are those of the whole connection.
 */
export interface Hearing {
  readonly connection: number
  readonly part?: string
  readonly openedMs: number
  readonly lastDataMs: number | null
  readonly dueSinceMs: number | undefined
}

/** How long data has been due without coming, ms; 0 while none is due. */
export const silentMs = (nowMs: number, { openedMs, lastDataMs, dueSinceMs }: Omit<Hearing, "connection" | "part">): number =>
  dueSinceMs === undefined ? 0 : Math.max(0, nowMs - Math.max(openedMs, lastDataMs ?? 0, dueSinceMs))

export interface Change {
  readonly subscribe: Wanted
  readonly unsubscribe: ReadonlyArray<number>
  /**
   * The connections that should carry new tokens. If that connection has no room, or none is named, the first connection with room carries
   * the token.
   */
  readonly on?: ReadonlyMap<number, number>
}

export type Input =
  /** `ask` names the change in its answer. */
  | ({ readonly _tag: "Change"; readonly ask: number } & Change)
  /** The open connection has sent all messages for what was wanted of it. */
  | { readonly _tag: "Sent"; readonly connection: number; readonly wanted: Wanted }
  /** The time for this change is over: what was not sent is taken back. */
  | { readonly _tag: "Expired"; readonly ask: number }
  /** The open connections and their steady underlyings, heard at one instant. */
  | { readonly _tag: "Check"; readonly atMs: number; readonly hearings: ReadonlyArray<Hearing> }

export type Output =
  /** The connection must carry exactly these subscriptions. Without any it closes. */
  | { readonly _tag: "Want"; readonly connection: number; readonly wanted: Wanted }
  | { readonly _tag: "Already"; readonly token: number }
  /** The answer to a change: the tokens for which no connection has room, and those whose message did not leave in time. */
  | { readonly _tag: "Answered"; readonly ask: number; readonly noRoom: ReadonlyArray<number>; readonly late: ReadonlyArray<number> }
  /** `part` is the underlying that is silent; undefined if the whole connection is. */
  | { readonly _tag: "Replace"; readonly connection: number; readonly silentMs: number; readonly part: string | undefined }

interface Place {
  readonly mode: Mode
  /** False until the messages were sent. */
  readonly isSent: boolean
  /** The mode that was last sent; null before the first one. */
  readonly sentMode: Mode | null
}

interface Ask {
  readonly pending: Set<number>
  readonly noRoom: ReadonlyArray<number>
  readonly late: Array<number>
}

export interface State {
  /** By the connection's number, from 1. A connection without tokens has no entry. */
  readonly connections: Map<number, Map<number, Place>>
  /** The connection of each token. */
  readonly connectionOf: Map<number, number>
  readonly asks: Map<number, Ask>
  /** How often each connection was replaced in a row, as a whole ("") or because of an underlying. */
  readonly replacements: Map<number, Map<string, number>>
  /** Numbers of tokens since the start: subscribed, unsubscribed, and taken back because their message was not sent in time. */
  readonly totals: { subscribed: number; unsubscribed: number; late: number }
}

export interface Settings {
  readonly tokensMax: number
  /** The default is what the broker allows. */
  readonly connectionsMax?: number
}

const wantedOf = (places: ReadonlyMap<number, Place>): Wanted => new Map(Array.from(places, ([token, { mode }]) => [token, mode] as const))

const want = (state: State, touched: ReadonlySet<number>): ReadonlyArray<Output> =>
  [...touched]
    .sort((a, b) => a - b)
    .map((connection) => {
      const places = state.connections.get(connection) ?? new Map<number, Place>()
      if (places.size > 0) return { _tag: "Want", connection, wanted: wantedOf(places) }
      state.connections.delete(connection)
      state.replacements.delete(connection)
      return { _tag: "Want", connection, wanted: new Map() }
    })

const drop = (state: State, token: number, touched: Set<number>): void => {
  const connection = state.connectionOf.get(token)
  if (connection === undefined) return
  const places = state.connections.get(connection)
  if (places !== undefined && places.get(token)?.sentMode !== null) state.totals.unsubscribed++
  state.connectionOf.delete(token)
  places?.delete(token)
  touched.add(connection)
}

/** The preferred connection, or else the first one with room; a new one if none has room; undefined if the account is full. */
const roomFor = (
  state: State,
  { connectionsMax: most = connectionsMax, tokensMax }: Settings,
  preferred: number | undefined
): number | undefined => {
  const all = Array.from({ length: most }, (_, at) => at + 1)
  const order = preferred !== undefined && preferred >= 1 && preferred <= most ? [preferred, ...all] : all
  for (const connection of order) {
    const places = state.connections.get(connection)
    if (places === undefined) state.connections.set(connection, new Map())
    if ((places?.size ?? 0) < tokensMax) return connection
  }
  return undefined
}

const answered = (state: State): ReadonlyArray<Output> => {
  const outputs: Array<Output> = []
  for (const [ask, { pending, noRoom, late }] of state.asks) {
    if (pending.size > 0) continue
    state.asks.delete(ask)
    outputs.push({ _tag: "Answered", ask, noRoom, late })
  }
  return outputs
}

const onChange = (settings: Settings, state: State, { ask, on, subscribe, unsubscribe }: Change & { readonly ask: number }) => {
  const touched = new Set<number>()
  const already: Array<Output> = []
  const noRoom: Array<number> = []
  const pending = new Set<number>()
  for (const token of unsubscribe) {
    drop(state, token, touched)
    for (const other of state.asks.values()) other.pending.delete(token)
  }
  for (const [token, mode] of subscribe) {
    const present = state.connectionOf.get(token)
    const place = present === undefined ? undefined : state.connections.get(present)?.get(token)
    if (place?.mode === mode) {
      already.push({ _tag: "Already", token })
      if (!place.isSent) pending.add(token)
      continue
    }
    const connection = present ?? roomFor(state, settings, on?.get(token))
    if (connection === undefined) {
      noRoom.push(token)
      continue
    }
    state.connectionOf.set(token, connection)
    state.connections.get(connection)?.set(token, { mode, isSent: false, sentMode: place?.sentMode ?? null })
    touched.add(connection)
    pending.add(token)
  }
  state.asks.set(ask, { pending, noRoom, late: [] })
  return [...want(state, touched), ...already, ...answered(state)]
}

const onSent = (state: State, connection: number, wanted: Wanted) => {
  const places = state.connections.get(connection)
  if (places === undefined) return []
  for (const [token, place] of places) {
    if (place.isSent || wanted.get(token) !== place.mode) continue
    if (place.sentMode === null) state.totals.subscribed++
    places.set(token, { mode: place.mode, isSent: true, sentMode: place.mode })
    for (const ask of state.asks.values()) ask.pending.delete(token)
  }
  return answered(state)
}

/** Rolls back a change that was not sent in time: a new token is removed, and a changed mode returns to the one that was sent. */
const onExpired = (state: State, ask: number) => {
  const touched = new Set<number>()
  for (const token of state.asks.get(ask)?.pending ?? []) {
    state.totals.late++
    const connection = state.connectionOf.get(token)
    const places = connection === undefined ? undefined : state.connections.get(connection)
    const sentMode = places?.get(token)?.sentMode ?? null
    if (connection === undefined || places === undefined || sentMode === null) drop(state, token, touched)
    else {
      places.set(token, { mode: sentMode, isSent: true, sentMode })
      touched.add(connection)
    }
    for (const other of state.asks.values()) if (other.pending.delete(token)) other.late.push(token)
  }
  return [...want(state, touched), ...answered(state)]
}

const onCheck = (state: State, atMs: number, hearings: ReadonlyArray<Hearing>) => {
  const found = new Map<number, Extract<Output, { readonly _tag: "Replace" }>>()
  for (const hearing of hearings) {
    const { connection, lastDataMs, openedMs, part } = hearing
    if (!state.connections.has(connection)) continue
    const counts = state.replacements.get(connection) ?? new Map<string, number>()
    state.replacements.set(connection, counts)
    const name = part ?? ""
    if ((lastDataMs ?? 0) - openedMs > muteAfterMs) counts.delete(name)
    const replaced = counts.get(name) ?? 0
    const silent = silentMs(atMs, hearing)
    if (silent < muteAfterMs * 2 ** Math.min(replaced, doublingsMax)) continue
    if (part !== undefined && replaced >= replacementsOfPartMax) continue
    counts.set(name, replaced + 1)
    if (!found.has(connection)) found.set(connection, { _tag: "Replace", connection, silentMs: silent, part })
  }
  return [...found.values()]
}

/** `initial` returns a new state each time, because `decide` mutates the state it is given. */
export const make = (settings: Settings): Decider<State, Input, Output> => ({
  get initial() {
    return {
      connections: new Map(),
      connectionOf: new Map(),
      asks: new Map(),
      replacements: new Map(),
      totals: { subscribed: 0, unsubscribed: 0, late: 0 }
    }
  },
  decide: (state, input) => {
    switch (input._tag) {
      case "Change":
        return [state, onChange(settings, state, input)]
      case "Sent":
        return [state, onSent(state, input.connection, input.wanted)]
      case "Expired":
        return [state, onExpired(state, input.ask)]
      case "Check":
        return [state, onCheck(state, input.atMs, input.hearings)]
    }
  }
})

/** The number of tokens whose messages were sent, by connection. */
export const sentCounts = (state: State): ReadonlyMap<number, number> =>
  new Map(Array.from(state.connections, ([connection, places]) => [connection, [...places.values()].filter(({ isSent }) => isSent).length]))

/** The tokens whose messages were sent, with the mode that was sent. */
export const sentModes = (state: State): Wanted =>
  new Map(
    [...state.connections.values()].flatMap((places) =>
      Array.from(places).flatMap(([token, { isSent, mode }]) => (isSent ? [[token, mode] as const] : []))
    )
  )
