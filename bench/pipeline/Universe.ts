import * as IndiaTime from "../../src/domain/IndiaTime.ts"
import type * as Instrument from "../../src/domain/market/Instrument.ts"
import * as Contracts from "../../src/simulator/Contracts.ts"

/** What identifies a market in every process of a run. The same spec gives the same market. */
export interface Spec {
  readonly underlyings: number
  readonly instruments: number
  readonly accounts: number
  /** UNIX ms from which expiries are counted. */
  readonly nowMs: number
}

export interface Underlying {
  readonly exchange: string
  readonly name: string
  /** Rupees. */
  readonly spot: number
  readonly expiry: string
  /** Tokens of its options of the nearest expiry, the nearest to the money first. */
  readonly nearest: ReadonlyArray<number>
  readonly strategyLegs: ReadonlyArray<{ readonly instrument: Instrument.Instrument; readonly direction: "BUY" | "SELL" }>
}

export interface Universe {
  readonly spec: Spec
  readonly accounts: ReadonlyArray<Account>
  readonly underlyings: ReadonlyArray<Underlying>
  /** Mixed over the underlyings like a broker's messages. Row i belongs to account i % accounts. */
  readonly instruments: ReadonlyArray<Instrument.Instrument>
  readonly rowOf: ReadonlyMap<number, number>
  /** By row: index of its underlying. */
  readonly underlyingOf: ReadonlyArray<number>
  /** By row: a packet's volume is this plus the number of its tick, from 1. */
  readonly volumeBase: ReadonlyArray<number>
}

export interface Account {
  readonly accountId: string
  readonly apiKey: string
  readonly apiSecret: string
  readonly userId: string
}

export const owner = "bench"

/** mulberry32: the same numbers in every run. */
export const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

const account = (at: number): Account => ({
  accountId: `bench${at + 1}`,
  apiKey: `benchkey${at + 1}`,
  apiSecret: `benchsecret${at + 1}`,
  userId: `BENCH${at + 1}`
})

const strikesEachExpiry = 100
const firstExchangeToken = 50_000

/** NIFTY first, then shares with invented names. */
const underlyingAt = (at: number): Contracts.Underlying & { readonly spot: number } => {
  const nifty = Contracts.underlyingByName.get("NIFTY")
  if (at === 0 && nifty !== undefined) return { ...nifty, spot: 24_500 }
  const spot = 200 + 37 * at
  const name = `STOCK${String(at).padStart(3, "0")}`
  const strikeStep = 100 * Math.max(1, Math.round(spot / 500))
  return {
    name,
    symbol: name,
    token: (2_000 + at) * 256 + 1,
    exchange: "NSE",
    derivatives: "NFO",
    lotSize: 100,
    strikeStep,
    spotTick: 5,
    futureTick: 5,
    optionTick: 5,
    spot
  }
}

/** Spot, nearest future and the remaining number of options, expiry by expiry, from the lowest strike up. */
const contractsOf = (of: ReturnType<typeof underlyingAt>, count: number, expiries: ReadonlyArray<string>, firstToken: number) => {
  const options = count - 2
  const used = Math.min(expiries.length, Math.max(1, Math.ceil(options / (2 * strikesEachExpiry))))
  const strikes = Math.ceil(options / (2 * used))
  const first = of.strikeStep * (Math.round((of.spot * 100) / of.strikeStep) - Math.floor(strikes / 2))
  const wanted = expiries.slice(0, used).flatMap((expiry) =>
    Array.from({ length: strikes }, (_, i) => first + i * of.strikeStep).flatMap((strike) => [
      { expiry, strike, type: "CE" as const },
      { expiry, strike, type: "PE" as const }
    ])
  )
  return [
    Contracts.spotInstrument(of),
    Contracts.contract(of, firstToken, expiries[0] ?? "", 0, "FUT"),
    ...wanted.slice(0, options).map(({ expiry, strike, type }, i) => Contracts.contract(of, firstToken + 1 + i, expiry, strike, type))
  ]
}

const describe = (of: ReturnType<typeof underlyingAt>, own: ReadonlyArray<Instrument.Instrument>): Underlying => {
  const expiry = own[1]?.expiry ?? ""
  const away = ({ strike }: Instrument.Instrument) => Math.abs(strike - of.spot * 100)
  const near = own.filter((one) => one.strike > 0 && one.expiry === expiry).toSorted((a, b) => away(a) - away(b))
  const side = (type: string) => near.filter(({ instrumentType }) => instrumentType === type)
  const legs = [side("CE")[0], side("PE")[0], side("CE")[2], side("PE")[2]]
  return {
    exchange: of.exchange,
    name: of.name,
    spot: of.spot,
    expiry,
    nearest: near.map(({ token }) => token),
    strategyLegs: legs.flatMap((instrument, at) =>
      instrument === undefined ? [] : [{ instrument, direction: at < 2 ? "SELL" : "BUY" } as const]
    )
  }
}

/** More volume near the money, so that the forward comes from the same strikes as in a real market. */
const volumeBaseOf = ({ strike }: Instrument.Instrument, spot: number): number =>
  strike === 0 ? 5_000_000 : 100_000 + Math.round(3_000_000 * Math.exp(-(((strike / 100 / spot - 1) / 0.03) ** 2)))

export const make = (spec: Spec): Universe => {
  const weekly = Contracts.underlyingByName.get("NIFTY") as Contracts.Underlying
  const expiries = Contracts.nextExpiries(weekly, spec.nowMs + IndiaTime.dayMs, 20)
  const each = Math.floor(spec.instruments / spec.underlyings)
  const more = spec.instruments % spec.underlyings
  const all: Array<{ readonly instrument: Instrument.Instrument; readonly underlying: number }> = []
  const underlyings: Array<Underlying> = []
  let token = firstExchangeToken
  for (let at = 0; at < spec.underlyings; at++) {
    const of = underlyingAt(at)
    const own = contractsOf(of, each + (at < more ? 1 : 0), expiries, token)
    token += own.length
    underlyings.push(describe(of, own))
    for (const instrument of own) all.push({ instrument, underlying: at })
  }
  const next = random(3)
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(next() * (at + 1))
    const [a, b] = [all[at], all[other]]
    if (a !== undefined && b !== undefined) [all[at], all[other]] = [b, a]
  }
  return {
    spec,
    accounts: Array.from({ length: spec.accounts }, (_, at) => account(at)),
    underlyings,
    instruments: all.map(({ instrument }) => instrument),
    rowOf: new Map(all.map(({ instrument }, row) => [instrument.token, row])),
    underlyingOf: all.map(({ underlying }) => underlying),
    volumeBase: all.map(({ instrument, underlying }) => volumeBaseOf(instrument, underlyings[underlying]?.spot ?? 1))
  }
}

/** A strategy to create before a run. */
export interface Wanted {
  readonly owner: string
  readonly name: string
  readonly legs: Underlying["strategyLegs"]
}

const legsEach = 4
/** The strikes near the money that many strategies choose their legs from. */
const nearMax = 40
/** Strategies of one user: fewer than the platform's own limit. */
const eachOwnerMax = 1_000

/** `count` strategies of four legs, spread over all underlyings and the strikes near the money. There are as many users as are needed. */
export const manyStrategies = ({ instruments, rowOf, underlyings }: Universe, count: number): ReadonlyArray<Wanted> =>
  Array.from({ length: count }, (_, at) => {
    const { name, nearest } = underlyings[at % underlyings.length] as Underlying
    const near = nearest.slice(0, nearMax)
    const round = Math.floor(at / underlyings.length)
    const legs = Array.from({ length: legsEach }, (_, leg) => {
      const instrument = instruments[rowOf.get(near[(round * 3 + leg * 7) % near.length] ?? 0) ?? -1]
      return instrument === undefined ? [] : [{ instrument, direction: leg % 2 === 0 ? ("SELL" as const) : ("BUY" as const) }]
    }).flat()
    return { owner: at < eachOwnerMax ? owner : `${owner}${Math.floor(at / eachOwnerMax)}`, name: `${name} ${round}`, legs }
  })

/** Strategies of a run: one on each of the first underlyings. */
export const strategiesMax = 20
export const strategiesOf = (universe: Universe): ReadonlyArray<Underlying> => universe.underlyings.slice(0, strategiesMax)
export const fewStrategies = (universe: Universe): ReadonlyArray<Wanted> =>
  strategiesOf(universe).map(({ name, strategyLegs }) => ({ owner, name, legs: strategyLegs }))
