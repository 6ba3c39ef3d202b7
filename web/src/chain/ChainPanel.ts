import type { Freshness } from "../desk/Freshness.ts"
import type { ChainUpdate } from "../gateway/Contract.ts"
import * as Live from "../gateway/Live.ts"
import { el, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Frames from "../view/Frames.ts"
import * as ChainModel from "./ChainModel.ts"
import * as ChainTable from "./ChainTable.ts"

type Direction = "BUY" | "SELL"

/** Which columns a narrow table shows beside the strike. */
const sets = [
  { id: "price", label: "Price" },
  { id: "greeks", label: "Greeks" },
  { id: "interest", label: "Interest" }
] as const

export interface Events {
  readonly onTrade: (picked: ChainTable.Picked, direction: Direction) => void
  readonly onUpdate: (update: ChainUpdate) => void
}

export interface ChainPanel {
  readonly element: HTMLElement
  readonly model: () => ChainModel.ChainModel
  readonly show: (symbol: string, expiry: string) => void
  readonly mark: (chosen: ReadonlyMap<string, Direction>) => void
  readonly setFreshness: (freshness: Freshness, note: string) => void
  /** When the chain was last heard of, by performance.now(). */
  readonly heardAt: () => number
  readonly close: () => void
}

/** The live chain of one underlying and expiry. */
export const make = (options: Live.Options, events: Events): ChainPanel => {
  let model = ChainModel.make()
  let wanted: { readonly symbol: string; readonly expiry: string } | undefined
  let picked: ChainTable.Picked | undefined
  let heardAt = performance.now()

  const fact = (name: string, title: string) => {
    const value = el("dd", {}, Format.none)
    return { value, element: el("div", { title }, el("dt", {}, name), value) }
  }
  const forward = fact("Forward", "Forward of this expiry, from put-call parity")
  const atm = fact("ATM", "Strike at the money")
  const pain = fact("Max pain", "Strike at which options pay their holders least")
  const pcr = fact("PCR", "Put-call ratio of open interest")
  const pcrVolume = fact("PCR vol", "Put-call ratio of volume")
  const callOi = fact("Call OI", "Open interest of all calls")
  const putOi = fact("Put OI", "Open interest of all puts")
  const facts = [forward, atm, pain, pcr, pcrVolume, callOi, putOi]

  const note = el("p", { className: "banner", hidden: true })
  const empty = el("p", { className: "hint empty", hidden: true }, "Nothing of this expiry is streamed yet.")
  const pickName = el("span", { className: "mono" })
  const pickPrice = el("span", { className: "muted" })
  const trade = (direction: Direction) => {
    const text = direction === "BUY" ? "Buy" : "Sell"
    return el("button", {
      type: "button",
      className: `direction ${direction.toLowerCase()}`,
      textContent: text,
      onclick: () => {
        if (picked !== undefined) events.onTrade(picked, direction)
      }
    })
  }
  const pick = el(
    "div",
    { className: "pick", hidden: true, attrs: { role: "toolbar", "aria-label": "Chosen option" } },
    pickName,
    pickPrice,
    trade("BUY"),
    trade("SELL")
  )
  const drawPick = (): void => {
    if (picked === undefined) return
    const option = ChainModel.optionAt(model, picked.strike, picked.side)
    setText(pickName, `${Format.strike(picked.strike)} ${picked.side === "call" ? "CE" : "PE"}`)
    setText(pickPrice, `bid ${Format.price(option?.bid)} · ask ${Format.price(option?.ask)} · IV ${Format.percent(option?.iv)}`)
  }
  const table = ChainTable.make({
    onTrade: events.onTrade,
    onScroll: () => draw(),
    onPick: (next) => {
      picked = next
      pick.hidden = false
      drawPick()
    }
  })
  const setButtons = sets.map(({ id, label }) =>
    el("button", { type: "button", ariaPressed: "false", onclick: () => chooseSet(id) }, label)
  )
  const element = el(
    "section",
    { className: "panel chainpanel", attrs: { "aria-label": "Option chain" } },
    el(
      "header",
      {},
      el("dl", { className: "facts inline" }, ...facts.map((one) => one.element)),
      el("div", { className: "segments sets", attrs: { role: "group", "aria-label": "Columns" } }, ...setButtons),
      el("button", { type: "button", className: "quiet", title: "Scroll to the money", onclick: () => table.centre() }, "To the money")
    ),
    note,
    el("div", { className: "sides", attrs: { "aria-hidden": "true" } }, el("span", {}, "Calls"), el("span", {}, "Puts")),
    table.element,
    empty,
    el(
      "footer",
      {},
      pick,
      el(
        "p",
        { id: "chain-keys", className: "keys" },
        "Arrow keys move, B buys and S sells the option; a click on a bid sells, on an ask buys."
      )
    )
  )
  const chooseSet = (id: (typeof sets)[number]["id"]): void => {
    element.dataset["set"] = id
    for (const [at, button] of setButtons.entries()) button.ariaPressed = String(sets[at]?.id === id)
  }
  chooseSet("price")

  const draw: () => void = Frames.make(() => {
    if (table.draw(model)) draw()
    drawPick()
    empty.hidden = model.rows.size > 0 || model.head === undefined
    const { head } = model
    setText(forward.value, Format.spot(head?.forward))
    setText(atm.value, Format.strike(head?.atm_strike))
    setText(pain.value, Format.strike(head?.max_pain))
    setText(pcr.value, Format.fixed(head?.pcr, 2))
    setText(pcrVolume.value, Format.fixed(head?.totals.pcr_volume, 2))
    setText(callOi.value, head === undefined ? Format.none : Format.count(head.totals.call_oi))
    setText(putOi.value, head === undefined ? Format.none : Format.count(head.totals.put_oi))
  })

  const live = Live.open(options.client.chains, options, (update) => {
    if (update.type !== "update") return
    // The last words of a chain that was left.
    if (update.symbol !== wanted?.symbol || update.expiry !== wanted.expiry) return
    heardAt = performance.now()
    ChainModel.apply(model, update)
    events.onUpdate(update)
    draw()
  })

  return {
    element,
    model: () => model,
    show: (symbol, expiry) => {
      if (wanted !== undefined) live.unsubscribe([wanted])
      wanted = { symbol, expiry }
      model = ChainModel.make()
      picked = undefined
      pick.hidden = true
      heardAt = performance.now()
      table.clear()
      live.subscribe([wanted])
      draw()
    },
    mark: table.mark,
    setFreshness: (freshness, text) => {
      if (element.dataset["freshness"] !== freshness) element.dataset["freshness"] = freshness
      note.hidden = text === ""
      setText(note, text)
    },
    heardAt: () => heardAt,
    close: live.close
  }
}
