import { Data, Effect, Option } from "effect"
import * as Dump from "../domain/market/Dump.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import * as InstrumentSearch from "../domain/market/InstrumentSearch.ts"
import { InstrumentRepo, type Refusal } from "./InstrumentRepo.ts"
import type { StoreError } from "./StoreError.ts"

/** The broker's dump of a trade date is incomplete; the dump before it stays in force. */
export class DumpRefused extends Data.TaggedError("DumpRefused")<{ readonly tradeDate: string; readonly flaws: ReadonlyArray<string> }> {
  override get message() {
    return `the instruments of ${this.tradeDate} are incomplete: ${this.flaws.join("; ")}`
  }
}

/** The stored dump that a new one is compared with, and the version by which two processes notice each other. */
export interface DayInForce {
  readonly counts: Dump.Counts
  readonly version: string
}

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

/** An underlying with futures or options. */
export interface Derived {
  readonly exchange: string
  readonly name: string
  /** The index or share itself; null where the exchange lists none (commodities, currencies). */
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
export class InstrumentRegistry extends Effect.Service<InstrumentRegistry>()("store/InstrumentRegistry", {
  effect: Effect.gen(function* () {
    const repo = yield* InstrumentRepo
    let index: Index | undefined
    let searchIndex: InstrumentSearch.Index | undefined
    let derived: ReadonlyArray<Derived> | undefined
    /** What Postgres held when it was last read. */
    let version = ""
    let refusal: Refusal | undefined
    const set = (master: Instrument.Master): void => {
      index = indexOf(master)
      searchIndex = undefined
      derived = undefined
    }
    /** The newest trade date Postgres has, or with `asOf` ("YYYY-MM-DD") the newest up to that day; false and unchanged where there is none. */
    const load = (asOf?: string) =>
      Effect.map(asOf === undefined ? repo.latest : repo.asOf(asOf), (found) => {
        if (Option.isSome(found)) set(found.value)
        return Option.isSome(found)
      })
    const versionAsOf = (tradeDate: string) => Effect.map(repo.versionAsOf(tradeDate), (found) => Option.getOrElse(found, () => ""))
    /** `load(tradeDate)`, unless that is what this process holds already. */
    const follow = (tradeDate: string) =>
      Effect.gen(function* () {
        refusal = Option.getOrUndefined(yield* repo.refusal)
        const newest = yield* versionAsOf(tradeDate)
        if (newest === version || !(yield* load(tradeDate))) return
        version = newest
      })
    /**
     * Stores a trade date's dump and holds it. An incomplete dump is refused by name and the one before it stays in force. Two processes
     * agree: when another one has stored this date meanwhile, its instruments are taken and these are dropped.
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
      })
    /** What is in force before a dump is fetched: what `replace` compares it with. */
    const inForce = (tradeDate: string): Effect.Effect<DayInForce, StoreError> =>
      Effect.all({ counts: repo.countsAsOf(tradeDate), version: versionAsOf(tradeDate) })
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
      /** As `InstrumentSearch.search`; the index is made at the first search of a trade date. */
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
      /** The newest dump that was refused and why; undefined when none was refused since the one in force. */
      refusal: (): Refusal | undefined => refusal,
      load,
      follow,
      inForce,
      replace,
      set
    } as const
  })
}) {}
