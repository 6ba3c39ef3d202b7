import { derivativesExchange } from "../../../src/domain/market/Life.ts"
import * as Symbol from "../../../src/domain/market/Symbol.ts"
import { type Api, listed } from "../gateway/Api.ts"
import type { FoEnabled, Subscription } from "../gateway/Contract.ts"

export interface Underlying {
  readonly symbol: string
  /** The exchange of its options. */
  readonly exchange: string
  /** The token of the index or share itself, if it is streamed. */
  readonly spotToken: number | undefined
  /** The symbol for its bars, "NSE:NIFTY 50"; undefined if the gateway does not know one. */
  readonly chartSymbol: string | undefined
  readonly lotSize: number
}

const isIndex = ({ tradingsymbol }: FoEnabled): boolean => tradingsymbol !== null && Symbol.parse(tradingsymbol)?.kind === "INDEX"

/** Indices first, those of NSE before others; then by name. */
export const order = (a: FoEnabled, b: FoEnabled): number => {
  const [left, right] = [a, b].map((one) => `${isIndex(one) ? 0 : 1} ${one.exchange === "NSE" ? 0 : 1} ${one.tradingsymbol ?? one.symbol}`)
  return (left ?? "") < (right ?? "") ? -1 : 1
}

/** Underlyings whose options are streamed. */
export const among = (enabled: ReadonlyArray<FoEnabled>, subscriptions: ReadonlyArray<Subscription>): ReadonlyArray<Underlying> => {
  const active = subscriptions.filter(({ status }) => status === "active")
  const tokens = new Set(active.map(({ instrument_token }) => instrument_token))
  const names = new Set(enabled.map(({ symbol }) => symbol))
  const streamed = new Set(
    active.flatMap(({ tradingsymbol }) => {
      const parsed = Symbol.parse(tradingsymbol, names)
      return parsed?.kind === "CE" || parsed?.kind === "PE" ? [parsed.name] : []
    })
  )
  return enabled
    .filter(({ symbol }) => streamed.has(symbol))
    .sort(order)
    .map(({ symbol, exchange, instrument_token, tradingsymbol, lot_size }) => ({
      symbol,
      exchange: derivativesExchange(exchange),
      spotToken: instrument_token !== null && tokens.has(instrument_token) ? instrument_token : undefined,
      chartSymbol: tradingsymbol === null ? undefined : `${exchange}:${tradingsymbol}`,
      lotSize: lot_size
    }))
}

export interface Found {
  readonly streamed: ReadonlyArray<Underlying>
  /** All underlyings with derivatives. */
  readonly enabled: ReadonlyArray<FoEnabled>
}

/** Asks the gateway which underlyings have derivatives, and which of them are streamed. */
export const discover = async (api: Api): Promise<Found> => {
  const [subscriptions, enabled] = await Promise.all([
    listed(async (page) => {
      const { total, subscriptions } = await api.subscriptions.list({ urlParams: { status: "active", ...page } })
      return { total, items: subscriptions }
    }),
    listed(async (page) => {
      const { total, underlyings } = await api.instruments.foEnabled({ urlParams: page })
      return { total, items: underlyings }
    })
  ])
  return { streamed: among(enabled, subscriptions), enabled: [...enabled].sort(order) }
}
