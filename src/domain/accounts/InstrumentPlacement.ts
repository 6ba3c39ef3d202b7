/**
 * Which account streams which instrument, on which of its connections. An instrument's home is the account of its subscription. While this
 * account cannot stream, another account of the same broker streams the instrument instead. An instrument is added at its new place before
 * it is dropped at the old one, so that no packet is missed. The result depends only on the present places and the accounts' health.
 */

/** `unknown`: the account has not reported lately. Its instruments stay there, and it gets no new ones. */
export type Health = "well" | "unwell" | "unknown"

export interface Account {
  readonly id: string
  /** Only accounts at the same broker stream instruments for one another. */
  readonly broker: string
  readonly health: Health
}

export interface Place {
  readonly account: string
  /** The number of the connection, from 1. */
  readonly connection: number
}

/** By token, the places that are to stream it. During a move there is more than one. */
export type Places = ReadonlyMap<number, ReadonlyArray<Place>>

export interface Settings {
  readonly connectionsMax: number
  readonly tokensMax: number
}

export interface Question {
  readonly accounts: ReadonlyArray<Account>
  /** The home of each wanted token. If the home is not among the accounts, nobody streams the token. */
  readonly wanted: ReadonlyMap<number, string>
  /** The present places. */
  readonly held: Places
  /** Whether the instrument's packets come from this place. */
  readonly delivers: (token: number, place: Place) => boolean
}

/** How many instruments each connection of each account has. */
class Rooms {
  readonly #used = new Map<string, Array<number>>()
  readonly #settings: Settings

  constructor(settings: Settings) {
    this.#settings = settings
  }

  load(account: string): number {
    return (this.#used.get(account) ?? []).reduce((sum, count) => sum + count, 0)
  }
  take({ account, connection }: Place): void {
    const used = this.#used.get(account) ?? Array.from({ length: this.#settings.connectionsMax }, () => 0)
    this.#used.set(account, used)
    used[connection - 1] = (used[connection - 1] ?? 0) + 1
  }
  release({ account, connection }: Place): void {
    const used = this.#used.get(account)
    if (used !== undefined) used[connection - 1] = (used[connection - 1] ?? 1) - 1
  }
  /** The first connection with room: gaps are used before another connection opens. */
  free(account: string): Place | undefined {
    const { connectionsMax, tokensMax } = this.#settings
    const used = this.#used.get(account) ?? []
    for (let connection = 1; connection <= connectionsMax; connection++)
      if ((used[connection - 1] ?? 0) < tokensMax) return { account, connection }
    return undefined
  }
}

/** The present places that still make sense: of known accounts of the home's broker, within the limits. */
const present = (
  settings: Settings,
  { held, wanted }: Question,
  known: ReadonlyMap<string, Account>,
  token: number
): ReadonlyArray<Place> => {
  const broker = known.get(wanted.get(token) ?? "")?.broker
  return (held.get(token) ?? []).filter(
    ({ account, connection }) => known.get(account)?.broker === broker && connection <= settings.connectionsMax
  )
}

/** The account that should stream an instrument: its home; otherwise the one that streams it already, or the one with the fewest. */
const chosen = (home: Account, places: ReadonlyArray<Place>, peers: ReadonlyArray<Account>, rooms: Rooms): Place | undefined => {
  const at = (account: string) => places.find((place) => place.account === account) ?? rooms.free(account)
  const others = places.filter(({ account }) => account !== home.id)
  const healthOf = (account: string) => peers.find(({ id }) => id === account)?.health
  const standing =
    others.findLast(({ account }) => healthOf(account) === "well") ?? others.findLast(({ account }) => healthOf(account) === "unknown")
  // The home account is the one to which the instrument is assigned. While its health is unknown, the instrument stays where it is.
  if (home.health === "well" || (home.health === "unknown" && standing === undefined)) {
    const place = at(home.id)
    if (place !== undefined) return place
  }
  if (standing !== undefined) return standing
  let best: { readonly place: Place; readonly load: number } | undefined
  for (const { id, health } of peers) {
    if (health !== "well" || id === home.id) continue
    const place = rooms.free(id)
    const load = rooms.load(id)
    if (place !== undefined && (best === undefined || load < best.load)) best = { place, load }
  }
  // No other account can take the instrument over. So its home account keeps it, and keeps trying to stream it.
  return best?.place ?? at(home.id)
}

const isSame = (one: Place, other: Place): boolean => one.account === other.account && one.connection === other.connection

/** The places after one step. When all of them deliver and no health changes, a further step changes nothing. */
export const step = (settings: Settings, question: Question): Places => {
  const accounts = [...question.accounts].sort((a, b) => (a.id < b.id ? -1 : 1))
  const known = new Map(accounts.map((account) => [account.id, account]))
  const peersOf = new Map<string, ReadonlyArray<Account>>()
  for (const account of accounts) peersOf.set(account.broker, [...(peersOf.get(account.broker) ?? []), account])
  const rooms = new Rooms(settings)
  const tokens = [...question.wanted.keys()].sort((a, b) => a - b)
  const before = new Map(tokens.map((token) => [token, present(settings, question, known, token)]))
  for (const places of before.values()) for (const place of places) rooms.take(place)

  const after = new Map<number, ReadonlyArray<Place>>()
  for (const token of tokens) {
    const home = known.get(question.wanted.get(token) ?? "")
    const places = before.get(token) ?? []
    const target = home === undefined ? undefined : chosen(home, places, peersOf.get(home.broker) ?? [], rooms)
    if (target === undefined) {
      if (places.length > 0) after.set(token, places)
      continue
    }
    const isNew = !places.some((place) => isSame(place, target))
    if (isNew) rooms.take(target)
    const others = places.filter((place) => !isSame(place, target))
    const delivering = others.filter((place) => question.delivers(token, place))
    const kept = !isNew && question.delivers(token, target) ? [] : delivering.length > 0 ? delivering : others.slice(0, 1)
    for (const place of others) if (!kept.includes(place)) rooms.release(place)
    after.set(token, [...kept, target])
  }
  return after
}
