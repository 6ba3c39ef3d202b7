import { Decimal } from "../../../src/client/Client.ts"
import * as ChainModel from "../chain/ChainModel.ts"
import { type Api, textOf } from "../gateway/Api.ts"
import type { Leg, OptionRow } from "../gateway/Contract.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import * as PayoffDiagram from "../payoff/PayoffDiagram.ts"
import { el } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Templates from "./Templates.ts"

type Direction = Leg["direction"]

interface DraftLeg {
  readonly token: number
  readonly tradingsymbol: string
  readonly expiry: string
  readonly strike: number
  readonly side: ChainModel.Side
  direction: Direction
  lots: number
  price: string
  /** Stored already, when an earlier try failed half-way. */
  isStored: boolean
}

const legsMax = 20
const payoffPoints = 1001
const previewDelayMs = 250

export interface Events {
  readonly onCreated: (strategyId: number) => void
  readonly onLegs: (chosen: ReadonlyMap<string, Direction>) => void
  /** For those who do not see the screen. */
  readonly say: (text: string) => void
}

export interface Ticket {
  readonly element: HTMLElement
  readonly add: (strike: number, side: ChainModel.Side, direction: Direction, lots?: number) => void
  readonly show: (symbol: string, expiry: string) => void
}

/** What it would be dealt at: a buyer pays the ask. */
const priceOf = (option: OptionRow, direction: Direction): string =>
  String((direction === "BUY" ? option.ask : option.bid) ?? option.last_price ?? 0)

/** A strategy in the making: legs from clicks in the chain or from a template, then created in one go. */
export const make = (api: Api, instruments: Instruments, model: () => ChainModel.ChainModel, events: Events): Ticket => {
  let symbol = ""
  let expiry = ""
  let legs: Array<DraftLeg> = []
  let lotSize = 1
  let exchange = ""
  /** Made by a try that failed later: the next one goes on with it. */
  let strategyId: number | undefined
  let isBusy = false
  let preview: ReturnType<typeof setTimeout> | undefined

  const list = el("tbody")
  const name = el("input", { type: "text", maxLength: 200, required: true, attrs: { "aria-label": "Name of the strategy" } })
  const lot = el("input", { type: "number", min: "1", step: "1", value: "1", attrs: { "aria-label": "Lot size" } })
  const problem = el("p", { className: "problem", attrs: { role: "alert" } })
  const picture = el("div")
  const submit = el("button", { type: "submit", className: "primary" }, "Create strategy")
  const template = el(
    "select",
    { attrs: { "aria-label": "Template" } },
    ...Templates.templates.map(({ id, label }) => el("option", { value: id }, label))
  )
  const width = el("input", { type: "number", min: "1", max: "20", value: "4", attrs: { "aria-label": "Strikes of the template" } })
  const table = el(
    "table",
    { className: "legs" },
    el("thead", {}, el("tr", {}, ...["Side", "Option", "Lots", "Price", "Remove"].map((text) => el("th", { scope: "col" }, text)))),
    list
  )
  const empty = el("p", { className: "hint" }, "Click an ask in the chain to buy and a bid to sell, or take a template.")
  const form = el(
    "form",
    { className: "draft", hidden: true },
    el("div", { className: "row" }, name, el("label", { className: "lot" }, "Lot ", lot)),
    table,
    picture,
    el("div", { className: "row end" }, el("button", { type: "button", className: "quiet", onclick: () => discard() }, "Discard"), submit)
  )
  const apply = el("button", { type: "button", onclick: () => void fill() }, "Fill in")
  const element = el(
    "section",
    { className: "panel ticket", attrs: { "aria-label": "New strategy" } },
    el("header", {}, el("h2", {}, "New strategy"), el("div", { className: "row template" }, template, el("label", {}, "± ", width), apply)),
    empty,
    form,
    problem
  )

  let shape = ""
  let named = ""
  /** What it is called until the user says otherwise. */
  const nameOf = (): string => {
    if (legs.length === 0) return ""
    return `${symbol} ${shape === "" ? [...new Set(legs.map(({ strike }) => strike))].join("/") : shape} ${Format.expiry(expiry)}`
  }

  /** The gateway's own analysis of the draft, where it has one. */
  const askPreview = (): void => {
    clearTimeout(preview)
    if (legs.length === 0) {
      picture.replaceChildren()
      return
    }
    // Not yet: what the first leg is traded on is still being asked.
    if (exchange === "") return
    preview = setTimeout(async () => {
      const body = {
        symbol,
        legs: legs.map(({ tradingsymbol, direction, lots, price }) => ({
          tradingsymbol,
          exchange,
          direction,
          quantity: lots * lotSize,
          entry_price: new Decimal(price)
        })),
        spot_shift: 0,
        vol_shift: 0,
        points: payoffPoints
      }
      const found = await api.foAnalysis.payoff({ payload: body }).catch(() => undefined)
      if (legs.length === 0) return
      picture.replaceChildren(...(found === undefined ? [] : [PayoffDiagram.render({ ...found, legs })]))
    }, previewDelayMs)
  }

  const changed = (): void => {
    const here = legs.filter((leg) => leg.expiry === expiry)
    events.onLegs(new Map(here.map(({ strike, side, direction }) => [`${strike} ${side}`, direction])))
    askPreview()
  }
  const draw = (): void => {
    empty.hidden = legs.length > 0
    form.hidden = legs.length === 0
    if (name.value === named) name.value = named = nameOf()
    list.replaceChildren(...legs.map(legRow))
    changed()
  }
  const legRow = (leg: DraftLeg): HTMLTableRowElement => {
    const flip = el(
      "button",
      {
        type: "button",
        className: `direction ${leg.direction.toLowerCase()}`,
        title: "Turn around",
        onclick: () => {
          leg.direction = leg.direction === "BUY" ? "SELL" : "BUY"
          draw()
        }
      },
      leg.direction
    )
    const lots = el("input", { type: "number", min: "1", max: "1000", step: "1", value: String(leg.lots), attrs: { "aria-label": "Lots" } })
    lots.onchange = () => {
      leg.lots = Math.max(1, Math.round(Number(lots.value) || 1))
      lots.value = String(leg.lots)
      changed()
    }
    const price = el("input", { type: "number", min: "0", step: "0.05", value: leg.price, attrs: { "aria-label": "Entry price" } })
    price.onchange = () => {
      leg.price = price.value === "" ? "0" : price.value
      changed()
    }
    const label = `${leg.strike} ${leg.side === "call" ? "CE" : "PE"}`
    const remove = el(
      "button",
      {
        type: "button",
        className: "quiet",
        attrs: { "aria-label": `Remove ${label}` },
        onclick: () => {
          legs = legs.filter((one) => one !== leg)
          shape = ""
          draw()
        }
      },
      "×"
    )
    return el(
      "tr",
      {},
      ...[flip, el("span", { className: "mono", title: leg.tradingsymbol }, label), lots, price, remove].map((one) => el("td", {}, one))
    )
  }

  const describe = async (token: number): Promise<void> => {
    try {
      const found = await instruments.describe(token)
      if (exchange === found.exchange && lotSize === found.lotSize) return
      exchange = found.exchange
      lotSize = found.lotSize
      lot.value = String(lotSize)
      askPreview()
    } catch (error) {
      problem.textContent = textOf(error)
    }
  }

  const put = (strike: number, side: ChainModel.Side, direction: Direction, lots: number): boolean => {
    const option = ChainModel.optionAt(model(), strike, side)
    if (option === undefined || option.tradingsymbol === null) return false
    const same = legs.find((leg) => leg.token === option.instrument_token)
    if (same !== undefined && same.direction === direction) same.lots += lots
    else if (same !== undefined) legs = legs.filter((leg) => leg !== same)
    else if (legs.length >= legsMax) return false
    else {
      legs.push({
        token: option.instrument_token,
        tradingsymbol: option.tradingsymbol,
        expiry,
        strike,
        side,
        direction,
        lots,
        price: priceOf(option, direction),
        isStored: false
      })
    }
    void describe(option.instrument_token)
    return true
  }

  const fill = async (): Promise<void> => {
    problem.textContent = ""
    const chosen = Templates.templates.find(({ id }) => id === template.value)
    const atm = model().head?.atm_strike
    if (chosen === undefined || atm === null || atm === undefined) {
      problem.textContent = "The chain has no strike at the money yet."
      return
    }
    const steps = Math.max(1, Math.round(Number(width.value) || 1))
    const placed = Templates.place(chosen, ChainModel.strikesOf(model()), atm, steps)
    if (placed === undefined) {
      problem.textContent = "The chain does not reach that far from the money."
      return
    }
    legs = []
    for (const { kind, direction, strike, lots } of placed) put(strike, kind === "CE" ? "call" : "put", direction, lots)
    shape = chosen.label.toLowerCase()
    draw()
    events.say(`${chosen.label}: ${legs.length} legs`)
  }

  const discard = (): void => {
    legs = []
    strategyId = undefined
    problem.textContent = ""
    name.value = named = ""
    draw()
  }

  const create = async (): Promise<void> => {
    for (const { token } of legs) await instruments.describe(token)
    strategyId ??= (await api.strategies.create({ payload: { name: name.value.trim(), tags: ["page"] } })).strategy_id
    for (const leg of legs) {
      if (leg.isStored) continue
      const { exchange } = await instruments.describe(leg.token)
      const { tradingsymbol, direction, lots, price } = leg
      const payload = { tradingsymbol, exchange, direction, quantity: lots * lotSize, entry_price: new Decimal(price) }
      await api.strategies.addLeg({ path: { id: strategyId }, payload })
      leg.isStored = true
    }
  }

  form.onsubmit = async (event) => {
    event.preventDefault()
    if (isBusy || legs.length === 0) return
    isBusy = submit.disabled = true
    problem.textContent = ""
    try {
      await create()
      const created = strategyId
      events.say(`Strategy ${name.value} created`)
      discard()
      if (created !== undefined) events.onCreated(created)
    } catch (error) {
      problem.textContent = `Not created${strategyId === undefined ? "" : " in full: press again to go on"}. ${textOf(error)}`
    } finally {
      isBusy = submit.disabled = false
    }
  }
  lot.onchange = () => {
    lotSize = Math.max(1, Math.round(Number(lot.value) || 1))
    lot.value = String(lotSize)
    askPreview()
  }
  const describeWidth = (): void => {
    const meaning = Templates.templates.find(({ id }) => id === template.value)?.width ?? null
    width.disabled = meaning === null
    width.title = meaning ?? "This template has one strike"
  }
  template.onchange = describeWidth
  describeWidth()

  return {
    element,
    add: (strike, side, direction, lots = 1) => {
      problem.textContent = ""
      if (!put(strike, side, direction, lots)) {
        problem.textContent =
          legs.length >= legsMax ? `A strategy is made with at most ${legsMax} legs here.` : "This option is not known yet."
        return
      }
      events.say(`${direction} ${strike} ${side}`)
      shape = ""
      draw()
    },
    show: (nextSymbol, nextExpiry) => {
      // Legs of two underlyings have no common payoff; another expiry is a calendar.
      if (nextSymbol !== symbol && legs.length > 0) discard()
      symbol = nextSymbol
      expiry = nextExpiry
      changed()
    }
  }
}
