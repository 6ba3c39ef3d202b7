/** A strategy before it is created: plain values and the operations on them. */
import { Schema } from "effect"
import { Direction } from "../../../src/domain/record/StrategyDefinition.ts"
import { isAmount } from "../view/Amount.ts"
import * as Format from "../view/Format.ts"

export const legsMax = 20
export const lotsMax = 1_000

export const Leg = Schema.Struct({
  token: Schema.Int,
  tradingsymbol: Schema.String,
  expiry: Schema.String,
  strike: Schema.Number,
  side: Schema.Literal("call", "put"),
  direction: Direction,
  lots: Schema.Int,
  /** Rupees, decimal text. */
  price: Schema.String
})
export type Leg = typeof Leg.Type

export const Draft = Schema.Struct({
  symbol: Schema.String,
  legs: Schema.Array(Leg),
  /** Name of the template that filled it in; empty after a leg was changed by hand. */
  shape: Schema.String,
  /** The name that the user gave; null if it is named after its legs. */
  name: Schema.NullOr(Schema.String),
  /** The lot size that the user gave; null for the exchange's. */
  lotSize: Schema.NullOr(Schema.Int)
})
export type Draft = typeof Draft.Type

export const empty = (symbol: string): Draft => ({ symbol, legs: [], shape: "", name: null, lotSize: null })

const replaced = (draft: Draft, token: number, change: (leg: Leg) => Leg): Draft => ({
  ...draft,
  legs: draft.legs.map((leg) => (leg.token === token ? change(leg) : leg))
})

/**
 * Adds a leg. The same option in the same direction adds lots; in the other direction it closes the leg. Undefined if the draft is
 * full.
 */
export const put = (draft: Draft, leg: Leg): Draft | undefined => {
  const same = draft.legs.find(({ token }) => token === leg.token)
  if (same === undefined) return draft.legs.length >= legsMax ? undefined : { ...draft, shape: "", legs: [...draft.legs, leg] }
  if (same.direction !== leg.direction) return remove(draft, leg.token)
  return { ...replaced(draft, leg.token, (before) => ({ ...before, lots: Math.min(lotsMax, before.lots + leg.lots) })), shape: "" }
}
export const remove = (draft: Draft, token: number): Draft => ({
  ...draft,
  shape: "",
  legs: draft.legs.filter((leg) => leg.token !== token)
})

/** `price` is the option's price in the new direction. */
export const turn = (draft: Draft, token: number, price: string | undefined): Draft => ({
  ...replaced(draft, token, (leg) => ({
    ...leg,
    direction: leg.direction === "BUY" ? "SELL" : "BUY",
    price: price ?? leg.price
  })),
  shape: ""
})
export const setLots = (draft: Draft, token: number, lots: number): Draft =>
  replaced(draft, token, (leg) => ({ ...leg, lots: Math.max(1, Math.min(lotsMax, Math.round(lots) || 1)) }))

/** A text that is not a price does not change the price. */
export const setPrice = (draft: Draft, token: number, price: string): Draft =>
  isAmount(price) ? replaced(draft, token, (leg) => ({ ...leg, price })) : draft
export const setLotSize = (draft: Draft, lotSize: number): Draft => ({ ...draft, lotSize: Math.max(1, Math.round(lotSize) || 1) })

const expiriesOf = (draft: Draft): ReadonlyArray<string> => [...new Set(draft.legs.map(({ expiry }) => expiry))].sort()

/** The name: the user's own, otherwise symbol, shape or strikes, and expiries. */
export const nameOf = (draft: Draft): string => {
  if (draft.name !== null) return draft.name
  if (draft.legs.length === 0) return ""
  const what = draft.shape === "" ? [...new Set(draft.legs.map(({ strike }) => strike))].join("/") : draft.shape
  return `${draft.symbol} ${what} ${expiriesOf(draft).map(Format.expiry).join(" / ")}`
}
/** An empty name, or the automatic name, restores the automatic naming. */
export const setName = (draft: Draft, name: string): Draft => {
  const unnamed = { ...draft, name: null }
  return name === "" || name === nameOf(unnamed) ? unnamed : { ...draft, name }
}
/** "24500 CE", with the expiry if the legs have several. */
export const labelOf = (draft: Draft, { strike, side, expiry }: Leg): string => {
  const option = `${strike} ${side === "call" ? "CE" : "PE"}`
  return expiriesOf(draft).length > 1 ? `${option} ${Format.expiry(expiry)}` : option
}
/** All legs in a few words: "+1 24500 CE, −2 24600 CE". */
export const legsText = (draft: Draft): string =>
  draft.legs.map((leg) => `${leg.direction === "BUY" ? "+" : "−"}${leg.lots} ${labelOf(draft, leg)}`).join(", ")
