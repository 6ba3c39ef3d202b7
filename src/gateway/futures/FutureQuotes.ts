import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as ChainMessage from "../../domain/options/ChainMessage.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { Views } from "../views/Views.ts"

export type Future = ChainMessage.UnderlyingState["futures"][number]

/** The futures of an underlying with their published values. */
export const make = Effect.gen(function* () {
  const { chains } = yield* Views
  const registry = yield* InstrumentRegistry
  const lifetimes = yield* Lifetimes

  return {
    state: (symbol: string): ChainMessage.UnderlyingState | undefined => chains.state(symbol),
    /** The listed futures that have not expired at market time, ascending by expiry. Those that are not streamed have no values. */
    alive: (symbol: string): ReadonlyArray<Future> => {
      const published = chains.state(symbol)?.futures ?? []
      const known = new Set(published.map(({ instrument_token }) => instrument_token))
      const listed = registry
        .exchangesOf(symbol)
        .flatMap((exchange) => registry.ofUnderlying(exchange, symbol))
        .filter(({ instrumentType, token }) => instrumentType === "FUT" && !known.has(token))
        .map(({ token, expiry }): Future => ({ expiry: expiry ?? "", instrument_token: token, last_price: null, oi: null, basis: null }))
      return [...published, ...listed]
        .filter(({ expiry }) => lifetimes.isAlive(symbol, expiry))
        .toSorted((a, b) => (a.expiry < b.expiry ? -1 : 1))
    },
    named: ({ expiry, instrument_token }: Future) => ({
      expiry,
      instrument_token,
      tradingsymbol: registry.byToken(instrument_token)?.tradingsymbol ?? null
    }),
    /** The instant of expiry; the end of the day where the rulebook does not know it. */
    endsMs: (symbol: string, expiry: string): number => lifetimes.shownUntilMs(symbol, expiry),
    /** Market time of the published values. */
    asOfMs: (symbol: string): number => Date.parse(chains.state(symbol)?.as_of ?? IndiaTime.isoTime(0))
  } as const
})
