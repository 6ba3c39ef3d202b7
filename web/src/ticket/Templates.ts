/** The usual strategies by name, placed on the listed strikes around the money. */
import { Either } from "effect"
import * as Template from "../../../src/domain/options/Template.ts"

type Built = Either.Either<ReadonlyArray<Template.Leg<undefined>>, Template.InvalidTemplate>
/** The strike at the given number of steps above the money; negative is below. */
type StrikeAt = (steps: number) => number

export interface Choice {
  readonly id: string
  readonly label: string
  /** The meaning of the number of steps; null if the strategy has only one strike. */
  readonly width: string | null
  readonly build: (at: StrikeAt, width: number) => Built
}

const expiry = undefined
const fromTheMoney = "strikes from the money"
const wide = "strikes wide"

export const choices: ReadonlyArray<Choice> = [
  { id: "short-straddle", label: "Short straddle", width: null, build: (at) => Template.straddle(expiry, at(0), -1) },
  { id: "long-straddle", label: "Long straddle", width: null, build: (at) => Template.straddle(expiry, at(0), 1) },
  {
    id: "short-strangle",
    label: "Short strangle",
    width: fromTheMoney,
    build: (at, width) => Template.strangle(expiry, at(-width), at(width), -1)
  },
  {
    id: "long-strangle",
    label: "Long strangle",
    width: fromTheMoney,
    build: (at, width) => Template.strangle(expiry, at(-width), at(width), 1)
  },
  { id: "bull-call", label: "Bull call spread", width: wide, build: (at, width) => Template.vertical(expiry, "CE", at(0), at(width), 1) },
  { id: "bear-put", label: "Bear put spread", width: wide, build: (at, width) => Template.vertical(expiry, "PE", at(0), at(-width), 1) },
  {
    id: "iron-condor",
    label: "Iron condor",
    width: "strikes from the money, and wide",
    build: (at, width) => Template.ironCondor(expiry, at(-2 * width), at(-width), at(width), at(2 * width), 1)
  },
  {
    id: "iron-butterfly",
    label: "Iron butterfly",
    width: wide,
    build: (at, width) => Template.ironButterfly(expiry, at(-width), at(0), at(width), 1)
  },
  {
    id: "call-butterfly",
    label: "Call butterfly",
    width: wide,
    build: (at, width) => Template.butterfly(expiry, "CE", at(-width), at(0), at(width), 1)
  }
]

export interface PlacedLeg {
  readonly kind: "CE" | "PE"
  readonly direction: "BUY" | "SELL"
  readonly strike: number
  readonly lots: number
}

/** The legs on the listed strikes, ascending; undefined if the ladder is too short. */
export const place = (choice: Choice, strikes: ReadonlyArray<number>, atm: number, width: number): ReadonlyArray<PlacedLeg> | undefined => {
  const middle = strikes.indexOf(atm)
  if (middle < 0) return undefined
  const built = choice.build((steps) => strikes[middle + steps] ?? Number.NaN, width)
  if (Either.isLeft(built)) return undefined
  return built.right.map(({ kind, strike, quantity }) => ({
    kind,
    strike,
    direction: quantity > 0 ? "BUY" : "SELL",
    lots: Math.abs(quantity)
  }))
}
