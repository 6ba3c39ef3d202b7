import { hasTrigger, isPriced, type OrderType } from "../../../src/domain/accounts/OrderAttributes.ts"
import { el, field, labelled, segments } from "../view/Element.ts"
import * as OrderDraft from "./OrderDraft.ts"

export interface Events {
  readonly onEdit: (change: Partial<OrderDraft.Terms>) => void
  readonly strategies: () => ReadonlyArray<{ readonly id: number; readonly name: string }>
}
export interface OrderForm {
  readonly element: HTMLElement
  readonly draw: (draft: OrderDraft.OrderDraft) => void
  /** Reads again which strategies may get the fills. */
  readonly refresh: () => void
}

const typeNames: Readonly<Record<OrderType, string>> = {
  LIMIT: "Limit",
  MARKET: "Market",
  SL: "Stop limit",
  "SL-M": "Stop market"
}
const productNames: Readonly<Record<OrderDraft.Product, string>> = { NRML: "Carry (NRML)", MIS: "Intraday (MIS)", CNC: "Delivery (CNC)" }

/** A choice among a few words. */
const choice = <Value extends string>(label: string, names: Readonly<Record<Value, string>>, onChoose: (value: Value) => void) => {
  const options = new Map((Object.keys(names) as Array<Value>).map((value) => [value, el("option", { value }, names[value])]))
  const select = el("select", { ariaLabel: label, onchange: () => onChoose(select.value as Value) }, ...options.values())
  return {
    element: labelled(label, select),
    show: (value: Value, allowed: ReadonlyArray<Value> = [...options.keys()]): void => {
      for (const [each, option] of options) option.hidden = option.disabled = !allowed.includes(each)
      select.value = value
    }
  }
}

/** An amount that the user types. */
const amount = (label: string, onChange: (text: string) => void, placeholder = "") => {
  const made = field({ type: "number", min: "0", step: "any", ariaLabel: label, placeholder })
  made.input.onchange = () => onChange(made.input.value)
  const element = labelled(label, made.input)
  return {
    element,
    show: (text: string, isShown: boolean): void => {
      element.hidden = !isShown
      made.show(text)
    }
  }
}

/** Which strategy gets the fills. */
const strategyChoice = ({ onEdit, strategies }: Events) => {
  const select = el("select", {
    ariaLabel: "Strategy",
    onchange: () => onEdit({ strategyId: select.value === "" ? null : Number(select.value) })
  })
  let chosen = ""
  const refresh = (): void => {
    const options = strategies().map(({ id, name }) => el("option", { value: String(id) }, name))
    select.replaceChildren(el("option", { value: "" }, "No strategy"), ...options)
    select.value = options.some(({ value }) => value === chosen) ? chosen : ""
  }
  return {
    element: el("div", { className: "wide" }, labelled("Strategy", select)),
    refresh,
    show: (id: number | null): void => {
      chosen = id === null ? "" : String(id)
      if (select.value !== chosen) refresh()
    }
  }
}

/** The terms of an order as fields. A field that the order type does not have is hidden. */
export const make = (events: Events): OrderForm => {
  const { onEdit } = events
  const sides = segments(
    "Side",
    [
      { id: "BUY", label: "Buy" },
      { id: "SELL", label: "Sell" }
    ],
    (side) => onEdit({ side })
  )
  const lots = field({ type: "number", min: "1", max: String(OrderDraft.lotsMax), step: "1", ariaLabel: "Lots" })
  lots.input.onchange = () => onEdit({ lots: Number(lots.input.value) })
  const type = choice("Type", typeNames, (orderType) => onEdit({ orderType }))
  const product = choice("Product", productNames, (chosen) => onEdit({ product: chosen }))
  const validity = choice("Validity", { DAY: "Day", IOC: "At once (IOC)" }, (chosen) => onEdit({ validity: chosen }))
  const price = amount("Price", (text) => onEdit({ price: text }))
  const trigger = amount("Trigger price", (text) => onEdit({ trigger: text }))
  const protection = amount("Protection %", (text) => onEdit({ protection: text }), "automatic")
  const strategy = strategyChoice(events)
  const slice = el("input", { type: "checkbox", onchange: () => onEdit({ slice: slice.checked }) })
  const fields = el(
    "fieldset",
    { className: "orderfields" },
    el("legend", { className: "unseen" }, "Order"),
    sides.element,
    labelled("Lots", lots.input),
    type.element,
    price.element,
    trigger.element,
    protection.element,
    product.element,
    validity.element,
    strategy.element,
    el("label", { className: "check wide" }, slice, "Cut it into several orders above the exchange's largest quantity")
  )
  return {
    element: fields,
    refresh: strategy.refresh,
    draw: (draft) => {
      fields.disabled = draft.isSent
      sides.press(draft.side)
      sides.element.dataset["side"] = draft.side
      lots.show(String(draft.lots))
      type.show(draft.orderType)
      product.show(draft.product, OrderDraft.productsOf(draft.contract))
      validity.show(draft.validity)
      price.show(draft.price, isPriced(draft.orderType))
      trigger.show(draft.trigger, hasTrigger(draft.orderType))
      protection.show(draft.protection, OrderDraft.isProtected(draft))
      strategy.show(draft.strategyId)
      slice.checked = draft.slice
    }
  }
}
