import type { Freshness } from "../desk/Freshness.ts"
import type { ChainUpdate } from "../gateway/Contract.ts"
import * as Live from "../gateway/Live.ts"
import { el, segments, setText } from "../view/Element.ts"
import * as Frames from "../view/Frames.ts"
import type { Picked } from "./ChainGrid.ts"
import * as ChainHead from "./ChainHead.ts"
import type { Chosen } from "./ChainMarks.ts"
import * as ChainModel from "./ChainModel.ts"
import * as ChainPick from "./ChainPick.ts"
import * as ChainTable from "./ChainTable.ts"

/** The column sets that a narrow table can show beside the strike. */
const sets = [
  { id: "price", label: "Price" },
  { id: "greeks", label: "Greeks" },
  { id: "interest", label: "Interest" }
] as const

export interface Events {
  readonly onTrade: (picked: Picked, direction: "BUY" | "SELL") => void
  readonly onUpdate: (update: ChainUpdate) => void
  /** The user asks to stream the expiry that is shown. The chain is empty until then. */
  readonly onStream: () => void
}

export interface ChainPanel {
  readonly element: HTMLElement
  readonly model: () => ChainModel.ChainModel
  readonly show: (symbol: string, expiry: string, lotSize: number | undefined) => void
  readonly mark: (chosen: Chosen) => void
  readonly setFreshness: (freshness: Freshness, note: string) => void
  /** When the newest message of the chain arrived, by performance.now(). */
  readonly heardAt: () => number
  readonly close: () => void
}

interface Chain {
  readonly symbol: string
  readonly expiry: string
  readonly lotSize: number | undefined
}

const keysText =
  "Arrow keys move, Ctrl+Home and Ctrl+End go to the first and the last option, B buys and S sells. A click on a bid sells, on an ask buys."

/** The elements of the panel around its table. */
const makeView = (table: HTMLElement, head: HTMLElement, pick: HTMLElement, onCentre: () => void, onStream: () => void) => {
  const note = el("p", { className: "banner", hidden: true, attrs: { role: "status" } })
  const empty = el(
    "div",
    { className: "hint empty", hidden: true },
    el("p", {}, "Nothing of this expiry is streamed yet."),
    el("button", { type: "button", className: "primary", onclick: onStream }, "Stream this expiry")
  )
  const columnSets = segments("Columns", sets, (id) => choose(id))
  columnSets.element.classList.add("sets")
  const element = el(
    "section",
    { className: "panel chainpanel", attrs: { "aria-label": "Option chain" } },
    el("header", {}, head, columnSets.element),
    note,
    el(
      "div",
      { className: "sides" },
      el("span", {}, "Calls"),
      el("button", { type: "button", className: "quiet", title: "Scroll to the money", onclick: onCentre }, "To the money"),
      el("span", {}, "Puts")
    ),
    table,
    empty,
    el("footer", {}, pick, el("p", { id: "chain-keys", className: "keys", title: keysText }, keysText))
  )
  const choose = (id: (typeof sets)[number]["id"]): void => {
    element.dataset["set"] = id
    columnSets.press(id)
  }
  choose("price")
  return { element, note, empty }
}

/** The live chain of one underlying and expiry. */
export const make = (options: Live.Options, events: Events): ChainPanel => {
  let model = ChainModel.make()
  let shown: Chain | undefined
  let heardAt = performance.now()

  const head = ChainHead.make()
  const pick = ChainPick.make(events.onTrade)
  const table = ChainTable.make({
    onTrade: events.onTrade,
    onScroll: () => draw(),
    onPick: (picked) => {
      pick.pick(picked)
      pick.draw(model)
    }
  })
  const view = makeView(table.element, head.element, pick.element, table.centre, events.onStream)

  const draw: () => void = Frames.make(() => {
    if (table.draw(model)) draw()
    pick.draw(model)
    view.empty.hidden = model.rows.size > 0 || model.head === undefined
    table.element.hidden = !view.empty.hidden
    head.draw(model.head, shown?.lotSize)
  })

  const live = Live.open(options.client.chains, options, (update) => {
    if (update.type !== "update") return
    // A message of the previous chain may still arrive.
    if (update.symbol !== shown?.symbol || update.expiry !== shown.expiry) return
    heardAt = performance.now()
    ChainModel.apply(model, update)
    events.onUpdate(update)
    draw()
  })

  return {
    element: view.element,
    model: () => model,
    show: (symbol, expiry, lotSize) => {
      if (shown !== undefined) live.unsubscribe([shown])
      shown = { symbol, expiry, lotSize }
      model = ChainModel.make()
      pick.pick(undefined)
      heardAt = performance.now()
      table.clear()
      live.subscribe([shown])
      draw()
    },
    mark: table.mark,
    setFreshness: (freshness, text) => {
      if (view.element.dataset["freshness"] !== freshness) view.element.dataset["freshness"] = freshness
      view.note.hidden = text === ""
      setText(view.note, text)
    },
    heardAt: () => heardAt,
    close: () => {
      table.close()
      live.close()
    }
  }
}
