import * as Money from "../Money.ts"
import * as Instrument from "../market/Instrument.ts"
import type * as StrategyDefinition from "../record/StrategyDefinition.ts"
import * as Multiplier from "./Multiplier.ts"
import type * as Position from "./Position.ts"
import * as ProfitAndLoss from "./ProfitAndLoss.ts"

/**
 * What a strategy holds, and what it cost. If an instrument has fills, they decide the holding, whatever the legs say. Otherwise a leg
 * counts as one fill of its quantity at its entry price. So P&L and net Greeks have one meaning everywhere.
 */

/** An instrument, identified by exchange and tradingsymbol: a token is reused after its contract has expired. */
interface Named {
  readonly instrumentToken: number
  readonly tradingsymbol: string
  readonly exchange: string
}

export interface Fill extends Named, Position.Fill {}

export interface Leg extends Named {
  readonly legId: number
  readonly direction: Position.Direction
  readonly quantity: number
  readonly entryPrice: Money.Decimal
}

/** The final price of an expired contract, and its source. It closes the position. */
export interface Settled {
  readonly price: Money.Decimal
  readonly source: string
}
export type Settlements = (instrument: { readonly exchange: string; readonly tradingsymbol: string }) => Settled | undefined
export const nothingSettled: Settlements = () => undefined

/** Builds the look-up of settlements by contract. */
export const settlementsOf = (all: Iterable<Settled & { readonly exchange: string; readonly tradingsymbol: string }>): Settlements => {
  const byKey = new Map(
    Array.from(all, ({ exchange, tradingsymbol, price, source }) => [Instrument.symbolKey(exchange, tradingsymbol), { price, source }])
  )
  return ({ exchange, tradingsymbol }) => byKey.get(Instrument.symbolKey(exchange, tradingsymbol))
}

/** Closes an open position in a settled contract at its final price, like a last trade. */
const settle = (state: ProfitAndLoss.State, settled: Settled | undefined): ProfitAndLoss.State => {
  if (settled === undefined || state.netQuantity === 0) return state
  const direction = state.netQuantity > 0 ? "SELL" : "BUY"
  return ProfitAndLoss.fill(state, { direction, quantity: Math.abs(state.netQuantity), price: settled.price })
}

/** All fills of one instrument, folded. The token is the newest fill's. */
export interface Traded extends Named {
  /** In units of the underlying: quantity times multiplier. */
  readonly state: ProfitAndLoss.State
  readonly multiplier: number
}

export interface Holding extends Traded {
  readonly source: "fills" | "leg"
  /** The leg itself, or the legs that the fills replace (possibly none). */
  readonly legIds: ReadonlyArray<number>
  /** Present once the contract's final price is known. Then nothing is open. */
  readonly settled?: Settled
}

const keyOf = ({ exchange, tradingsymbol }: Named): string => Instrument.symbolKey(exchange, tradingsymbol)

/** Folds fills, which must be in execution order. Instruments are in the order of their first fill. */
export const traded = (fills: Iterable<Fill>, multiplierOf: Multiplier.MultiplierOf = Multiplier.single): ReadonlyMap<string, Traded> => {
  const byKey = new Map<string, Array<Fill>>()
  for (const fill of fills) {
    const key = keyOf(fill)
    const before = byKey.get(key)
    if (before === undefined) byKey.set(key, [fill])
    else before.push(fill)
  }
  return new Map(
    Array.from(byKey, ([key, trades]) => {
      const { instrumentToken, tradingsymbol, exchange } = trades.at(-1) as Fill
      const multiplier = multiplierOf({ exchange, tradingsymbol })
      const units = trades.map((trade) => ({ ...trade, quantity: trade.quantity * multiplier }))
      return [key, { instrumentToken, tradingsymbol, exchange, multiplier, state: ProfitAndLoss.fold(ProfitAndLoss.empty, units) }]
    })
  )
}

/**
 * Legs of instruments without fills in their order, then the instruments with fills, including flat ones. Legs of quantity zero are
 * omitted. Settled holdings are flat: their profit is realised.
 */
export const holdings = (
  legs: Iterable<Leg>,
  fills: ReadonlyMap<string, Traded>,
  settlements: Settlements = nothingSettled,
  multiplierOf: Multiplier.MultiplierOf = Multiplier.single
): ReadonlyArray<Holding> => {
  const held: Array<Holding> = []
  const legIds = new Map<string, Array<number>>()
  for (const leg of legs) {
    const { legId, instrumentToken, tradingsymbol, exchange, direction, quantity, entryPrice } = leg
    const key = keyOf(leg)
    if (fills.has(key)) legIds.set(key, [...(legIds.get(key) ?? []), legId])
    else if (quantity > 0) {
      const multiplier = multiplierOf(leg)
      const state = ProfitAndLoss.fill(ProfitAndLoss.empty, { direction, quantity: quantity * multiplier, price: entryPrice })
      held.push({ source: "leg", legIds: [legId], instrumentToken, tradingsymbol, exchange, multiplier, state })
    }
  }
  for (const [key, it] of fills) held.push({ source: "fills", legIds: legIds.get(key) ?? [], ...it })
  return held.map((holding) => {
    const settled = settlements(holding)
    return settled === undefined ? holding : { ...holding, state: settle(holding.state, settled), settled }
  })
}

/** A holding's open quantity in Kite's units, which are contracts for commodities. */
export const quantityOf = ({ state, multiplier }: Traded): number => state.netQuantity / multiplier

/**
 * A definition's summary of fills and settlements; undefined if there are none. `of` returns an instrument's contract, or null if the
 * day's master lacks it.
 */
export const inDefinition = (
  legs: ReadonlyArray<Leg>,
  fills: ReadonlyMap<string, Traded>,
  of: (instrument: Named) => StrategyDefinition.Priced | null,
  settlements: Settlements = nothingSettled,
  multiplierOf: Multiplier.MultiplierOf = Multiplier.single
): StrategyDefinition.Traded | undefined => {
  const filled = holdings(legs, fills, settlements, multiplierOf).filter(
    ({ source, settled }) => source === "fills" || settled !== undefined
  )
  if (filled.length === 0) return undefined
  return {
    realised: filled.reduce((sum, { state }) => sum.plus(ProfitAndLoss.report(state, Money.zero).fifo.realised), Money.zero),
    leg_ids: filled.flatMap(({ legIds }) => legIds),
    positions: filled
      .filter(({ state }) => state.netQuantity !== 0)
      .map((it) => ({
        instrument_token: it.instrumentToken,
        tradingsymbol: it.tradingsymbol,
        quantity: quantityOf(it),
        open_cost: it.state.lotsCost,
        priced: of(it)
      }))
  }
}

/** P&L of a holding; values that need a price are null without one. */
export interface Valued {
  readonly holding: Holding
  readonly report: ProfitAndLoss.Report
  /** Whether the report used a real price. Without one only the realised part is valid, unless nothing is open. */
  readonly isPriced: boolean
}

/** Values a holding at its last price, which is null if unknown. */
export const value = (holding: Holding, lastPrice: Money.Decimal | null): Valued => ({
  holding,
  report: ProfitAndLoss.report(holding.state, lastPrice ?? Money.zero),
  isPriced: lastPrice !== null || holding.state.netQuantity === 0
})
