/** Strategies by their usual names, as legs relative to the money. */
export type Kind = "CE" | "PE"
export interface TemplateLeg {
  readonly kind: Kind
  readonly direction: "BUY" | "SELL"
  readonly strike: number
  readonly lots: number
}
export interface Template {
  readonly id: string
  readonly label: string
  /** What the steps between its strikes mean, or null where it has only one strike. */
  readonly width: string | null
  readonly legs: (at: (steps: number) => number, width: number) => ReadonlyArray<TemplateLeg>
}

const leg = (direction: "BUY" | "SELL", kind: Kind, strike: number, lots = 1): TemplateLeg => ({ direction, kind, strike, lots })

export const templates: ReadonlyArray<Template> = [
  { id: "short-straddle", label: "Short straddle", width: null, legs: (at) => [leg("SELL", "CE", at(0)), leg("SELL", "PE", at(0))] },
  { id: "long-straddle", label: "Long straddle", width: null, legs: (at) => [leg("BUY", "CE", at(0)), leg("BUY", "PE", at(0))] },
  {
    id: "short-strangle",
    label: "Short strangle",
    width: "strikes from the money",
    legs: (at, width) => [leg("SELL", "CE", at(width)), leg("SELL", "PE", at(-width))]
  },
  {
    id: "long-strangle",
    label: "Long strangle",
    width: "strikes from the money",
    legs: (at, width) => [leg("BUY", "CE", at(width)), leg("BUY", "PE", at(-width))]
  },
  {
    id: "bull-call",
    label: "Bull call spread",
    width: "strikes wide",
    legs: (at, width) => [leg("BUY", "CE", at(0)), leg("SELL", "CE", at(width))]
  },
  {
    id: "bear-put",
    label: "Bear put spread",
    width: "strikes wide",
    legs: (at, width) => [leg("BUY", "PE", at(0)), leg("SELL", "PE", at(-width))]
  },
  {
    id: "iron-condor",
    label: "Iron condor",
    width: "strikes from the money, and wide",
    legs: (at, width) => [
      leg("BUY", "PE", at(-2 * width)),
      leg("SELL", "PE", at(-width)),
      leg("SELL", "CE", at(width)),
      leg("BUY", "CE", at(2 * width))
    ]
  },
  {
    id: "iron-butterfly",
    label: "Iron butterfly",
    width: "strikes wide",
    legs: (at, width) => [leg("BUY", "PE", at(-width)), leg("SELL", "PE", at(0)), leg("SELL", "CE", at(0)), leg("BUY", "CE", at(width))]
  },
  {
    id: "call-butterfly",
    label: "Call butterfly",
    width: "strikes wide",
    legs: (at, width) => [leg("BUY", "CE", at(-width)), leg("SELL", "CE", at(0), 2), leg("BUY", "CE", at(width))]
  }
]

/** The legs of a template on the strikes there are (ascending); undefined where they do not reach far enough from the money. */
export const place = (
  template: Template,
  strikes: ReadonlyArray<number>,
  atm: number,
  width: number
): ReadonlyArray<TemplateLeg> | undefined => {
  const middle = strikes.indexOf(atm)
  if (middle < 0) return undefined
  let reaches = true
  const at = (steps: number): number => {
    const strike = strikes[middle + steps]
    reaches &&= strike !== undefined
    return strike ?? Number.NaN
  }
  const legs = template.legs(at, width)
  return reaches ? legs : undefined
}
