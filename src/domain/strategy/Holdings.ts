import * as Money from "../Money.ts"
import type * as StrategyDefinition from "../record/StrategyDefinition.ts"
import * as Multiplier from "./Multiplier.ts"
import type * as Position from "./Position.ts"
import * as ProfitAndLoss from "./ProfitAndLoss.ts"

/**
 * What a strategy holds, and what it cost. An instrument with fills is what its fills make of it, whatever its legs say; a leg of an
 * instrument without fills counts as one fill of its quantity at its entry price. So P&L and net Greeks have one meaning everywhere.
 */

/** By exchange and tradingsymbol: a token names another contract after its own has expired. */
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

/** The final price of an expired contract, and where it comes from: it closes what was held. */
export interface Settled {
  readonly price: Money.Decimal
  readonly source: string
}
export type Settlements = (instrument: { readonly exchange: string; readonly tradingsymbol: string }) => Settled | undefined
export const nothingSettled: Settlements = () => undefined

/** Looks settlements up by contract. */
export const settlementsOf = (all: Iterable<Settled & { readonly exchange: string; readonly tradingsymbol: string }>): Settlements => {
  const byKey = new Map(
    Array.from(all, ({ exchange, tradingsymbol, price, source }) => [`${exchange}:${tradingsymbol}`, { price, source }])
  )
  return ({ exchange, tradingsymbol }) => byKey.get(`${exchange}:${tradingsymbol}`)
}

/** What is open of a settled contract is closed at its final price, as a last trade would. */
const settle = (state: ProfitAndLoss.State, settled: Settled | undefined): ProfitAndLoss.State => {
  if (settled === undefined || state.netQuantity === 0) return state
  const direction = state.netQuantity > 0 ? "SELL" : "BUY"
  return ProfitAndLoss.fill(state, { direction, quantity: Math.abs(state.netQuantity), price: settled.price })
}

/** All fills of one instrument, folded; its token is the newest fill's. */
export interface Traded extends Named {
  /** In units of the underlying: quantity times multiplier. */
  readonly state: ProfitAndLoss.State
  readonly multiplier: number
}

export interface Holding extends Traded {
  readonly source: "fills" | "leg"
  /** The leg itself, or the legs whose place the fills take (none is possible). */
  readonly legIds: ReadonlyArray<number>
  /** Present once the contract's final price is known: nothing of it is open then. */
  readonly settled?: Settled
}

const keyOf = ({ exchange, tradingsymbol }: Named): string => `${exchange}:${tradingsymbol}`

/** Fills in the order they were executed, by instrument in the order of its first fill. */
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
 * Legs of instruments without fills in their order, then the instruments with fills, flat ones included. Legs of quantity zero are left out.
 * What has settled is flat: its profit is realised for ever.
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

/** What is open of a holding in Kite's own count, which is contracts for commodities. */
export const quantityOf = ({ state, multiplier }: Traded): number => state.netQuantity / multiplier

/** What a definition says of fills and of what has settled: undefined without any. `of` is the contract of an instrument, null where the day has none. */
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

/** P&L of a holding; what needs a price is null without one. */
export interface Valued {
  readonly holding: Holding
  readonly report: ProfitAndLoss.Report
  /** Whether the report's price is one: without it only what is realised means anything, unless nothing is open. */
  readonly isPriced: boolean
}

/** A holding at its last price, null where there is none. */
export const value = (holding: Holding, lastPrice: Money.Decimal | null): Valued => ({
  holding,
  report: ProfitAndLoss.report(holding.state, lastPrice ?? Money.zero),
  isPriced: lastPrice !== null || holding.state.netQuantity === 0
})
