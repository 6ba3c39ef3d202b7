import type { Picked } from "../chain/ChainGrid.ts"
import { type Chosen, keyOf } from "../chain/ChainMarks.ts"
import * as ChainModel from "../chain/ChainModel.ts"
import { type Api, textOf } from "../gateway/Api.ts"
import type { OptionRow } from "../gateway/Contract.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import * as PayoffPanel from "../payoff/PayoffPanel.ts"
import type { Scenario } from "../payoff/Scenario.ts"
import type { Notices } from "../view/Notices.ts"
import * as Draft from "./Draft.ts"
import * as DraftBar from "./DraftBar.ts"
import type { DraftStore } from "./DraftStore.ts"
import * as Submission from "./Submission.ts"
import * as Templates from "./Templates.ts"
import * as TicketView from "./TicketView.ts"

type Direction = Draft.Leg["direction"]

export interface Options {
  readonly api: Api
  readonly instruments: Instruments
  readonly model: () => ChainModel.ChainModel
  readonly drafts: DraftStore
  readonly notices: Notices
  /** The user's strategies, which the draft's legs may be added to. */
  readonly saved: () => ReadonlyArray<TicketView.Saved>
  readonly onCreated: (strategyId: number) => void
  /** The draft's options of the expiry that is shown. */
  readonly onLegs: (chosen: Chosen) => void
}

export interface Ticket {
  readonly element: HTMLElement
  readonly bar: HTMLElement
  readonly add: (picked: Picked, direction: Direction) => void
  readonly show: (symbol: string, expiry: string) => void
}

/** What the option would be dealt at: a buyer pays the ask. */
const priceOf = (option: OptionRow, direction: Direction): string =>
  String((direction === "BUY" ? option.ask : option.bid) ?? option.last_price ?? 0)

const makePreview = ({ api, instruments }: Options, draft: () => Draft.Draft) => {
  const ask = async ({ date, spotShift, volShift, points }: Scenario) => {
    const legs = await Submission.legsOf(draft(), instruments)
    const payload = { symbol: draft().symbol, legs, spot_shift: spotShift, vol_shift: volShift, points, ...(date && { date }) }
    return api.foAnalysis.payoff({ payload })
  }
  return PayoffPanel.make({ ask })
}

/** A strategy in the making: legs from clicks in the chain or from a template, then created in one request. */
export const make = (options: Options): Ticket => {
  const { api, instruments, model, drafts, notices } = options
  let draft = Draft.empty("")
  let expiry = ""
  let isBusy = false

  const bar = DraftBar.make(() => view.reveal())
  const preview = makePreview(options, () => draft)
  const view = TicketView.make(preview.element, {
    onFill: (choice, width) => fill(choice, width),
    onName: (name) => set(Draft.setName(draft, name)),
    onLotSize: (lotSize) => set(Draft.setLotSize(draft, lotSize)),
    onTurn: (leg) => {
      const option = leg.expiry === expiry ? ChainModel.optionAt(model(), leg.strike, leg.side) : undefined
      set(Draft.turn(draft, leg.token, option && priceOf(option, leg.direction === "BUY" ? "SELL" : "BUY")))
    },
    onLots: (leg, lots) => set(Draft.setLots(draft, leg.token, lots)),
    onPrice: (leg, price) => set(Draft.setPrice(draft, leg.token, price)),
    onRemove: (leg) => setWithUndo(Draft.remove(draft, leg.token), `Removed ${Draft.labelOf(draft, leg)}`),
    onDiscard: () => setWithUndo(Draft.empty(draft.symbol), "Draft discarded"),
    onSubmit: (target) => void submit(target),
    saved: options.saved
  })

  const chosen = (): Chosen =>
    new Map(draft.legs.filter((leg) => leg.expiry === expiry).map((leg) => [keyOf(leg.strike, leg.side), leg.direction]))
  const describeLot = async (): Promise<void> => {
    const first = draft.legs[0]
    if (first === undefined) return
    const { lot_size } = await instruments.describe(first.token)
    if (draft.legs[0]?.token === first.token) view.setLotSize(draft.lotSize ?? lot_size)
  }
  const set = (next: Draft.Draft): void => {
    draft = next
    drafts.save(draft)
    view.draw(draft)
    bar.draw(draft)
    options.onLegs(chosen())
    describeLot().catch((error: unknown) => view.refuse(textOf(error)))
    if (draft.legs.length === 0) preview.clear()
    else preview.refresh()
  }
  const setWithUndo = (next: Draft.Draft, text: string): void => {
    const before = draft
    set(next)
    notices.show(text, {
      label: "Undo",
      run: () => {
        // The draft of another underlying may be shown by now.
        if (draft.symbol === before.symbol) set(before)
        else drafts.save(before)
      }
    })
  }

  const put = (to: Draft.Draft, { strike, side }: Picked, direction: Direction, lots: number): Draft.Draft | undefined => {
    const option = ChainModel.optionAt(model(), strike, side)
    if (option === undefined || option.tradingsymbol === null) return undefined
    const { instrument_token: token, tradingsymbol } = option
    return Draft.put(to, { token, tradingsymbol, expiry, strike, side, direction, lots, price: priceOf(option, direction) })
  }
  /** The template's legs as a draft, or why there is none. */
  const filled = (choice: Templates.Choice, width: number): Draft.Draft | string => {
    const atm = model().head?.atm_strike
    if (atm === null || atm === undefined) return "The chain has no strike at the money yet."
    const placed = Templates.place(choice, ChainModel.strikesOf(model()), atm, width)
    if (placed === undefined) return "The chain does not reach that far from the money."
    let next: Draft.Draft | undefined = { ...Draft.empty(draft.symbol), lotSize: draft.lotSize }
    for (const { kind, direction, strike, lots } of placed) {
      const picked: Picked = { strike, side: kind === "CE" ? "call" : "put" }
      next = next && put(next, picked, direction, lots)
    }
    return next === undefined ? "Not every option of this template is known yet." : { ...next, shape: choice.label.toLowerCase() }
  }
  const fill = (choice: Templates.Choice, width: number): void => {
    const next = filled(choice, width)
    view.refuse(typeof next === "string" ? next : "")
    if (typeof next === "string") return
    if (draft.legs.length > 0) setWithUndo(next, `${choice.label} filled in`)
    else set(next)
  }

  const submit = async (target: number | undefined): Promise<void> => {
    if (isBusy || draft.legs.length === 0) return
    isBusy = true
    view.setBusy(true)
    const submitted = draft
    try {
      const id = target ?? (await Submission.create(api, instruments, submitted))
      if (target !== undefined) {
        await Submission.addTo(api, instruments, submitted, target, (stored) =>
          set(Draft.keep(draft, ({ token }) => token !== stored.token))
        )
      }
      notices.show(target === undefined ? `Strategy ${Draft.nameOf(submitted)} created` : "Legs added")
      set(Draft.empty(submitted.symbol))
      options.onCreated(id)
    } catch (error) {
      view.refuse(`${target === undefined ? "Not created" : "Not all legs were added"}: ${textOf(error)}`)
    } finally {
      isBusy = false
      view.setBusy(false)
    }
  }

  return {
    element: view.element,
    bar: bar.element,
    add: (picked, direction) => {
      const next = put(draft, picked, direction, 1)
      if (next === undefined) {
        const isFull = draft.legs.length >= Draft.legsMax
        return view.refuse(isFull ? `A draft has at most ${Draft.legsMax} legs.` : "This option is not known yet.")
      }
      view.refuse("")
      view.say(`${direction} ${picked.strike} ${picked.side}`)
      set(next)
    },
    show: (symbol, nextExpiry) => {
      expiry = nextExpiry
      // Legs of two underlyings have no common payoff: each has a draft of its own.
      if (symbol === draft.symbol) options.onLegs(chosen())
      else set(drafts.load(symbol))
    }
  }
}
