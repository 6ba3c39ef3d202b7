import { Either } from "effect"
import type { Analysis, PayoffKind } from "../../contract/chains/PayoffApi.ts"
import type { Cell } from "../../contract/chains/ScenarioApi.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import type { Greeks as Columns } from "../../domain/options/BlackScholes.ts"
import * as Payoff from "../../domain/options/Payoff.ts"
import * as Rounding from "../../domain/options/Rounding.ts"

/** A leg with all data for its payoff. `expiry` and `strike` are null if its kind has none; `iv` is null unless it is an option. */
export interface Leg {
  readonly kind: PayoffKind
  readonly strike: number | null
  readonly expiry: string | null
  /** Signed; bought is positive. */
  readonly quantity: number
  readonly entryPrice: Money.Decimal
  readonly iv: number | null
  readonly forward: number
}

/** The market in which legs are valued. */
export interface Ground {
  readonly spot: number
  /** The instant from which option time counts (`Valuation.valuedMs`), and of a scenario without a date. */
  readonly valuedMs: number
  /** UTC milliseconds at which contracts of an expiry day expire; NaN if the rulebook does not know the instant. */
  readonly endsMs: (expiry: string) => number
  /** Yearly, continuously compounded. */
  readonly rate: number
  /** At-the-money volatility of the earliest expiry. If null, there is no probability of profit. */
  readonly vol: number | null
}

export interface Scene extends Ground {
  /** The moment of the scenario; `valuedMs` where undefined. A day is the moment when its contracts end. */
  readonly date?: Date | string | undefined
  readonly spotShift: number
  readonly volShift: number
  readonly points: number
}

/** The shifts and moments of a grid; moments as in a scene. */
export interface GridScene extends Ground {
  readonly spotShifts: ReadonlyArray<number>
  readonly volShifts: ReadonlyArray<number>
  readonly dates: ReadonlyArray<Date | string> | undefined
}

/** How far a curve extends beyond strikes and spot, as a share. */
const reach = 0.2
const pricePlaces = 2
const sharePlaces = 4
const forwardPlaces = 4

/** Shares and indices come last, so that the position's carry is that of the derivatives. */
export const inOrder = <L extends { readonly kind: PayoffKind }>(legs: ReadonlyArray<L>): ReadonlyArray<L> => [
  ...legs.filter(({ kind }) => kind !== "EQ"),
  ...legs.filter(({ kind }) => kind === "EQ")
]

/** A share or an index held lives as long as the position does and moves with the spot. */
const modelled = (legs: ReadonlyArray<Leg>, scene: Ground): ReadonlyArray<Payoff.Leg> => {
  const times = legs.flatMap(({ expiry }) => (expiry === null ? [] : [yearsLeft(scene, expiry)]))
  const horizon = times.length === 0 ? 0 : Math.min(...times)
  return legs.map(({ kind, strike, expiry, quantity, entryPrice, iv, forward }) => ({
    kind: kind === "EQ" ? "FUT" : kind,
    quantity,
    entryPrice: entryPrice.toNumber(),
    t: expiry === null ? horizon : yearsLeft(scene, expiry),
    forward: kind === "EQ" ? scene.spot : forward,
    strike: strike ?? 0,
    vol: iv ?? 0
  }))
}

const money = (value: number): Money.Decimal => new Money.Decimal(value).toDecimalPlaces(pricePlaces, Money.Decimal.ROUND_HALF_UP)
const extreme = (value: Payoff.Extreme): Money.Decimal | "unbounded" => (value === "unbounded" ? value : money(value))
const price = (value: number): number => money(value).toNumber()

const greeksOf = (columns: Columns): Analysis["greeks"] => ({
  delta: Rounding.published("delta", columns.delta),
  gamma: Rounding.published("gamma", columns.gamma),
  theta: Rounding.published("theta", columns.theta),
  vega: Rounding.published("vega", columns.vega),
  rho: Rounding.published("rho", columns.rho)
})

/** Evenly spaced prices from below the lowest strike or spot to above the highest. */
const spotsOf = (legs: ReadonlyArray<Leg>, { spot, points }: Scene): Float64Array => {
  const marks = [spot, ...legs.flatMap(({ strike }) => strike ?? [])]
  const low = Math.min(...marks) * (1 - reach)
  const high = Math.max(...marks) * (1 + reach)
  return Float64Array.from({ length: points }, (_, at) => price(low + ((high - low) * at) / (points - 1)))
}

const momentMs = ({ valuedMs, endsMs }: Ground, date: Date | string | undefined): number =>
  typeof date === "string" ? endsMs(date) : (date?.getTime() ?? valuedMs)

const yearsLeft = ({ endsMs, valuedMs }: Ground, expiry: string): number => Math.max(0, IndiaTime.yearsTo(endsMs(expiry), valuedMs))

/** The payoff of legs on one underlying, which must be sorted by `inOrder`. */
export const analyse = (legs: ReadonlyArray<Leg>, scene: Scene): Either.Either<Analysis, Payoff.InvalidPayoff> =>
  Either.gen(function* () {
    const { spot, spotShift, volShift, valuedMs } = scene
    const position = yield* Payoff.make(modelled(legs, scene), { spot, r: scene.rate, vol: scene.vol ?? 0 })
    const dateMs = momentMs(scene, scene.date)
    const at = yield* Payoff.scenario(position, { spot: spot * (1 + spotShift), elapsed: (dateMs - valuedMs) / IndiaTime.yearMs, volShift })
    const found = Payoff.analyse(position)
    const spots = spotsOf(legs, scene)
    return {
      horizon: IndiaTime.isoTime(Math.round(valuedMs + position.horizon * IndiaTime.yearMs)),
      scenario: { spot: price(at.spot), spot_shift: spotShift, vol_shift: volShift, date: IndiaTime.isoTime(dateMs) },
      break_evens: found.breakEvens.map(price),
      max_profit: extreme(found.maxProfit),
      max_loss: extreme(found.maxLoss),
      probability_of_profit: scene.vol === null ? null : Rounding.round(found.probabilityOfProfit, sharePlaces),
      net_premium: money(found.netPremium),
      profit: money(Payoff.profitAt(position, at)),
      greeks: greeksOf(Payoff.greeksAt(position, at)),
      curve: {
        spot: Array.from(spots),
        at_expiry: Array.from(Payoff.curve(position, spots, { elapsed: position.horizon, volShift: 0 }), price),
        at_date: Array.from(Payoff.curve(position, spots, { elapsed: at.elapsed, volShift }), price)
      }
    }
  })

const cellsOf = (
  position: Payoff.Position,
  at: { readonly dateMs: number; readonly elapsed: number; readonly volShift: number },
  { spot, spotShifts }: GridScene
): ReadonlyArray<Cell> => {
  const { dateMs, elapsed, volShift } = at
  return spotShifts.map((spotShift) => {
    const scenario = { spot: spot * (1 + spotShift), elapsed, volShift }
    return {
      date: IndiaTime.isoTime(dateMs),
      vol_shift: volShift,
      spot_shift: spotShift,
      spot: price(scenario.spot),
      profit: money(Payoff.profitAt(position, scenario)),
      greeks: greeksOf(Payoff.greeksAt(position, scenario))
    }
  })
}

/**
 * Profit and Greeks over a grid of scenarios, for legs sorted by `inOrder`. Returns one function per row, so that other work can run in
 * between.
 */
export const grid = (
  legs: ReadonlyArray<Leg>,
  scene: GridScene
): Either.Either<ReadonlyArray<() => ReadonlyArray<Cell>>, Payoff.InvalidPayoff> =>
  Either.gen(function* () {
    const { dates, valuedMs, rate, spot, vol, volShifts } = scene
    const position = yield* Payoff.make(modelled(legs, scene), { spot, r: rate, vol: vol ?? 0 })
    const rows: Array<() => ReadonlyArray<Cell>> = []
    for (const date of dates ?? [undefined]) {
      const dateMs = momentMs(scene, date)
      const elapsed = (dateMs - valuedMs) / IndiaTime.yearMs
      yield* Payoff.scenario(position, { spot, elapsed, volShift: 0 })
      for (const volShift of volShifts) rows.push(() => cellsOf(position, { dateMs, elapsed, volShift }, scene))
    }
    return rows
  })

/** A forward as it is shown: two places finer than prices. */
export const shownForward = (forward: number): number | null => Rounding.round(forward, forwardPlaces)

/** The earliest expiry; null if no leg expires. */
export const earliestExpiry = (legs: ReadonlyArray<Pick<Leg, "expiry">>): string | null =>
  legs.flatMap(({ expiry }) => expiry ?? []).sort()[0] ?? null

const names: Readonly<Record<Payoff.InvalidPayoff["input"], string>> = {
  spot: "spot",
  forward: "forward",
  strike: "strike",
  t: "expiry",
  r: "rate",
  q: "rate",
  vol: "iv",
  price: "entry_price",
  quantity: "quantity",
  entryPrice: "entry_price",
  legs: "legs",
  elapsed: "date",
  volShift: "vol_shift"
}

/** Converts the payoff's error to the API's field names. `placeOf` finds a leg in the request. */
export const refusal = (
  error: Payoff.InvalidPayoff,
  placeOf: (leg: number) => number
): { readonly field: string; readonly message: string } => {
  const name = names[error.input]
  if (error.input === "elapsed") return { field: name, message: "must lie between now and the legs' earliest expiry" }
  return { field: error.leg === undefined ? name : `legs.${placeOf(error.leg)}.${name}`, message: error.problem }
}
