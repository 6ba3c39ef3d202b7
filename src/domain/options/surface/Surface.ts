/** The volatility surface of one underlying: a smile for each expiry, and the result of the check that its prices allow no arbitrage. */
import * as Arbitrage from "./Arbitrage.ts"
import * as Essvi from "./Essvi.ts"
import * as EssviFit from "./EssviFit.ts"
import * as Quotes from "./Quotes.ts"

/** Names the model, the selection of quotes and their weights. `docs/conventions.md` has the formulas. */
export const convention = "essvi-1"

/** The quotes of one expiry. */
export interface Quoted extends Quotes.Terms {
  readonly expiry: string
  readonly quotes: ReadonlyArray<Quotes.Quote>
}

export interface FittedExpiry {
  readonly expiry: string
  readonly years: number
  readonly forward: number
  readonly chosen: Quotes.Chosen
  /** Undefined if there are too few quotes for a smile. */
  readonly fit: EssviFit.Fit | undefined
}

export interface Surface {
  readonly expiries: ReadonlyArray<FittedExpiry>
  readonly evidence: Arbitrage.Evidence
}

const smileOf = ({ expiry, fit: found }: FittedExpiry): ReadonlyArray<Arbitrage.Smile> =>
  found === undefined ? [] : [{ expiry, totalVariance: (k) => Essvi.totalVariance(found.slice, k) }]

/**
 * Fits the expiries that have not passed, in any order, and checks the result. It yields after each expiry, after some milliseconds of
 * work, so that other work can run.
 */
export function* fitting(quoted: ReadonlyArray<Quoted>): Generator<void, Surface> {
  const expiries: Array<FittedExpiry> = []
  let earlier = Essvi.none
  for (const { expiry, quotes, ...terms } of [...quoted].sort((a, b) => a.years - b.years)) {
    if (!(terms.years > 0)) continue
    const chosen = Quotes.choose(quotes, terms)
    const found = EssviFit.fitSlice(chosen.smile, earlier)
    earlier = found?.slice ?? earlier
    expiries.push({ expiry, years: terms.years, forward: terms.forward, chosen, fit: found })
    yield
  }
  return { expiries, evidence: Arbitrage.check(expiries.flatMap(smileOf)) }
}

/** The same without pauses. */
export const fit = (quoted: ReadonlyArray<Quoted>): Surface => {
  const steps = fitting(quoted)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
