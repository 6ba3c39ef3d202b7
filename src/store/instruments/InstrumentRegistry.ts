import { Data, Effect, Option } from "effect"
import * as Dump from "../../domain/market/Dump.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentSearch from "../../domain/market/InstrumentSearch.ts"
import type { StoreError } from "../StoreError.ts"
import { InstrumentRepo, type Refusal } from "./InstrumentRepo.ts"

/** What callers read until the day's instruments are loaded. Without them nothing can be called missing. */
export const instrumentsAway = "Instruments unavailable: none are loaded yet"

/** The broker's dump of a trade date is incomplete. The previous dump stays in use. */
export class DumpRefused extends Data.TaggedError("DumpRefused")<{ readonly tradeDate: string; readonly flaws: ReadonlyArray<string> }> {
  override get message() {
    return `the instruments of ${this.tradeDate} are incomplete: ${this.flaws.join("; ")}`
  }
}

/** The stored dump with which a new one is compared, and its version, which shows whether another process has stored a different dump. */
export interface DayInForce {
  readonly counts: Dump.Counts
  readonly version: string
}

interface Index {
  readonly master: Instrument.Master
  /** By "exchange:name" of the underlying; includes the underlying itself. */
  readonly members: ReadonlyMap<string, ReadonlyArray<Instrument.Instrument>>
  /** Option expiries by the same key, ascending. */
  readonly expiries: ReadonlyMap<string, ReadonlyArray<string>>
  /** The exchanges with an underlying of this name. */
  readonly exchanges: ReadonlyMap<string, ReadonlyArray<string>>
}

type Named = Pick<Instrument.Instrument, "exchange" | "tradingsymbol">

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

/** An underlying with futures or options. */
export interface Derived {
  readonly exchange: string
  readonly name: string
  /** The index or share itself; null if the exchange lists none (commodities, currencies). */
  readonly spot: Instrument.Instrument | null
  readonly lotSize: number
  /** "YYYY-MM-DD", ascending, past ones included. */
  readonly optionExpiries: ReadonlyArray<string>
  readonly futureExpiries: ReadonlyArray<string>
}

const expiriesOf = (members: ReadonlyArray<Instrument.Instrument>): ReadonlyArray<string> =>
  [...new Set(members.flatMap(({ expiry }) => expiry ?? []))].sort()

const derivedOf = ({ members }: Index): ReadonlyArray<Derived> =>
  Array.from(members, ([key, of]): ReadonlyArray<Derived> => {
    const derivatives = of.filter(({ expiry }) => expiry !== null)
    const [first] = derivatives
    if (first === undefined) return []
    const at = key.indexOf(":")
    return [
      {
        exchange: key.slice(0, at),
        name: key.slice(at + 1),
        spot: of.find(({ expiry }) => expiry === null) ?? null,
        lotSize: first.lotSize,
        optionExpiries: expiriesOf(derivatives.filter(Instrument.isOption)),
        futureExpiries: expiriesOf(derivatives.filter(({ instrumentType }) => instrumentType === "FUT"))
      }
    ]
  })
    .flat()
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.exchange < b.exchange ? -1 : 1))

/** The instruments of one trade date in memory, for lookups that cannot wait. Empty until `load` or `set`. */
export class InstrumentRegistry extends Effect.Service<InstrumentRegistry>()("store/instruments/InstrumentRegistry", {
  effect: Effect.gen(function* () {
    const repo = yield* InstrumentRepo
    let index: Index | undefined
    let searchIndex: InstrumentSearch.Index | undefined
    let derived: ReadonlyArray<Derived> | undefined
    /** The version of Postgres' data when it was last read. */
    let version = ""
    let refusal: Refusal | undefined
    // A read that began before a newer list was stored must not put its older one in place of that.
    const oneAtATime = (yield* Effect.makeSemaphore(1)).withPermits(1)
    const set = (master: Instrument.Master): void => {
      index = indexOf(master)
      searchIndex = undefined
      derived = undefined
    }
    /**
     * Loads the newest trade date in Postgres, or with `asOf` ("YYYY-MM-DD") the newest up to that day. If Postgres has no such date,
     * it changes nothing and returns false.
     */
    const load = (asOf?: string) =>
      Effect.map(asOf === undefined ? repo.latest : repo.asOf(asOf), (found) => {
        if (Option.isSome(found)) set(found.value)
        return Option.isSome(found)
      })
    const versionAsOf = (tradeDate: string) => Effect.map(repo.versionAsOf(tradeDate), (found) => Option.getOrElse(found, () => ""))
    /** Like `load(tradeDate)`, but does nothing if this process already holds that version. */
    const follow = (tradeDate: string) =>
      Effect.gen(function* () {
        refusal = Option.getOrUndefined(yield* repo.refusal)
        const newest = yield* versionAsOf(tradeDate)
        if (newest === version || !(yield* load(tradeDate))) return
        version = newest
      }).pipe(oneAtATime)
    /**
     * Stores a trade date's dump and holds it in memory. An incomplete dump is refused, and the previous one stays in use. If another
     * process stored this date meanwhile, its instruments are loaded and these are dropped, so that both processes agree.
     */
    const replace = (tradeDate: string, dump: Instrument.Parsed, before: DayInForce) =>
      Effect.gen(function* () {
        const flaws = Dump.flaws(dump, before.counts)
        if (flaws.length > 0) {
          yield* repo.refuse(tradeDate, flaws.join("; "))
          refusal = { tradeDate, reason: flaws.join("; ") }
          return yield* new DumpRefused({ tradeDate, flaws })
        }
        if (yield* repo.replace(tradeDate, dump.instruments, before.version)) set(Instrument.makeMaster(tradeDate, dump.instruments))
        else yield* load(tradeDate)
        refusal = undefined
        version = yield* versionAsOf(tradeDate)
      }).pipe(oneAtATime)
    /** The dump in use before a new one is fetched; `replace` compares the two. */
    const inForce = (tradeDate: string): Effect.Effect<DayInForce, StoreError> =>
      Effect.all({ counts: repo.countsAsOf(tradeDate), version: versionAsOf(tradeDate) })
    const bySymbol = (exchange: string, tradingsymbol: string): Instrument.Instrument | undefined =>
      index === undefined ? undefined : Instrument.bySymbol(index.master, exchange, tradingsymbol)
    const ofUnderlying = (exchange: string, underlying: string): ReadonlyArray<Instrument.Instrument> =>
      index?.members.get(Instrument.symbolKey(exchange, underlying)) ?? []
    return {
      current: (): Instrument.Master | undefined => index?.master,
      byToken: (token: number): Instrument.Instrument | undefined => index?.master.byToken.get(token),
      bySymbol,
      /** Expiries ("YYYY-MM-DD") of an underlying's options, ascending, past ones included. Without `exchange`, of all exchanges. */
      expiries: (underlying: string, exchange?: string): ReadonlyArray<string> => {
        const exchanges = exchange === undefined ? (index?.exchanges.get(underlying) ?? []) : [exchange]
        const found = exchanges.flatMap((each) => index?.expiries.get(Instrument.symbolKey(each, underlying)) ?? [])
        return [...new Set(found)].sort()
      },
      /** Exchanges with an underlying of this name: NSE for NIFTY. */
      exchangesOf: (underlying: string): ReadonlyArray<string> => index?.exchanges.get(underlying) ?? [],
      /** The underlying itself and everything derived from it. */
      ofUnderlying,
      /** True if futures or options are listed on a share. */
      hasDerivatives: ({ exchange, tradingsymbol }: Named): boolean =>
        ofUnderlying(exchange, tradingsymbol).some(({ expiry }) => expiry !== null),
      /** The lot size of a future or an option; null for a share, and for a contract that is not listed. */
      lotOf: ({ exchange, tradingsymbol }: Named): number | null => {
        const listed = bySymbol(exchange, tradingsymbol)
        return listed === undefined || listed.expiry === null ? null : listed.lotSize
      },
      /** Like `InstrumentSearch.search`. The index is built at the first search of a trade date. */
      search: (query: string, filter: InstrumentSearch.Filter, page: InstrumentSearch.Page): InstrumentSearch.Found => {
        if (index === undefined) return { instruments: [], total: 0 }
        searchIndex ??= InstrumentSearch.make(index.master.byToken.values())
        return InstrumentSearch.search(searchIndex, query, filter, page)
      },
      /** Underlyings with futures or options, by name. */
      derived: (): ReadonlyArray<Derived> => {
        derived ??= index === undefined ? [] : derivedOf(index)
        return derived
      },
      /** The newest refused dump and the reason; undefined if none was refused after the dump in use. */
      refusal: (): Refusal | undefined => refusal,
      load: (asOf?: string) => oneAtATime(load(asOf)),
      follow,
      inForce,
      replace,
      set
    } as const
  })
}) {}
