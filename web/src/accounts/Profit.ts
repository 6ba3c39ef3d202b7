/** Profit of positions at newer prices than the gateway's answer has. */
import { Decimal } from "../../../src/client/Client.ts"
import type { Position } from "../gateway/Contract.ts"

type Held = Pick<Position, "pnl" | "quantity" | "multiplier" | "last_price">

/** The gateway's profit, moved by the price since then. Rupees. A last price of zero means that the gateway did not know one. */
export const at = ({ pnl, quantity, multiplier, last_price }: Held, price: number | undefined): Decimal =>
  price === undefined || last_price.isZero() ? pnl : pnl.plus(new Decimal(price).minus(last_price).times(quantity).times(multiplier))

export const sum = (amounts: ReadonlyArray<Decimal>): Decimal => amounts.reduce((all, one) => all.plus(one), new Decimal(0))
