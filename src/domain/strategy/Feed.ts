import * as FrameGuard from "../market/FrameGuard.ts"
import type * as Instrument from "../market/Instrument.ts"
import * as Life from "../market/Life.ts"
import * as MarketClose from "../market/MarketClose.ts"
import * as Quotes from "../market/Quotes.ts"
import * as ChainState from "../options/ChainState.ts"
import type { Contract } from "../record/Reference.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import { isOption, type Line, type Strategy } from "./Strategy.ts"

/** The data of one underlying that the strategies need: all last prices, and the chains of their option legs. */
export interface Feed {
  readonly guard: FrameGuard.State
  reference: ReadonlyArray<Contract>
  quotes: Quotes.Quotes
  chains: ReadonlyArray<ChainState.ChainState>
  /** By row of `quotes`: the index in `chains`, or -1. */
  chainOf: Int32Array
  /** By row of `quotes`: the strategies with a leg in the instrument, and those with only a position in it. */
  legHolders: Array<Array<Strategy>>
  otherHolders: Array<Array<Strategy>>
  forwardChanged: boolean
}

export type Feeds = Map<string, Feed>

export const underlyingOf = (key: string): Instrument.Underlying => {
  const blank = key.indexOf(" ")
  return { exchange: key.slice(0, blank), name: key.slice(blank + 1) }
}

/** The feed of that key. An unknown one is added, without instruments. */
export const of = (feeds: Feeds, key: string): Feed => {
  const known = feeds.get(key)
  if (known !== undefined) return known
  const feed: Feed = {
    guard: FrameGuard.make(),
    reference: [],
    quotes: Quotes.make([]),
    chains: [],
    chainOf: new Int32Array(0),
    legHolders: [],
    otherHolders: [],
    forwardChanged: true
  }
  feeds.set(key, feed)
  return feed
}

const linesOf = ({ holdings, legs }: Strategy, key: string): ReadonlyArray<Line> =>
  [...holdings, ...legs].filter(({ feed }) => feed === key)

/** True if both mean the same instrument, so that its prices and Greeks are the same. */
const isSame = (a: Contract, b: Contract): boolean =>
  a.tradingsymbol === b.tradingsymbol &&
  a.kind === b.kind &&
  a.strike === b.strike &&
  a.expiry === b.expiry &&
  a.multiplier === b.multiplier

/** True if the feed has a row for every line, and a chain for every option with an expiry. */
const hasAll = ({ quotes, chains }: Feed, lines: ReadonlyArray<Line>): boolean =>
  lines.every(({ contract }) => {
    const known = quotes.contracts[quotes.rowOf.get(contract.instrument_token) ?? -1]
    if (known === undefined || !isSame(known, contract)) return false
    return !isOption(contract) || contract.expiry === null || chains.some(({ expiry }) => expiry === contract.expiry)
  })

const note = (holders: Array<Strategy>, strategy: Strategy): void => {
  if (holders.at(-1) !== strategy) holders.push(strategy)
}

/** Gives a strategy's lines their places in the feed, and notes the strategy at the rows of its instruments. */
const place = (feed: Feed, key: string, strategy: Strategy): void => {
  const { chainOf, chains, legHolders, otherHolders, quotes } = feed
  for (const line of linesOf(strategy, key)) {
    const row = quotes.rowOf.get(line.contract.instrument_token) as number
    const contract = quotes.contracts[row] as Contract
    // Strategies share the contract's object, so a snapshot holds it once.
    if (isSame(contract, line.contract)) line.contract = contract
    line.feed = key
    line.row = row
    line.chain = chainOf[row] as number
    const chain = chains[line.chain]
    line.strike = chain === undefined ? -1 : ChainState.indexOf(chain, line.contract.strike)
  }
  for (const leg of strategy.legs) if (leg.feed === key) note(legHolders[leg.row] as Array<Strategy>, strategy)
  for (const { feed: of, row } of strategy.holdings)
    if (of === key && legHolders[row]?.at(-1) !== strategy) note(otherHolders[row] as Array<Strategy>, strategy)
}

/** Makes every chain due: the next mark computes it again. */
export const touch = (feed: Feed): void => {
  for (const chain of feed.chains) chain.changed = true
  feed.forwardChanged = true
}

/** Rebuilds the rows and chains of a feed from the current strategies and reference. */
export const rebuild = (ends: RuleSet.RuleSet, strategies: Iterable<Strategy>, key: string, feed: Feed): void => {
  const all = [...strategies]
  const lines = all.flatMap((strategy) => linesOf(strategy, key))
  const quotes = Quotes.withContracts(feed.quotes, [...feed.reference, ...lines.map(({ contract }) => contract)])
  const expiries = new Set(lines.filter(({ contract }) => isOption(contract)).map(({ contract }) => contract.expiry))
  feed.chains = ChainState.expiriesOf(quotes)
    .filter((expiry) => expiries.has(expiry))
    .map((expiry) =>
      ChainState.make(
        quotes,
        expiry,
        Life.chainEndsMs(ends, underlyingOf(key), expiry),
        feed.chains.find((chain) => chain.expiry === expiry)
      )
    )
  feed.chainOf = Int32Array.from(quotes.contracts, (contract) =>
    isOption(contract) ? feed.chains.findIndex(({ expiry }) => expiry === contract.expiry) : -1
  )
  feed.quotes = quotes
  feed.forwardChanged = true
  feed.legHolders = quotes.contracts.map(() => [])
  feed.otherHolders = quotes.contracts.map(() => [])
  for (const strategy of all) place(feed, key, strategy)
}

/** Takes a strategy out of a feed. Its instruments stay until the feed is rebuilt. */
export const exclude = (feed: Feed, one: Strategy): void => {
  for (const holders of [...feed.legHolders, ...feed.otherHolders]) {
    const at = holders.indexOf(one)
    if (at >= 0) holders.splice(at, 1)
  }
}

/** Takes a new or changed strategy into a feed. The feed is rebuilt only if it lacks an instrument or an expiry. */
export const include = (ends: RuleSet.RuleSet, strategies: Iterable<Strategy>, key: string, feed: Feed, one: Strategy): void => {
  const lines = linesOf(one, key)
  if (!hasAll(feed, lines)) {
    rebuild(ends, strategies, key, feed)
    return
  }
  exclude(feed, one)
  if (lines.length === 0) return
  touch(feed)
  place(feed, key, one)
}

/** `MarketClose.ofOptions` by the key of a feed. */
export type Closes = (key: string) => (atMs: number) => number

/** The closing times of every feed's options under these rules; a market without rules never closes. */
export const closesUnder = (rules: RuleSet.RuleSet | undefined): Closes => {
  const byKey = new Map<string, (atMs: number) => number>()
  return (key) => {
    const known = byKey.get(key) ?? MarketClose.ofOptions(rules, underlyingOf(key))
    byKey.set(key, known)
    return known
  }
}

/** Computes the chains that are due at this event time. All strategies read the results. */
export const refreshChains = (feeds: Feeds, settings: ChainState.Settings, closes: Closes, eventMs: number): void => {
  for (const [key, feed] of feeds) {
    const { chains, quotes } = feed
    const instant = { eventMs, closedSinceMs: closes(key)(eventMs) }
    for (const chain of chains)
      if (ChainState.isDue(chain, eventMs, feed.forwardChanged))
        ChainState.refresh(chain, quotes, settings, Quotes.spotRow(quotes), instant)
    feed.forwardChanged = false
  }
}

/** The columns with an option's Greeks per year and per 1.00, at `line.strike`; undefined without an expiry, and so without a chain. */
export const sideOf = ({ chains }: Feed, { contract, chain }: Line): ChainState.Side | undefined =>
  contract.kind === "CE" ? chains[chain]?.call : chains[chain]?.put
