import type { DecayPoint, DistributionPoint, MoneynessPoint, StoredMetric, StrikePoint } from "../../contract/history/ChainHistoryApi.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Moneyness from "../../domain/options/Moneyness.ts"
import * as PremiumDecay from "../../domain/options/PremiumDecay.ts"
import * as Rounding from "../../domain/options/Rounding.ts"
import * as StrikeDistribution from "../../domain/options/StrikeDistribution.ts"
import type { StoredStrike } from "../../store/chains/ChainMinuteRows.ts"

/** Decimal places of sums of rounded values. Further digits come only from binary addition. */
const metricPlaces = Rounding.places.gamma
const centrePlaces = 2

/** The value of a metric in a stored row. */
export const valueOf = (row: StoredStrike, metric: StoredMetric): number | null =>
  metric === "oi_change" ? row.oiChange : metric === "last_price" ? row.lastPrice : row[metric]

const dateOf = ({ at }: StoredStrike): string => IndiaTime.isoTime(at.getTime())

/** Runs of rows of one minute. The rows ascend by minute. */
export const minutesOf = (rows: ReadonlyArray<StoredStrike>): ReadonlyArray<ReadonlyArray<StoredStrike>> => {
  const minutes: Array<Array<StoredStrike>> = []
  let at = Number.NaN
  for (const row of rows) {
    if (row.at.getTime() !== at) minutes.push([])
    at = row.at.getTime()
    minutes.at(-1)?.push(row)
  }
  return minutes
}

/** One minute's call and put by strike. */
interface Ladder {
  readonly strike: Float64Array
  readonly call: ReadonlyArray<StoredStrike | undefined>
  readonly put: ReadonlyArray<StoredStrike | undefined>
}
const ladderOf = (rows: ReadonlyArray<StoredStrike>): Ladder => {
  const strike = Float64Array.from(new Set(rows.map((row) => row.strike))).sort()
  const side = (of: StoredStrike["side"]) => {
    const byStrike = new Map(rows.filter((row) => row.side === of).map((row) => [row.strike, row]))
    return Array.from(strike, (one) => byStrike.get(one))
  }
  return { strike, call: side("CE"), put: side("PE") }
}

const optionView = (row: StoredStrike | undefined): StrikePoint["call"] =>
  row === undefined
    ? null
    : {
        tradingsymbol: row.tradingsymbol,
        instrument_token: row.instrumentToken,
        last_price: row.lastPrice,
        bid: row.bid,
        ask: row.ask,
        volume: row.volume,
        oi: row.oi,
        oi_change: row.oiChange,
        iv: row.iv,
        delta: row.delta,
        gamma: row.gamma,
        theta: row.theta,
        vega: row.vega,
        rho: row.rho,
        quality: row.quality
      }

/** A point for each minute and strike. */
export const strikePoints = (rows: ReadonlyArray<StoredStrike>): ReadonlyArray<StrikePoint> =>
  minutesOf(rows).flatMap((minute) => {
    const { strike, call, put } = ladderOf(minute)
    const [first] = minute
    return Array.from(strike, (price, at) => ({
      date: first === undefined ? "" : dateOf(first),
      forward: first?.forward ?? null,
      strike: price,
      call: optionView(call[at]),
      put: optionView(put[at])
    }))
  })

/** Strikes to read around the money, so that all requested distances exist. */
export const stepsOf = (buckets: ReadonlyArray<string>): number =>
  Math.max(...buckets.map((bucket) => Math.abs(Moneyness.parse(bucket) ?? 0)))

/** The metric at some distances from the money, in each minute. The forward of each minute says where the money is. */
export const moneynessPoint = (
  minute: ReadonlyArray<StoredStrike>,
  metric: StoredMetric,
  buckets: ReadonlyArray<string>
): MoneynessPoint => {
  const { strike, call, put } = ladderOf(minute)
  const [first] = minute
  const atm = Moneyness.atmRow(strike, strike.length, first?.forward ?? Number.NaN)
  const side = (kind: "CE" | "PE", steps: number) => {
    const row = (kind === "CE" ? call : put)[atm < 0 ? -1 : Moneyness.rowOf(kind, steps, atm)]
    return { strike: row?.strike ?? null, value: row === undefined ? null : valueOf(row, metric) }
  }
  return {
    date: first === undefined ? "" : dateOf(first),
    forward: first?.forward ?? null,
    values: buckets.map((bucket) => {
      const steps = Moneyness.parse(bucket) ?? 0
      const [ofCall, ofPut] = [side("CE", steps), side("PE", steps)]
      return { bucket, call_strike: ofCall.strike, call: ofCall.value, put_strike: ofPut.strike, put: ofPut.value }
    })
  }
}

const tidy = (value: number | null, places: number): number | null =>
  value === null || Number.isInteger(value) ? value : Rounding.round(value, places)

/** How a metric is spread over the strikes in each minute. */
export const distributionPoint = (minute: ReadonlyArray<StoredStrike>, metric: StoredMetric): DistributionPoint => {
  const { strike, call, put } = ladderOf(minute)
  const column = (rows: Ladder["call"]) =>
    Float64Array.from(rows, (row) => (row === undefined ? Number.NaN : (valueOf(row, metric) ?? Number.NaN)))
  const found = StrikeDistribution.distribute(metric, strike.length, strike, column(call), column(put))
  const [first] = minute
  return {
    date: first === undefined ? "" : dateOf(first),
    forward: first?.forward ?? null,
    call_total: tidy(found.callTotal, metricPlaces),
    put_total: tidy(found.putTotal, metricPlaces),
    call_peak: found.callPeak,
    put_peak: found.putPeak,
    centre: tidy(found.centre, centrePlaces)
  }
}

/** Published theta is per day, the domain's per year. */
const perYear = (theta: number | null): number => (theta ?? Number.NaN) / Rounding.thetaPerDay(1)

/** The sum of two prices, exact: integers of the price unit are added. */
export const premiumOf = (call: number | null, put: number | null, scale: number): number =>
  call === null || put === null ? Number.NaN : (Math.round(call * scale) + Math.round(put * scale)) / scale

/** The decay curve of a call and a put. Its numbers start at the first minute in which both have a price and a theta. */
export const decay = (
  rows: ReadonlyArray<StoredStrike>,
  pair: { readonly call: number; readonly put: number }
): ReadonlyArray<DecayPoint> => {
  const scale = Instrument.priceScale(rows[0]?.instrumentToken ?? Number.NaN)
  const pricePlaces = Money.placesOf(scale)
  const observations = minutesOf(rows).map((minute): PremiumDecay.Observation => {
    const call = minute.find((row) => row.side === "CE" && row.strike === pair.call)
    const put = minute.find((row) => row.side === "PE" && row.strike === pair.put)
    return {
      atMs: minute[0]?.at.getTime() ?? Number.NaN,
      premium: premiumOf(call?.lastPrice ?? null, put?.lastPrice ?? null, scale),
      theta: perYear(call?.theta ?? null) + perYear(put?.theta ?? null)
    }
  })
  const rounded = (value: number, places: number): number => Rounding.round(value, places) ?? Number.NaN
  return PremiumDecay.curve(observations).map(({ atMs, premium, change, expected, residual }) => ({
    date: IndiaTime.isoTime(atMs),
    premium,
    change: rounded(change, pricePlaces),
    expected: rounded(expected, pricePlaces + 2),
    residual: rounded(residual, pricePlaces + 2)
  }))
}
