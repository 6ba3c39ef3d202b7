/** Makes legs of a draft from the options of the displayed chain. */
import type { Picked } from "../chains/ChainGrid.ts"
import * as ChainModel from "../chains/ChainModel.ts"
import type { OptionRow } from "../gateway/Contract.ts"
import * as Draft from "./Draft.ts"
import * as Templates from "./Templates.ts"

type Direction = Draft.Leg["direction"]

/** The price at which the option would trade now: a buyer pays the ask. */
export const priceOf = (option: OptionRow, direction: Direction): string =>
  String((direction === "BUY" ? option.ask : option.bid) ?? option.last_price ?? 0)

/** The draft with another leg; undefined if the option is not known yet or the draft is full. */
export const put = (
  draft: Draft.Draft,
  model: ChainModel.ChainModel,
  expiry: string,
  { strike, side }: Picked,
  direction: Direction,
  lots: number
): Draft.Draft | undefined => {
  const option = ChainModel.optionAt(model, strike, side)
  if (option === undefined || option.tradingsymbol === null) return undefined
  const { instrument_token: token, tradingsymbol } = option
  return Draft.put(draft, { token, tradingsymbol, expiry, strike, side, direction, lots, price: priceOf(option, direction) })
}

/** Replaces the draft's legs by a template's, or returns the reason why not. */
export const fromTemplate = (
  draft: Draft.Draft,
  model: ChainModel.ChainModel,
  expiry: string,
  choice: Templates.Choice,
  width: number
): Draft.Draft | string => {
  const atm = model.head?.atm_strike
  if (atm === null || atm === undefined) return "The chain has no strike at the money yet."
  const placed = Templates.place(choice, ChainModel.strikesOf(model), atm, width)
  if (placed === undefined) return "The chain does not reach that far from the money."
  let next: Draft.Draft | undefined = { ...Draft.empty(draft.symbol), lotSize: draft.lotSize }
  for (const { kind, direction, strike, lots } of placed) {
    const picked: Picked = { strike, side: kind === "CE" ? "call" : "put" }
    next = next && put(next, model, expiry, picked, direction, lots)
  }
  return next === undefined ? "Not every option of this template is known yet." : { ...next, shape: choice.label.toLowerCase() }
}
