import { Effect, Option } from "effect"
import * as Instrument from "../domain/market/Instrument.ts"
import { InstrumentRepo } from "./InstrumentRepo.ts"

interface Index {
  readonly master: Instrument.Master
  /** By "exchange:name" of the underlying, the underlying itself included. */
  readonly members: ReadonlyMap<string, ReadonlyArray<Instrument.Instrument>>
  /** Option expiries by the same key, ascending. */
  readonly expiries: ReadonlyMap<string, ReadonlyArray<string>>
  /** The exchanges on which an underlying of this name trades. */
  readonly exchanges: ReadonlyMap<string, ReadonlyArray<string>>
}

const push = <K, V>(map: Map<K, Array<V>>, key: K, value: V): void => {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

const indexOf = (master: Instrument.Master): Index => {
  const members = new Map<string, Array<Instrument.Instrument>>()
  const expiries = new Map<string, Set<string>>()
  const exchanges = new Map<string, Array<string>>()
  for (const instrument of master.byToken.values()) {
    const underlying = Instrument.underlyingOf(instrument)
    if (underlying === null) continue
    const key = Instrument.symbolKey(underlying.exchange, underlying.name)
    if (!members.has(key)) push(exchanges, underlying.name, underlying.exchange)
    push(members, key, instrument)
    if (!Instrument.isOption(instrument) || instrument.expiry === null) continue
    const dates = expiries.get(key)
    if (dates === undefined) expiries.set(key, new Set([instrument.expiry]))
    else dates.add(instrument.expiry)
  }
  return { master, members, exchanges, expiries: new Map([...expiries].map(([key, dates]) => [key, [...dates].sort()])) }
}

/** The instruments of one trade date in memory, for lookups that cannot wait. Empty until `load` or `set`. */
export class InstrumentRegistry extends Effect.Service<InstrumentRegistry>()("store/InstrumentRegistry", {
  effect: Effect.gen(function* () {
    const repo = yield* InstrumentRepo
    let index: Index | undefined
    const set = (master: Instrument.Master): void => {
      index = indexOf(master)
    }
    /** The newest trade date Postgres has, or with `asOf` ("YYYY-MM-DD") the newest up to that day; false and unchanged where there is none. */
    const load = (asOf?: string) =>
      Effect.map(asOf === undefined ? repo.latest : repo.asOf(asOf), (found) => {
        if (Option.isSome(found)) set(found.value)
        return Option.isSome(found)
      })
    return {
      current: (): Instrument.Master | undefined => index?.master,
      byToken: (token: number): Instrument.Instrument | undefined => index?.master.byToken.get(token),
      bySymbol: (exchange: string, tradingsymbol: string): Instrument.Instrument | undefined =>
        index === undefined ? undefined : Instrument.bySymbol(index.master, exchange, tradingsymbol),
      /** Expiries ("YYYY-MM-DD") of an underlying's options, ascending, past ones included; of every exchange where none is named. */
      expiries: (underlying: string, exchange?: string): ReadonlyArray<string> => {
        const exchanges = exchange === undefined ? (index?.exchanges.get(underlying) ?? []) : [exchange]
        const found = exchanges.flatMap((each) => index?.expiries.get(Instrument.symbolKey(each, underlying)) ?? [])
        return [...new Set(found)].sort()
      },
      /** Exchanges on which an underlying of this name trades: NSE for NIFTY. */
      exchangesOf: (underlying: string): ReadonlyArray<string> => index?.exchanges.get(underlying) ?? [],
      /** The underlying itself and everything derived from it. */
      ofUnderlying: (exchange: string, underlying: string): ReadonlyArray<Instrument.Instrument> =>
        index?.members.get(Instrument.symbolKey(exchange, underlying)) ?? [],
      load,
      set
    } as const
  })
}) {}
