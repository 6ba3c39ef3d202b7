import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Life from "../../domain/market/Life.ts"
import type * as ChainMessage from "../../domain/options/ChainMessage.ts"
import type * as ExpiryInstant from "../../domain/rules/ExpiryInstant.ts"

/** The last published row of one option. `seq` is its sequence in OPT. */
export interface Row {
  readonly seq: number
  readonly strike: number
  readonly side: "CE" | "PE"
  readonly instrument_token: number
  readonly last_price: number | null
  readonly bid: number | null
  readonly ask: number | null
  readonly volume: number | null
  readonly oi: number | null
  readonly oi_change: number | null
  readonly price_change: number | null
  readonly iv: number | null
  readonly delta: number | null
  readonly gamma: number | null
  readonly theta: number | null
  readonly vega: number | null
  readonly rho: number | null
  readonly time: string | null
  readonly priced_at: string | null
  readonly quality: ChainMessage.Quality
}

/** The values of the whole chain; `seq` as in a row. */
export interface Head {
  readonly seq: number
  readonly as_of: string
  /** The instant from which the option time of its rows is counted: `as_of` while the options trade. */
  readonly valued_at: string
  readonly spot: number | null
  readonly forward: number | null
  readonly atm_strike: number | null
  readonly max_pain: number | null
  readonly pcr_oi: number | null
  readonly pcr_volume: number | null
  readonly call_oi: number
  readonly put_oi: number
  readonly oi_coverage: NonNullable<ChainMessage.Chain["oi_coverage"]> | null
  readonly oi_change_from: ChainMessage.Chain["oi_change_from"]
}

/** The last price of an underlying or future, and when it was made, by the exchange's time. */
export interface Price {
  readonly last_price: number | null
  readonly as_of: string
}

export interface Chain {
  readonly exchange: string
  readonly underlying: string
  readonly expiry: string
  readonly rows: Map<number, Row>
  head: Head
}

/** What a message changed: the strikes, or "all" if it replaced the chain. */
export interface Change {
  readonly chain: Chain
  readonly strikes: ReadonlySet<number> | "all"
}

/** An expired chain is kept this long in market time, so that a finished day can still be read. */
const keptAfterExpiryMs = IndiaTime.dayMs
/** More chains than any market lists. Beyond this number new ones are ignored. */
export const chainsMax = 10_000

const endMs = (rules: ExpiryInstant.Rules, { exchange, underlying, expiry }: Chain): number =>
  Life.shownUntilMs(rules, { exchange, name: underlying }, expiry)

const headOf = (message: ChainMessage.Chain, seq: number): Head => ({
  seq,
  as_of: message.as_of,
  valued_at: message.valued_at ?? message.as_of,
  spot: message.spot,
  forward: message.forward,
  atm_strike: message.atm_strike,
  max_pain: message.max_pain,
  pcr_oi: message.pcr_oi,
  pcr_volume: message.pcr_volume,
  call_oi: message.call_oi,
  put_oi: message.put_oi,
  oi_coverage: message.oi_coverage ?? null,
  oi_change_from: message.oi_change_from
})

const rowOf = (columns: ChainMessage.Columns, at: number, seq: number): Row | undefined => {
  const instrument_token = columns.instrument_token[at]
  const strike = columns.strike[at]
  const side = columns.side[at]
  const quality = columns.quality[at]
  if (instrument_token === undefined || strike === undefined || side === undefined || quality === undefined) return undefined
  return {
    seq,
    strike,
    side,
    instrument_token,
    last_price: columns.last_price[at] ?? null,
    bid: columns.bid[at] ?? null,
    ask: columns.ask[at] ?? null,
    volume: columns.volume[at] ?? null,
    oi: columns.oi[at] ?? null,
    oi_change: columns.oi_change[at] ?? null,
    price_change: columns.price_change?.[at] ?? null,
    iv: columns.iv[at] ?? null,
    delta: columns.delta[at] ?? null,
    gamma: columns.gamma[at] ?? null,
    theta: columns.theta[at] ?? null,
    vega: columns.vega[at] ?? null,
    rho: columns.rho[at] ?? null,
    time: columns.time[at] ?? null,
    priced_at: columns.priced_at?.[at] ?? null,
    quality
  }
}

const rowNames = [
  "strike",
  "side",
  "last_price",
  "bid",
  "ask",
  "volume",
  "oi",
  "oi_change",
  "price_change",
  "iv",
  "delta",
  "gamma",
  "theta",
  "vega",
  "rho",
  "quality"
] as const satisfies ReadonlyArray<keyof Row>
/** A change of the time alone is no change; no delta is published for it either. */
const isSame = (a: Row, b: Row): boolean => rowNames.every((name) => a[name] === b[name])

/**
 * The newest state of every chain, folded from keyframes (OPT_LAST) and deltas (OPT). The two streams arrive in any order. Every row
 * therefore stores its delta sequence, and a keyframe replaces only older rows. So the next keyframe repairs a missed delta, and a late
 * keyframe undoes nothing.
 */
export class ChainView {
  readonly #chains = new Map<string, Map<string, Chain>>()
  readonly #states = new Map<string, ChainMessage.UnderlyingState>()
  #count = 0

  /** If two exchanges have the same underlying and expiry, returns the one that was seen first. */
  find(underlying: string, expiry: string): Chain | undefined {
    return this.#chains.get(`${expiry} ${underlying}`)?.values().next().value
  }

  /** The option's newest row, with its Greeks, from its own chain: on an earlier day its token may have named another contract. */
  row(option: Instrument.Instrument): Row | undefined {
    const { name } = Instrument.underlyingOf(option) ?? { name: "" }
    return this.find(name, option.expiry ?? "")?.rows.get(option.token)
  }

  state(underlying: string): ChainMessage.UnderlyingState | undefined {
    return this.#states.get(underlying)
  }

  /** Last price of an underlying or of one of its futures, from its own underlying's state. */
  price({ token, ...instrument }: Instrument.Instrument): Price | undefined {
    const state = this.#states.get(Instrument.underlyingOf({ token, ...instrument })?.name ?? "")
    if (state === undefined) return undefined
    const { futures, instrument_token, spot, spot_time } = state
    // A message of an older version has no times of its prices, only its own.
    const priced = (last_price: number | null, time: string | null | undefined): Price => ({ last_price, as_of: time ?? state.as_of })
    if (instrument.expiry === null) return instrument_token === token ? priced(spot, spot_time) : undefined
    const future = futures.find((one) => one.instrument_token === token && one.expiry === instrument.expiry)
    return future === undefined ? undefined : priced(future.last_price, future.time)
  }

  applyState(message: ChainMessage.UnderlyingState): void {
    this.#states.set(message.underlying, message)
  }

  applyDelta(message: ChainMessage.Chain, seq: number): Change | undefined {
    const chain = this.#chain(message)
    if (chain === undefined || seq <= chain.head.seq) return undefined
    const strikes = new Set<number>()
    for (let at = 0; at < message.columns.instrument_token.length; at++) {
      const row = rowOf(message.columns, at, seq)
      if (row === undefined) continue
      this.#set(chain, row)
      strikes.add(row.strike)
    }
    chain.head = headOf(message, seq)
    return { chain, strikes }
  }

  /** `message.delta_seq` is the newest delta that the keyframe includes. */
  applyKeyframe(message: ChainMessage.Chain): Change | undefined {
    const chain = this.#chain(message)
    if (chain === undefined) return undefined
    const covered = message.delta_seq ?? 0
    const tokens = new Set<number>()
    /** Strikes whose delta was missed. */
    const healed = new Set<number>()
    let isShorter = false
    for (let at = 0; at < message.columns.instrument_token.length; at++) {
      const row = rowOf(message.columns, at, covered)
      if (row === undefined) continue
      tokens.add(row.instrument_token)
      const known = chain.rows.get(row.instrument_token)
      if (known !== undefined && known.seq > covered) continue
      if (known === undefined || !isSame(known, row)) healed.add(row.strike)
      this.#set(chain, row)
    }
    for (const [token, row] of chain.rows) {
      if (tokens.has(token) || row.seq > covered) continue
      this.#remove(chain, token)
      isShorter = true
    }
    const isNewer = covered > chain.head.seq || chain.head.as_of === ""
    if (covered >= chain.head.seq) chain.head = headOf(message, covered)
    else if (healed.size === 0 && !isShorter) return undefined
    return { chain, strikes: isNewer || isShorter ? "all" : healed }
  }

  /** The oldest delta sequence among the chains that have not expired at `nowMs`. */
  oldestSeq(rules: ExpiryInstant.Rules, nowMs: number): number | undefined {
    let oldest: number | undefined
    for (const chain of this.#all()) {
      if (endMs(rules, chain) > nowMs) oldest = Math.min(oldest ?? chain.head.seq, chain.head.seq)
    }
    return oldest
  }

  /** Treats sequences beyond the newest delta as those of an older stream. The state is kept, and any new message replaces it. */
  rebase(lastSeq: number): void {
    for (const chain of this.#all()) {
      if (chain.head.seq <= lastSeq) continue
      chain.head = { ...chain.head, seq: 0 }
      for (const row of [...chain.rows.values()]) this.#set(chain, { ...row, seq: 0 })
    }
  }

  /** Forgets chains that expired long ago at market time `nowMs`. */
  dropExpired(rules: ExpiryInstant.Rules, nowMs: number): void {
    for (const [key, byExchange] of this.#chains) {
      for (const [exchange, chain] of byExchange) {
        if (endMs(rules, chain) + keptAfterExpiryMs > nowMs) continue
        for (const token of [...chain.rows.keys()]) this.#remove(chain, token)
        byExchange.delete(exchange)
        this.#count--
      }
      if (byExchange.size === 0) this.#chains.delete(key)
    }
  }

  /** Drops everything after a stream was created again, because its sequences restarted. */
  clear(): void {
    this.#chains.clear()
    this.#states.clear()
    this.#count = 0
  }

  *#all(): Generator<Chain> {
    for (const byExchange of this.#chains.values()) yield* byExchange.values()
  }

  #set(chain: Chain, row: Row): void {
    chain.rows.set(row.instrument_token, row)
  }

  #remove(chain: Chain, token: number): void {
    chain.rows.delete(token)
  }

  #chain({ underlying, expiry, exchange }: ChainMessage.Chain): Chain | undefined {
    const key = `${expiry} ${underlying}`
    const byExchange = this.#chains.get(key) ?? new Map<string, Chain>()
    const known = byExchange.get(exchange)
    if (known !== undefined) return known
    if (this.#count >= chainsMax) return undefined
    const chain: Chain = { exchange, underlying, expiry, rows: new Map(), head: noHead }
    byExchange.set(exchange, chain)
    this.#chains.set(key, byExchange)
    this.#count++
    return chain
  }
}

/** The head before the first message; older than any. */
const noHead: Head = {
  seq: -1,
  as_of: "",
  valued_at: "",
  spot: null,
  forward: null,
  atm_strike: null,
  max_pain: null,
  pcr_oi: null,
  pcr_volume: null,
  call_oi: 0,
  put_oi: 0,
  oi_coverage: null,
  oi_change_from: "first_seen"
}
