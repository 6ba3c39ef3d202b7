import { el, field, setClass, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Keyed from "../view/Keyed.ts"
import type { OrderRow, Target } from "./OrderRow.ts"

/** The changed terms of an open order. An absent one stays. */
export interface Change {
  readonly quantity?: number
  readonly price?: string
  readonly trigger_price?: string
}
export interface Events {
  readonly onCancel: (target: Target) => void
  readonly onModify: (target: Target, change: Change) => void
}

/** The fields to modify an open order. What the user typed stays while the order changes. */
const makeEditor = (row: () => OrderRow, onSave: (change: Change) => void) => {
  const quantity = field({ type: "number", min: "1", step: "1", ariaLabel: "New quantity" })
  const price = field({ type: "number", min: "0", step: "any", ariaLabel: "New price" })
  const trigger = field({ type: "number", min: "0", step: "any", ariaLabel: "New trigger price" })
  const element = el(
    "form",
    { className: "row modify", hidden: true },
    quantity.input,
    price.input,
    trigger.input,
    el("button", { type: "submit", className: "primary" }, "Save")
  )
  element.onsubmit = (event) => {
    event.preventDefault()
    const { terms } = row()
    if (terms === null) return
    const amount = Number(quantity.input.value)
    const change: Change = {
      ...(amount > 0 && amount !== terms.quantity && { quantity: amount }),
      ...(terms.price !== null && price.input.value !== terms.price && { price: price.input.value }),
      ...(terms.trigger !== null && trigger.input.value !== terms.trigger && { trigger_price: trigger.input.value })
    }
    element.hidden = true
    if (Object.keys(change).length > 0) onSave(change)
  }
  return {
    element,
    show: ({ terms }: OrderRow): void => {
      if (terms === null) element.hidden = true
      if (terms === null || !element.hidden) return
      quantity.show(String(terms.quantity))
      price.show(terms.price ?? "")
      price.input.hidden = terms.price === null
      trigger.show(terms.trigger ?? "")
      trigger.input.hidden = terms.trigger === null
    }
  }
}

const makeRow = (first: OrderRow, mayTrade: boolean, events: Events): Keyed.Row<OrderRow> => {
  let row = first
  const side = el("span")
  const name = el("span", { className: "mono name" })
  const what = el("small", { className: "muted" })
  const status = el("span")
  const note = el("p", { className: "ordernote" })
  const cancel = el("button", {
    type: "button",
    className: "quiet danger",
    textContent: "Cancel",
    onclick: () => row.target !== null && events.onCancel(row.target)
  })
  const modify = el("button", { type: "button", className: "quiet", textContent: "Modify" })
  const editor = makeEditor(
    () => row,
    (change) => row.target !== null && events.onModify(row.target, change)
  )
  modify.onclick = () => {
    editor.element.hidden = !editor.element.hidden
    if (!editor.element.hidden) editor.element.querySelector("input")?.focus()
  }
  const element = el(
    "li",
    {},
    el("div", { className: "row" }, side, name, status),
    el("div", { className: "row between" }, what, el("span", { className: "row" }, modify, cancel)),
    editor.element,
    note
  )
  return {
    element,
    update: (next) => {
      row = next
      setClass(side, `direction ${row.side.toLowerCase()}`)
      setText(side, row.side)
      setText(name, row.tradingsymbol)
      setText(status, row.status)
      setClass(status, `orderstatus ${row.tone}`)
      setText(what, `${row.filled} of ${row.quantity} · ${row.price} · ${row.product} · ${Format.clock(Date.parse(row.at))}`)
      setText(note, row.note)
      note.hidden = row.note === ""
      cancel.hidden = !mayTrade || row.target === null
      cancel.ariaLabel = `Cancel the order of ${row.tradingsymbol}`
      modify.hidden = !mayTrade || row.terms === null
      modify.ariaLabel = `Modify the order of ${row.tradingsymbol}`
      editor.show(row)
    }
  }
}

/** An account's orders. */
export const make = (
  mayTrade: boolean,
  events: Events
): { readonly element: HTMLElement; readonly draw: (rows: ReadonlyArray<OrderRow>) => void } => {
  const list = el("ul", { className: "orders" })
  const empty = el("p", { className: "hint" }, "No orders today.")
  const shown = Keyed.make(
    list,
    ({ id }: OrderRow) => id,
    (row) => makeRow(row, mayTrade, events)
  )
  return {
    element: el("div", {}, list, empty),
    draw: (rows) => {
      empty.hidden = rows.length > 0
      shown.draw(rows)
    }
  }
}
