import { Effect } from "effect"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { found, instrumentsLoaded } from "../shared/Lookup.ts"

/** The exchanges in which a symbol without an exchange is searched, in this order. */
const exchanges = ["NSE", "NFO", "BSE", "BFO", "MCX", "CDS", "BCD", "NCO"]

/** Finds instruments by the names that people and charts use. */
export class Symbols extends Effect.Service<Symbols>()("gateway/instruments/Symbols", {
  effect: Effect.gen(function* () {
    const registry = yield* InstrumentRegistry
    const spotOf = (name: string, exchange?: string): Instrument.Instrument | undefined =>
      registry
        .exchangesOf(name)
        .filter((one) => exchange === undefined || one === exchange)
        .flatMap((one) => registry.ofUnderlying(one, name))
        .find(({ expiry }) => expiry === null)
    const inAny = (symbol: string): Instrument.Instrument | undefined => {
      for (const exchange of exchanges) {
        const listed = registry.bySymbol(exchange, symbol)
        if (listed !== undefined) return listed
      }
      return undefined
    }
    /** "NSE:NIFTY 50", "NIFTY26NOV24500CE", or an underlying's name (NIFTY is the index itself), in capitals. */
    const find = (symbol: string): Instrument.Instrument | undefined => {
      const colon = symbol.indexOf(":")
      if (colon < 0) return inAny(symbol) ?? spotOf(symbol)
      const [exchange, name] = [symbol.slice(0, colon), symbol.slice(colon + 1)]
      return registry.bySymbol(exchange, name) ?? spotOf(name, exchange)
    }
    /** The instrument of a symbol. Fails with 503 until the day's instruments are loaded, and with 404 without one. */
    const instrumentOf = (symbol: string) =>
      Effect.zipRight(
        instrumentsLoaded(registry),
        Effect.suspend(() => found("Symbol", find(symbol)))
      )
    return { find, instrumentOf } as const
  })
}) {}
