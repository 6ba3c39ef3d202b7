import type { Decimal } from "../../../src/client/Client.ts"
import type { Funds } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Facts from "../view/Facts.ts"
import * as Format from "../view/Format.ts"

/** The money of an account, with the profit of its positions. A commodity segment is added to the equity segment. */
export const make = (): {
  readonly element: HTMLElement
  readonly draw: (funds: Funds | undefined, profit: Decimal | undefined) => void
} => {
  const net = Facts.make("Available", "What can be used for orders, rupees")
  const cash = Facts.make("Cash", "Rupees")
  const opening = Facts.make("Opening balance", "Cash at the beginning of the day, rupees")
  const used = Facts.make("Used", "Blocked for positions and orders, rupees")
  const gross = Facts.make("P&L", "Profit of all positions before charges, rupees")
  const charges = Facts.make("Charges", "All charges of a paper account's fills, already taken from its cash, rupees")
  return {
    element: el("dl", { className: "facts funds" }, ...[net, cash, opening, used, gross, charges].map(({ element }) => element)),
    draw: (funds, profit) => {
      const segments = [funds?.equity, funds?.commodity].filter((one) => one != null)
      const sum = (of: (segment: (typeof segments)[number]) => Decimal): Decimal | undefined =>
        segments.length === 0 ? undefined : segments.map(of).reduce((all, one) => all.plus(one))
      net.set(
        Format.rupees(
          sum((it) => it.net),
          false
        )
      )
      cash.set(
        Format.rupees(
          sum((it) => it.available.cash),
          false
        )
      )
      opening.set(
        Format.rupees(
          sum((it) => it.available.opening_balance),
          false
        )
      )
      used.set(
        Format.rupees(
          sum((it) => it.utilised.debits),
          false
        )
      )
      gross.set(Format.rupees(profit), Format.signOf(profit))
      charges.element.hidden = funds?.charges == null
      charges.set(Format.rupees(funds?.charges, false))
    }
  }
}
