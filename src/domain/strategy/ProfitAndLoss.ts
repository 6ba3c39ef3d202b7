import * as Money from "../Money.ts"
import * as Position from "./Position.ts"

const { Decimal } = Money

/**
 * Decimal places of the average-cost basis after a partial close, the only division here that may not end. Nothing else is rounded. So
 * realised + unrealised is always exact, and both are exact when the position is flat.
 */
export const costPlaces = 40

/** Open units that were bought or sold together. Quantity is signed; long is positive. */
export interface Lot {
  readonly quantity: number
  readonly price: Money.Decimal
  /** Rupees, with the sign of the quantity. */
  readonly cost: Money.Decimal
}

/** All that P&L needs from one instrument's fills. Values are in rupees, without charges. */
export interface State {
  /** Long positive. */
  readonly netQuantity: number
  /** Received minus paid. */
  readonly cash: Money.Decimal
  /** Average cost: the cost of the open position, with the sign of its quantity. */
  readonly averageCost: Money.Decimal
  /** FIFO: the open lots, oldest first, all with the same sign. */
  readonly lots: ReadonlyArray<Lot>
  /** FIFO: cost of the open lots. */
  readonly lotsCost: Money.Decimal
}

export const empty: State = { netQuantity: 0, cash: Money.zero, averageCost: Money.zero, lots: [], lotsCost: Money.zero }

/** A state under construction. Lots before `first` are closed. */
interface Draft {
  netQuantity: number
  cash: Money.Decimal
  averageCost: Money.Decimal
  lotsCost: Money.Decimal
  readonly lots: Array<Lot>
  first: number
}

const draftOf = (state: State): Draft => ({ ...state, lots: [...state.lots], first: 0 })
const stateOf = ({ averageCost, cash, first, lots, lotsCost, netQuantity }: Draft): State => ({
  netQuantity,
  cash,
  averageCost,
  lots: lots.slice(first),
  lotsCost
})

/** Removes `closed` units (positive, fewer than are open) from the oldest lots. */
const closeOldest = (draft: Draft, closed: number): void => {
  let left = closed
  let lot = draft.lots[draft.first] as Lot
  while (left >= Math.abs(lot.quantity)) {
    draft.lotsCost = draft.lotsCost.minus(lot.cost)
    left -= Math.abs(lot.quantity)
    draft.first++
    lot = draft.lots[draft.first] as Lot
  }
  if (left === 0) return
  const taken = Math.sign(lot.quantity) * left
  const cost = lot.price.times(taken)
  draft.lotsCost = draft.lotsCost.minus(cost)
  draft.lots[draft.first] = { quantity: lot.quantity - taken, price: lot.price, cost: lot.cost.minus(cost) }
}

/** An opposite fill first closes the position, by FIFO and by average cost. The rest opens a new position at the fill's price. */
const apply = (draft: Draft, trade: Position.Fill): void => {
  const quantity = Position.signed(trade.direction, trade.quantity)
  if (quantity === 0) return
  const price = new Decimal(trade.price)
  const value = Position.valueOf(price, quantity)
  const before = draft.netQuantity
  draft.netQuantity = Money.checked(before + quantity)
  draft.cash = draft.cash.minus(value)
  if (before === 0 || Math.sign(before) === Math.sign(quantity)) {
    draft.averageCost = draft.averageCost.plus(value)
    draft.lotsCost = draft.lotsCost.plus(value)
    draft.lots.push({ quantity, price, cost: value })
  } else if (Math.abs(quantity) >= Math.abs(before)) {
    draft.averageCost = Position.valueOf(price, draft.netQuantity)
    draft.lotsCost = draft.averageCost
    draft.first = draft.lots.length
    if (draft.netQuantity !== 0) draft.lots.push({ quantity: draft.netQuantity, price, cost: draft.averageCost })
  } else {
    draft.averageCost = draft.averageCost.times(draft.netQuantity).div(before).toDecimalPlaces(costPlaces)
    closeOldest(draft, Math.abs(quantity))
  }
}

/** Adds one fill. */
export const fill = (state: State, trade: Position.Fill): State => fold(state, [trade])

/** Adds many fills in execution order. The time is linear in their number, however many lots stay open. */
export const fold = (state: State, trades: Iterable<Position.Fill>): State => {
  const draft = draftOf(state)
  for (const trade of trades) apply(draft, trade)
  return stateOf(draft)
}

export interface Split {
  readonly realised: Money.Decimal
  /** (last price - open average) x net quantity. */
  readonly unrealised: Money.Decimal
  /** Average cost of one open unit; null when flat. */
  readonly openAverage: Money.Decimal | null
}

/** P&L of one instrument at a last price, by FIFO and by average cost. Both totals are the same. */
export interface Report {
  readonly netQuantity: number
  readonly fifo: Split
  readonly average: Split
  /** realised + unrealised = received - paid + last price x net quantity. */
  readonly total: Money.Decimal
}

const split = (state: State, openCost: Money.Decimal, value: Money.Decimal): Split => ({
  realised: state.cash.plus(openCost),
  unrealised: value.minus(openCost),
  openAverage: state.netQuantity === 0 ? null : openCost.div(state.netQuantity)
})

/** P&L at the last price `ltp` (rupees). The realised part does not depend on it, so a flat position may use any price. */
export const report = (state: State, ltp: Money.Decimal): Report => {
  const value = new Decimal(ltp).times(state.netQuantity)
  return {
    netQuantity: state.netQuantity,
    fifo: split(state, state.lotsCost, value),
    average: split(state, state.averageCost, value),
    total: state.cash.plus(value)
  }
}

export interface Totals {
  readonly fifoRealised: Money.Decimal
  readonly fifoUnrealised: Money.Decimal
  readonly averageRealised: Money.Decimal
  readonly averageUnrealised: Money.Decimal
  readonly total: Money.Decimal
}

/** Sums the reports of a strategy's instruments. */
export const totals = (reports: Iterable<Report>): Totals => {
  let sum: Totals = {
    fifoRealised: Money.zero,
    fifoUnrealised: Money.zero,
    averageRealised: Money.zero,
    averageUnrealised: Money.zero,
    total: Money.zero
  }
  for (const it of reports) {
    sum = {
      fifoRealised: sum.fifoRealised.plus(it.fifo.realised),
      fifoUnrealised: sum.fifoUnrealised.plus(it.fifo.unrealised),
      averageRealised: sum.averageRealised.plus(it.average.realised),
      averageUnrealised: sum.averageUnrealised.plus(it.average.unrealised),
      total: sum.total.plus(it.total)
    }
  }
  return sum
}
