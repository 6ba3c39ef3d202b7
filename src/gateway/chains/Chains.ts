import { Effect, Either } from "effect"
import type { StrikeRow } from "../../contract/chains/ChainsApi.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { notFound } from "../shared/Lookup.ts"
import type { Chain, Row } from "../views/ChainView.ts"
import { Views } from "../views/Views.ts"

/** The values of a whole chain, as REST and the stream show them. All are null while nothing was published. */
export interface Head {
  readonly seq: number
  readonly spot: number | null
  /** Relative to the previous close, in rupees. */
  readonly spot_change: number | null
  readonly forward: number | null
  readonly atm_strike: number | null
  /** Implied volatility at the money, a fraction. */
  readonly atm_iv: number | null
  readonly max_pain: number | null
  readonly pcr_oi: number | null
  readonly pcr_volume: number | null
  readonly call_oi: number
  readonly put_oi: number
  readonly oi_coverage: Chain["head"]["oi_coverage"]
  readonly oi_change_from: "previous_session" | "first_seen" | null
  readonly as_of: string | null
  /** From when the option time of the rows counts. */
  readonly valued_at: string | null
}

/** The part that a look-up of a chain did not find. */
export type Missing = "Expiry" | "Symbol"

type OptionRow = NonNullable<StrikeRow["call"]>

/** Age of a price at the market time of its chain. A price of the newest second may be stamped later than the chain. */
const ageMs = (pricedAt: string | null, asOf: string): number | null =>
  pricedAt === null ? null : Math.max(0, Date.parse(asOf) - Date.parse(pricedAt))

const optionRow = (row: Row, asOf: string, tradingsymbol: string | null): OptionRow => ({
  instrument_token: row.instrument_token,
  tradingsymbol,
  last_price: row.last_price,
  bid: row.bid,
  ask: row.ask,
  volume: row.volume,
  oi: row.oi,
  oi_change: row.oi_change,
  price_change: row.price_change,
  iv: row.iv,
  delta: row.delta,
  gamma: row.gamma,
  theta: row.theta,
  vega: row.vega,
  rho: row.rho,
  as_of: row.time,
  priced_at: row.priced_at,
  age_ms: ageMs(row.priced_at, asOf),
  quality: row.quality
})

/** Option chains by symbol: the expiries that the instruments list, with the values that the streams published. */
export class Chains extends Effect.Service<Chains>()("gateway/chains/Chains", {
  effect: Effect.gen(function* () {
    const registry = yield* InstrumentRegistry
    const lifetimes = yield* Lifetimes
    const { chains } = yield* Views

    /** Calls and puts side by side, ascending; `only` limits it to some strikes. */
    const strikesOf = (chain: Chain, only?: ReadonlySet<number>): ReadonlyArray<StrikeRow> => {
      const byStrike = new Map<number, { strike: number; call: OptionRow | null; put: OptionRow | null }>()
      for (const row of chain.rows.values()) {
        if (only !== undefined && !only.has(row.strike)) continue
        const at = byStrike.get(row.strike) ?? { strike: row.strike, call: null, put: null }
        at[row.side === "CE" ? "call" : "put"] = optionRow(
          row,
          chain.head.as_of,
          registry.byToken(row.instrument_token)?.tradingsymbol ?? null
        )
        byStrike.set(row.strike, at)
      }
      return [...byStrike.values()].sort((a, b) => a.strike - b.strike)
    }

    /** The expiries of the options, or of the futures if there are no options. */
    const listed = (symbol: string): ReadonlyArray<string> => {
      const options = registry.expiries(symbol)
      if (options.length > 0) return options
      const futures = registry
        .exchangesOf(symbol)
        .flatMap((exchange) => registry.ofUnderlying(exchange, symbol))
        .flatMap(({ expiry }) => (expiry === null ? [] : [expiry]))
      return [...new Set(futures)].sort()
    }

    /** The underlying's published state and its values for one expiry. */
    const ofUnderlying = (symbol: string, expiry: string) => {
      const state = chains.state(symbol)
      return {
        spot_change: state?.spot_change ?? null,
        atm_iv: state?.expiries.find((one) => one.expiry === expiry)?.atm_iv ?? null
      }
    }
    const nothingYet = (symbol: string, expiry: string): Head => ({
      seq: 0,
      spot: chains.state(symbol)?.spot ?? null,
      forward: null,
      atm_strike: null,
      ...ofUnderlying(symbol, expiry),
      max_pain: null,
      pcr_oi: null,
      pcr_volume: null,
      call_oi: 0,
      put_oi: 0,
      oi_coverage: null,
      oi_change_from: null,
      as_of: chains.state(symbol)?.as_of ?? null,
      valued_at: null
    })
    const published = (symbol: string, expiry: string): Chain | undefined => {
      const chain = chains.find(symbol, expiry)
      return chain?.head.as_of === "" ? undefined : chain
    }

    const isKnown = (symbol: string): boolean => registry.exchangesOf(symbol).length > 0 || chains.state(symbol) !== undefined
    const lookUp = (symbol: string, expiry: string): Either.Either<Head, Missing> => {
      const head = published(symbol, expiry)?.head
      if (head !== undefined) return Either.right({ ...head, ...ofUnderlying(symbol, expiry) })
      if (listed(symbol).includes(expiry)) return Either.right(nothingYet(symbol, expiry))
      return Either.left(isKnown(symbol) ? "Expiry" : "Symbol")
    }

    return {
      strikesOf,
      nothingYet,
      /** Whether any instruments are loaded. */
      isLoaded: (): boolean => registry.current() !== undefined,
      isKnown,
      /** Whether the instruments list this expiry, or something of it was published. */
      isListed: (symbol: string, expiry: string): boolean => listed(symbol).includes(expiry) || published(symbol, expiry) !== undefined,
      /** A 404 when no instrument is listed under the symbol and nothing was published. */
      known: (symbol: string) => Effect.suspend(() => (isKnown(symbol) ? Effect.void : Effect.fail(notFound("Symbol")))),
      /** Not yet expired at market time, ascending. */
      expiries: (symbol: string): ReadonlyArray<string> => listed(symbol).filter((expiry) => lifetimes.isAlive(symbol, expiry)),
      /** The head of a chain that is listed or published, or what is missing. */
      lookUp,
      /** The same, with a 404 for what is missing. */
      head: (symbol: string, expiry: string) => Effect.suspend(() => Either.mapLeft(lookUp(symbol, expiry), notFound)),
      /** The rows of the chain. Read them together with its head. */
      strikes: (symbol: string, expiry: string): ReadonlyArray<StrikeRow> => {
        const chain = published(symbol, expiry)
        return chain === undefined ? [] : strikesOf(chain)
      },
      /** Ascending. */
      strikePrices: (symbol: string, expiry: string): ReadonlyArray<number> =>
        [...new Set(Array.from(published(symbol, expiry)?.rows.values() ?? [], ({ strike }) => strike))].sort((a, b) => a - b)
    } as const
  })
}) {}
