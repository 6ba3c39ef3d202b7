import type { Decimal } from "../../../src/client/Client.ts"
import type { Holding, Position } from "../gateway/Contract.ts"
import { el, setClass, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Keyed from "../view/Keyed.ts"

/** One line of positions or holdings. */
interface Line {
  readonly id: string
  readonly name: string
  readonly product: string
  readonly quantity: number
  readonly average: Decimal
  readonly last: number
  readonly profit: Decimal
}

export const ofPosition = (it: Position, price: number | undefined, profit: Decimal): Line => ({
  id: `${it.exchange} ${it.tradingsymbol} ${it.product}`,
  name: it.tradingsymbol,
  product: it.product,
  quantity: it.quantity,
  average: it.average_price,
  last: price ?? it.last_price.toNumber(),
  profit
})
export const ofHolding = (it: Holding): Line => ({
  id: `${it.exchange} ${it.tradingsymbol}`,
  name: it.tradingsymbol,
  product: it.product,
  quantity: it.quantity,
  average: it.average_price,
  last: it.last_price.toNumber(),
  profit: it.pnl
})

const makeRow = (): Keyed.Row<Line> => {
  const name = el("span", { className: "mono name" })
  const product = el("small", { className: "muted" })
  const quantity = el("td", { className: "number" })
  const average = el("td", { className: "number" })
  const last = el("td", { className: "number" })
  const profit = el("td")
  return {
    element: el("tr", {}, el("th", { scope: "row" }, name, product), quantity, average, last, profit),
    update: (line) => {
      setText(name, line.name)
      setText(product, line.product)
      setText(quantity, Format.fixed(line.quantity, 0))
      setText(average, Format.price(line.average.toNumber()))
      setText(last, Format.price(line.last))
      setText(profit, Format.rupees(line.profit))
      setClass(profit, `number pnl ${Format.signOf(line.profit)}`)
    }
  }
}

/** Positions or holdings with their profit. */
export const make = (nothing: string): { readonly element: HTMLElement; readonly draw: (lines: ReadonlyArray<Line>) => void } => {
  const body = el("tbody")
  const names = ["Instrument", "Qty", "Avg", "LTP", "P&L"]
  const table = el(
    "table",
    { className: "positions" },
    el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)))),
    body
  )
  const empty = el("p", { className: "hint" }, nothing)
  const rows = Keyed.make(body, ({ id }: Line) => id, makeRow)
  return {
    element: el("div", {}, table, empty),
    draw: (lines) => {
      table.hidden = lines.length === 0
      empty.hidden = lines.length > 0
      rows.draw(lines)
    }
  }
}
