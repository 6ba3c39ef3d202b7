/** Compares the stored figures of an account with the broker's figures. */
import { Schema } from "effect"
import * as Money from "../Money.ts"
import * as Instrument from "../market/Instrument.ts"
import * as Figures from "./Figures.ts"

const kinds = ["order", "trade", "position", "holding", "funds"] as const
export type Kind = (typeof kinds)[number]

/**
 * One figure that differs. `id` is the order, trade, position (exchange, symbol and product), holding or segment. Null if that side does
 * not have it at all.
 */
export const Difference = Schema.Struct({
  kind: Schema.Literal(...kinds),
  id: Schema.String,
  field: Schema.String,
  held: Schema.NullOr(Schema.String),
  broker: Schema.NullOr(Schema.String)
}).annotations({ identifier: "AccountDifference" })
export type Difference = typeof Difference.Type

/** The broker's figures of one time. */
export interface Reading {
  /** The day in India by market time, on which it was read. */
  readonly day: string
  readonly orders: ReadonlyArray<Figures.Order>
  readonly trades: ReadonlyArray<Figures.Trade>
  readonly positions: Figures.Positions
  readonly holdings: ReadonlyArray<Figures.Holding>
  readonly funds: Figures.Funds
}

/** The stored figures: the orders and trades of the day, and the reading that was reconciled last (null before the first one). */
export interface Held {
  readonly orders: ReadonlyArray<Figures.Order>
  readonly trades: ReadonlyArray<Figures.Trade>
  readonly base: Reading | null
}

export const tradeKey = ({ order_id, trade_id }: Pick<Figures.Trade, "order_id" | "trade_id">): string => `${order_id}/${trade_id}`

type Fields = Readonly<Record<string, string | number>>
const compare = (kind: Kind, id: string, held: Fields | undefined, broker: Fields | undefined): ReadonlyArray<Difference> => {
  const names = Object.keys(broker ?? held ?? {})
  const text = (fields: Fields | undefined, name: string) => (fields === undefined ? null : String(fields[name]))
  return names
    .map((field) => ({ kind, id, field, held: text(held, field), broker: text(broker, field) }))
    .filter((it) => it.held !== it.broker)
}

const byId = <A>(all: ReadonlyArray<A>, id: (one: A) => string): ReadonlyMap<string, A> => new Map(all.map((one) => [id(one), one]))
const both = <A, B>(
  held: ReadonlyMap<string, A>,
  broker: ReadonlyMap<string, B>,
  each: (id: string, held: A | undefined, broker: B | undefined) => ReadonlyArray<Difference>
): ReadonlyArray<Difference> => [...new Set([...held.keys(), ...broker.keys()])].flatMap((id) => each(id, held.get(id), broker.get(id)))

const orderFields = ({ filled_quantity, status }: Figures.Order): Fields => ({ status, filled_quantity })
const tradeFields = ({ average_price, quantity }: Figures.Trade): Fields => ({ quantity, average_price: Money.format(average_price) })
const fieldsOf = <A>(fields: (one: A) => Fields, one: A | undefined): Fields | undefined => (one === undefined ? undefined : fields(one))

/** Quantities and values traded. The value is without the multiplier. */
interface Traded {
  readonly bought: number
  readonly boughtValue: Money.Decimal
  readonly sold: number
  readonly soldValue: Money.Decimal
}
const nothing: Traded = { bought: 0, boughtValue: Money.zero, sold: 0, soldValue: Money.zero }

const tradedBy = (trades: ReadonlyArray<Figures.Trade>): ReadonlyMap<string, Traded> => {
  const sums = new Map<string, Traded>()
  for (const trade of trades) {
    const key = Figures.keyOf(trade)
    const sum = sums.get(key) ?? nothing
    const value = trade.average_price.times(trade.quantity)
    sums.set(
      key,
      trade.transaction_type === "BUY"
        ? { ...sum, bought: sum.bought + trade.quantity, boughtValue: sum.boughtValue.plus(value) }
        : { ...sum, sold: sum.sold + trade.quantity, soldValue: sum.soldValue.plus(value) }
    )
  }
  return sums
}

/** The broker adds in binary fractions, so values are compared to the paisa. */
const paise = (value: Money.Decimal): string => value.toFixed(2)

const positionFields = (it: Figures.Position): Fields => ({
  quantity: it.quantity,
  day_buy_quantity: it.day_buy_quantity,
  day_buy_value: paise(it.day_buy_value),
  day_sell_quantity: it.day_sell_quantity,
  day_sell_value: paise(it.day_sell_value)
})

/** The expected position: the last reconciled one, with the trades since then. */
const expected = (base: Figures.Position | undefined, before: Traded, now: Traded, multiplier: number): Fields => {
  const bought = now.bought - before.bought
  const sold = now.sold - before.sold
  const value = (of: Money.Decimal | undefined, more: Money.Decimal) => paise((of ?? Money.zero).plus(more.times(multiplier)))
  return {
    quantity: (base?.quantity ?? 0) + bought - sold,
    day_buy_quantity: (base?.day_buy_quantity ?? 0) + bought,
    day_buy_value: value(base?.day_buy_value, now.boughtValue.minus(before.boughtValue)),
    day_sell_quantity: (base?.day_sell_quantity ?? 0) + sold,
    day_sell_value: value(base?.day_sell_value, now.soldValue.minus(before.soldValue))
  }
}

const positionDifferences = (base: Reading, trades: ReadonlyArray<Figures.Trade>, reading: Reading): ReadonlyArray<Difference> => {
  const [before, now] = [tradedBy(base.trades), tradedBy(trades)]
  const known = byId(base.positions.net, Figures.keyOf)
  const broker = byId(reading.positions.net, Figures.keyOf)
  const ids = new Map([...known.keys(), ...now.keys()].map((id) => [id, id]))
  return both(ids, broker, (id, _held, theirs) => {
    const of = known.get(id)
    const fields = expected(of, before.get(id) ?? nothing, now.get(id) ?? nothing, (theirs ?? of)?.multiplier ?? 1)
    const isFlat = theirs === undefined && fields["quantity"] === 0
    return isFlat ? [] : compare("position", id, fields, fieldsOf(positionFields, theirs))
  })
}

const holdingFields = ({ quantity, t1_quantity }: Figures.Holding): Fields => ({ quantity: quantity + t1_quantity })
const holdingKey = ({ exchange, tradingsymbol }: Figures.Holding): string => Instrument.symbolKey(exchange, tradingsymbol)

const segments = ["equity", "commodity"] as const
const fundsFields = (funds: Figures.Funds, segment: (typeof segments)[number]): Fields | undefined => {
  const it = funds[segment]
  return it === null ? undefined : { opening_balance: paise(it.available.opening_balance) }
}

/** An order's fills in the book and its trades: they differ while the broker is between the two, or if one is missing. */
const fillDifferences = ({ orders, trades }: Reading): ReadonlyArray<Difference> => {
  const filled = new Map<string, number>()
  for (const { order_id, quantity } of trades) filled.set(order_id, (filled.get(order_id) ?? 0) + quantity)
  return orders.flatMap(({ filled_quantity, order_id }) =>
    compare("trade", order_id, { filled_quantity }, { filled_quantity: filled.get(order_id) ?? 0 })
  )
}

/**
 * All differences between the stored figures and a reading, and between the parts of the reading itself. Positions, holdings and funds are
 * compared with the last reconciled reading of the same day: the broker carries positions into a new day, so a new day begins with its own
 * figures. An account that was never read has no stored figures, so nothing differs.
 */
export const differences = ({ base, orders, trades }: Held, reading: Reading): ReadonlyArray<Difference> => {
  if (base === null) return fillDifferences(reading)
  const known = both(
    byId(orders, (it) => it.order_id),
    byId(reading.orders, (it) => it.order_id),
    (id, held, broker) => compare("order", id, fieldsOf(orderFields, held), fieldsOf(orderFields, broker))
  )
  const traded = both(byId(trades, tradeKey), byId(reading.trades, tradeKey), (id, held, broker) =>
    compare("trade", id, fieldsOf(tradeFields, held), fieldsOf(tradeFields, broker))
  )
  const within = [...known, ...traded, ...fillDifferences(reading)]
  if (base.day !== reading.day) return within
  return [
    ...within,
    ...positionDifferences(base, trades, reading),
    ...both(byId(base.holdings, holdingKey), byId(reading.holdings, holdingKey), (id, held, broker) =>
      compare("holding", id, fieldsOf(holdingFields, held), fieldsOf(holdingFields, broker))
    ),
    ...segments.flatMap((segment) => compare("funds", segment, fundsFields(base.funds, segment), fundsFields(reading.funds, segment)))
  ]
}

const traits = ({ quantity, buy_quantity, buy_value, sell_quantity, sell_value }: Figures.Position): string =>
  [quantity, buy_quantity, paise(buy_value), sell_quantity, paise(sell_value)].join(" ")

/** The net positions of `now` in which something was traded since `before`. A new price alone is no change. */
export const changedPositions = (before: Figures.Positions | null, now: Figures.Positions): ReadonlyArray<Figures.Position> => {
  const known = byId(before?.net ?? [], Figures.keyOf)
  return now.net.filter((it) => {
    const of = known.get(Figures.keyOf(it))
    return of === undefined || traits(of) !== traits(it)
  })
}
