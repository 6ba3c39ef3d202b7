import type { Picked } from "../chains/ChainGrid.ts"
import { type Chosen, keyOf } from "../chains/ChainMarks.ts"
import * as ChainModel from "../chains/ChainModel.ts"
import { type Api, textOf } from "../gateway/Api.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import * as PayoffPanel from "../payoff/PayoffPanel.ts"
import type { Scenario } from "../payoff/Scenario.ts"
import type { Notices } from "../view/Notices.ts"
import * as Draft from "./Draft.ts"
import type { DraftStore } from "./DraftStore.ts"
import * as Filling from "./Filling.ts"
import * as Submission from "./Submission.ts"
import type * as Templates from "./Templates.ts"
import * as TicketView from "./TicketView.ts"

type Direction = Draft.Leg["direction"]

export interface Options {
  readonly api: Api
  readonly instruments: Instruments
  readonly model: () => ChainModel.ChainModel
  readonly drafts: DraftStore
  readonly notices: Notices
  /** The user's strategies to which the draft's legs may be added. */
  readonly saved: () => ReadonlyArray<TicketView.Saved>
  /** Chooses what a click in the chain makes. */
  readonly tabs: HTMLElement
  readonly onCreated: (strategyId: number) => void
  /** The draft in a few words; an empty title means that there is none. */
  readonly onDraft: (title: string, text: string) => void
  /** Called with the draft's options of the displayed expiry. */
  readonly onLegs: (chosen: Chosen) => void
}

export interface Ticket {
  readonly element: HTMLElement
  /** Scrolls to the ticket. */
  readonly reveal: () => void
  readonly add: (picked: Picked, direction: Direction) => void
  readonly show: (symbol: string, expiry: string) => void
}

const makePreview = ({ api, instruments }: Options, draft: () => Draft.Draft) => {
  const ask = async ({ date, spotShift, volShift, points }: Scenario) => {
    const legs = await Submission.legsOf(draft(), instruments)
    const payload = { symbol: draft().symbol, legs, spot_shift: spotShift, vol_shift: volShift, points, ...(date && { date }) }
    return api.foAnalysis.payoff({ payload })
  }
  return PayoffPanel.make({ ask })
}

/** The draft's options of one expiry, as the chain marks them. */
const chosenOf = ({ legs }: Draft.Draft, expiry: string): Chosen =>
  new Map(legs.filter((leg) => leg.expiry === expiry).map((leg) => [keyOf(leg.strike, leg.side), leg.direction]))

/** The exchange's lot size for the draft's first leg, unless the user gave one; undefined for an empty draft. */
const lotSizeOf = async ({ legs: [first], lotSize }: Draft.Draft, instruments: Instruments): Promise<number | undefined> =>
  first === undefined ? undefined : (lotSize ?? (await instruments.describe(first.token)).lot_size)

const titleOf = ({ legs }: Draft.Draft): string => (legs.length === 0 ? "" : legs.length === 1 ? "1 leg" : `${legs.length} legs`)

/** The ticket of a new strategy: legs from clicks in the chain or from a template, then one request. */
export const make = (options: Options): Ticket => {
  const { api, instruments, model, drafts, notices } = options
  let draft = Draft.empty("")
  let expiry = ""
  let isBusy = false

  const preview = makePreview(options, () => draft)
  const view = TicketView.make(options.tabs, preview.element, {
    onFill: (choice, width) => fill(choice, width),
    onName: (name) => set(Draft.setName(draft, name)),
    onLotSize: (lotSize) => set(Draft.setLotSize(draft, lotSize)),
    onTurn: (leg) => {
      const option = leg.expiry === expiry ? ChainModel.optionAt(model(), leg.strike, leg.side) : undefined
      set(Draft.turn(draft, leg.token, option && Filling.priceOf(option, leg.direction === "BUY" ? "SELL" : "BUY")))
    },
    onLots: (leg, lots) => set(Draft.setLots(draft, leg.token, lots)),
    onPrice: (leg, price) => set(Draft.setPrice(draft, leg.token, price)),
    onRemove: (leg) => setWithUndo(Draft.remove(draft, leg.token), `Removed ${Draft.labelOf(draft, leg)}`),
    onDiscard: () => setWithUndo(Draft.empty(draft.symbol), "Draft discarded"),
    onSubmit: (target) => void submit(target),
    saved: options.saved
  })

  const describeLot = async (of: Draft.Draft): Promise<void> => {
    const lotSize = await lotSizeOf(of, instruments)
    if (lotSize !== undefined && draft === of) view.setLotSize(lotSize)
  }
  const set = (next: Draft.Draft): void => {
    draft = next
    drafts.save(draft)
    view.draw(draft)
    options.onDraft(titleOf(draft), Draft.legsText(draft))
    options.onLegs(chosenOf(draft, expiry))
    describeLot(next).catch((error: unknown) => view.refuse(textOf(error)))
    if (draft.legs.length === 0) preview.clear()
    else preview.refresh()
  }
  const setWithUndo = (next: Draft.Draft, text: string): void => {
    const before = draft
    set(next)
    notices.show(text, {
      label: "Undo",
      run: () => {
        // The draft of another underlying may be displayed now.
        if (draft.symbol === before.symbol) set(before)
        else drafts.save(before)
      }
    })
  }

  const fill = (choice: Templates.Choice, width: number): void => {
    const next = Filling.fromTemplate(draft, model(), expiry, choice, width)
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
      const id = await Submission.submit(api, instruments, submitted, target)
      notices.show(target === undefined ? `Strategy ${Draft.nameOf(submitted)} created` : "Legs added")
      set(Draft.empty(submitted.symbol))
      options.onCreated(id)
    } catch (error) {
      view.refuse(`${target === undefined ? "Not created" : "No leg was added"}: ${textOf(error)}`)
    } finally {
      isBusy = false
      view.setBusy(false)
    }
  }

  return {
    element: view.element,
    reveal: view.reveal,
    add: (picked, direction) => {
      const next = Filling.put(draft, model(), expiry, picked, direction, 1)
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
      // Legs of two underlyings have no common payoff: each underlying has its own draft.
      if (symbol === draft.symbol) options.onLegs(chosenOf(draft, expiry))
      else set(drafts.load(symbol))
    }
  }
}
