import * as Money from "../Money.ts"
import * as BarSession from "../market/BarSession.ts"
import * as Instrument from "../market/Instrument.ts"
import type { Contract } from "../record/Reference.ts"
import type * as StrategyDefinition from "../record/StrategyDefinition.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Position from "./Position.ts"
import * as Premium from "./Premium.ts"

/** A holding with a price and a quantity. */
export interface Line {
  /** The key of its feed (Feed.ts). All lines of a feed share the text's object, which makes comparing it cheap. */
  feed: string
  contract: Contract
  /** Signed quantity, BUY +, never zero. */
  readonly position: number
  /** `Premium.Units` per integer of the wire's price, for a quantity of one. */
  readonly factor: number
  /** Row in the feed's quotes. */
  row: number
  /** Index of the option's chain in the feed; -1 for any other instrument. */
  chain: number
  /** Index of the option's strike in that chain; -1 likewise. */
  strike: number
}

export interface Leg extends Line {
  readonly legId: number
  readonly place: BarSession.Place | null
  /** Row of the newest price at the valued instants in the state's LegPrices; -1 before the strategy has taken its prices. */
  priceRow: number
}

/** A leg's price that waits until all prices of its instant have arrived. */
export interface Pending {
  readonly atMs: number
  readonly token: number
  readonly price: number
}

export interface OpenCandle {
  readonly minuteMs: number
  readonly open: Premium.Units
  high: Premium.Units
  low: Premium.Units
  close: Premium.Units
}

/** The state of one strategy. Its prices and Greeks are those of the feeds, which all strategies of a state share. */
export interface Strategy {
  readonly owner: string
  readonly strategyId: number
  /** Legs of quantity zero are omitted. */
  legs: ReadonlyArray<Leg>
  /** Legs that cannot have a price. While there are any, m2m is null. */
  unpriced: ReadonlyArray<number>
  /** The basis of P&L and Greeks: the legs of instruments without fills, and the open positions from fills. The legs' own array without fills. */
  holdings: ReadonlyArray<Line>
  /** True if a holding cannot have a price. */
  unvalued: boolean
  /** Cost of the holdings, and the profit realised before; decimal text. */
  cost: string
  realised: string
  /** The same in `Premium.Units`; null where they are no whole number of them. */
  costUnits: number | null
  realisedUnits: number | null
  pending: Array<Pending>
  candle: OpenCandle | null
  /** Total P&L of the newest mark; decimal text, or null if unknown. */
  profit: string | null
  /** The first minute that may still change; earlier ones are closed for good. */
  openFromMs: number
  /** True if a mark is due at the next clock even within a window, because a row came late or the rate limit delayed a mark. */
  owed: boolean
  /** Windows of the newest marks, oldest first. */
  readonly marked: Array<number>
  /** The values of the newest mark; null before the first. */
  sent: Sent | null
}

/** The numbers of a mark as it is published: net Greeks in units of their last decimal place, NaN if unknown. */
export interface Sent {
  readonly units: Premium.Units | null
  readonly heldUnits: Premium.Units | null
  readonly cost: string
  readonly realised: string
  readonly delta: number
  readonly gamma: number
  readonly theta: number
  readonly vega: number
  readonly complete: boolean
  /** Ascending. */
  readonly missing: ReadonlyArray<number>
}

export const make = (owner: string, strategyId: number): Strategy => ({
  owner,
  strategyId,
  legs: [],
  unpriced: [],
  holdings: [],
  unvalued: false,
  cost: "0",
  realised: "0",
  costUnits: 0,
  realisedUnits: 0,
  pending: [],
  candle: null,
  profit: null,
  openFromMs: Number.NEGATIVE_INFINITY,
  owed: false,
  marked: [],
  sent: null
})

/** Identifies a strategy within a state. */
export const keyOf = ({ owner, strategy_id }: Pick<StrategyDefinition.Definition, "owner" | "strategy_id">): string =>
  `${strategy_id} ${owner}`

/** The underlyings whose frames price a strategy: those of its legs and of its open positions, each once, in a fixed order. */
export const underlyingsOf = (definition: StrategyDefinition.Definition): ReadonlyArray<Instrument.Underlying> => {
  const positions = definition.traded?.positions.flatMap(({ priced }) => priced ?? []) ?? []
  const held: ReadonlyArray<{ readonly exchange: string; readonly underlying: string }> = [...definition.legs, ...positions]
  const byKey = new Map(held.map(({ exchange, underlying }) => [feedKey(exchange, underlying), { exchange, name: underlying }]))
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, underlying]) => underlying)
}

// No exchange's name contains a blank, so the key is unambiguous.
export const feedKey = (exchange: string, underlying: string): string => `${exchange} ${underlying}`

export const isOption = (contract: Contract): boolean => contract.kind === "CE" || contract.kind === "PE"

export const multiplierOf = ({ multiplier }: Contract): number => multiplier ?? 1

const makeLine = ({ exchange, underlying, contract }: StrategyDefinition.Priced, position: number): Line => ({
  feed: feedKey(exchange, underlying),
  contract,
  position,
  factor: (Premium.unitsPerRupee / Instrument.priceScale(contract.instrument_token)) * multiplierOf(contract),
  row: -1,
  chain: -1,
  strike: -1
})

const makeLeg = (rules: RuleSet.RuleSet | undefined, leg: StrategyDefinition.Leg): Leg => ({
  ...makeLine(leg, Position.signed(leg.direction, leg.quantity)),
  legId: leg.leg_id,
  // Without the underlying's list of instruments, a share is assumed to trade until the end of the session.
  place: rules === undefined ? null : BarSession.placeOf(rules, leg, leg.contract, false),
  priceRow: -1
})

const noFills: StrategyDefinition.Traded = { realised: Money.zero, leg_ids: [], positions: [] }

/** Sets the holdings: legs without fills at their entry prices, and open positions at their cost. */
const hold = (strategy: Strategy, definition: StrategyDefinition.Definition): void => {
  const { realised, leg_ids, positions } = definition.traded ?? noFills
  const filled = new Set(leg_ids)
  const unfilled = definition.legs.filter(({ leg_id }) => !filled.has(leg_id))
  const open = positions.flatMap(({ priced, quantity }) => (priced === null ? [] : [makeLine(priced, quantity)]))
  strategy.holdings =
    filled.size === 0 && open.length === 0 ? strategy.legs : [...strategy.legs.filter(({ legId }) => !filled.has(legId)), ...open]
  strategy.unvalued = positions.some(({ priced }) => priced === null) || strategy.unpriced.some((legId) => !filled.has(legId))
  const entered = unfilled.reduce(
    (sum, leg) => sum.plus(Position.valueOf(leg.entry_price, Position.signed(leg.direction, leg.quantity) * multiplierOf(leg.contract))),
    Money.zero
  )
  const cost = positions.reduce((sum, { open_cost }) => sum.plus(open_cost), entered)
  strategy.cost = Money.format(cost)
  strategy.realised = Money.format(realised)
  strategy.costUnits = Premium.ofMoney(cost)
  strategy.realisedUnits = Premium.ofMoney(realised)
}

/** Takes a new definition. Its lines have no rows in the feeds yet. */
export const define = (strategy: Strategy, definition: StrategyDefinition.Definition, rules: RuleSet.RuleSet | undefined): void => {
  strategy.legs = definition.legs.filter(({ quantity }) => quantity !== 0).map((leg) => makeLeg(rules, leg))
  strategy.unpriced = definition.unpriced ?? []
  hold(strategy, definition)
}
