import * as GammaExposure from "../../domain/options/GammaExposure.ts"
import * as OpenInterest from "../../domain/options/OpenInterest.ts"
import * as Rounding from "../../domain/options/Rounding.ts"
import * as StrikeDistribution from "../../domain/options/StrikeDistribution.ts"
import type { Lifetimes } from "../shared/Lifetimes.ts"
import type { Chain, Row } from "../views/ChainView.ts"

/** A chain with call and put side by side, ascending by strike. */
interface Ladder {
  readonly strike: Float64Array
  readonly call: ReadonlyArray<Row | undefined>
  readonly put: ReadonlyArray<Row | undefined>
}

const ladderOf = (chain: Chain | undefined): Ladder => {
  const rows = [...(chain?.rows.values() ?? [])]
  const strike = Float64Array.from(new Set(rows.map((row) => row.strike))).sort()
  const place = new Map(Array.from(strike, (value, at) => [value, at]))
  const side = (of: Row["side"]) => {
    const column: Array<Row | undefined> = Array.from(strike, () => undefined)
    for (const row of rows) if (row.side === of) column[place.get(row.strike) ?? 0] = row
    return column
  }
  return { strike, call: side("CE"), put: side("PE") }
}

type Field = Exclude<StrikeDistribution.Metric, "gex">

const columnOf = (rows: ReadonlyArray<Row | undefined>, field: Field): Float64Array =>
  Float64Array.from(rows, (row) => row?.[field] ?? Number.NaN)

/** Removes digits that come only from binary addition. Whole numbers stay as they are. */
const tidy = (value: number, places: number): number => (Number.isInteger(value) ? value : (Rounding.round(value, places) ?? 0))
const tidyOrNull = (value: number | null, places: number): number | null => (value === null ? null : tidy(value, places))
const moneyPlaces = 2
/** The decimal places of the finest published metric. */
const metricPlaces = Rounding.places.gamma
const sharePlaces = 6

/** The parameters for pricing gamma exposure. */
export interface Pricing {
  /** Yearly, continuously compounded. */
  readonly rate: number
  readonly lifetimes: Lifetimes
}

const exposureOf = (chain: Chain, { rate, lifetimes }: Pricing): GammaExposure.Expiry | undefined => {
  const { forward, valued_at } = chain.head
  if (forward === null) return undefined
  const { strike, call, put } = ladderOf(chain)
  return {
    count: strike.length,
    strike,
    vol: Float64Array.from(strike, (_, at) => call[at]?.iv ?? put[at]?.iv ?? Number.NaN),
    callOi: columnOf(call, "oi"),
    putOi: columnOf(put, "oi"),
    forward,
    t: lifetimes.yearsLeft(chain.underlying, chain.expiry, Date.parse(valued_at)),
    r: rate,
    // Kite's open interest is in units of the underlying (GammaExposure states the evidence).
    unitsPerOi: 1
  }
}

const gexPlaces = ({ strike, call, put, net }: GammaExposure.StrikeExposure): GammaExposure.StrikeExposure => ({
  strike,
  call: tidy(call, moneyPlaces),
  put: tidy(put, moneyPlaces),
  net: tidy(net, moneyPlaces)
})

/** Gamma exposure of chains of one underlying. Chains without a forward are omitted. */
export const gex = (chains: ReadonlyArray<Chain>, spot: number | null, pricing: Pricing) => {
  const counted = chains.flatMap((chain) => {
    const expiry = exposureOf(chain, pricing)
    return expiry === undefined ? [] : [{ chain, expiry }]
  })
  const found = GammaExposure.analyse(
    counted.map(({ expiry }) => expiry),
    spot ?? Number.NaN
  )
  const isKnown = counted.length > 0
  return {
    expiries: counted.map(({ chain }) => chain.expiry),
    spot,
    formula: found.formula,
    total: isKnown ? tidy(found.total, moneyPlaces) : null,
    zero_level: spot === null ? null : tidyOrNull(found.zeroLevel, moneyPlaces),
    uncounted: tidy(found.uncounted, sharePlaces),
    strikes: found.strikes.map(gexPlaces),
    as_of: counted.map(({ chain }) => chain.head.as_of).sort()[0] ?? null
  }
}

const gexColumns = (chain: Chain | undefined, ladder: Ladder, pricing: Pricing) => {
  const expiry = chain === undefined ? undefined : exposureOf(chain, pricing)
  const strikes = expiry === undefined ? [] : GammaExposure.analyse([expiry], Number.NaN).strikes
  const at = new Map(strikes.map((one) => [one.strike, one]))
  const side = (rows: Ladder["call"], of: "call" | "put") =>
    Float64Array.from(rows, (row, place) => (row === undefined ? Number.NaN : (at.get(ladder.strike[place] ?? 0)?.[of] ?? Number.NaN)))
  return { call: side(ladder.call, "call"), put: side(ladder.put, "put") }
}

/** Distribution of a metric over the strikes of a chain; gex in rupees for a move of one percent. */
export const distribution = (chain: Chain | undefined, metric: StrikeDistribution.Metric, pricing: Pricing) => {
  const ladder = ladderOf(chain)
  const { call, put } =
    metric === "gex" ? gexColumns(chain, ladder, pricing) : { call: columnOf(ladder.call, metric), put: columnOf(ladder.put, metric) }
  const found = StrikeDistribution.distribute(metric, ladder.strike.length, ladder.strike, call, put)
  const places = metric === "gex" ? moneyPlaces : metricPlaces
  return {
    metric,
    strikes: found.strikes.map((one) => ({
      strike: one.strike,
      call: tidyOrNull(one.call, places),
      put: tidyOrNull(one.put, places),
      total: tidyOrNull(one.total, places),
      share: tidyOrNull(one.share, sharePlaces)
    })),
    call_total: tidyOrNull(found.callTotal, places),
    put_total: tidyOrNull(found.putTotal, places),
    call_peak: found.callPeak,
    put_peak: found.putPeak,
    centre: tidyOrNull(found.centre, moneyPlaces)
  }
}

const oiRow = (row: Row) => ({
  instrument_token: row.instrument_token,
  last_price: row.last_price,
  price_change: row.price_change,
  oi: row.oi,
  oi_change: row.oi_change,
  build_up: OpenInterest.buildUp(row.price_change ?? Number.NaN, row.oi_change ?? Number.NaN)
})
type OiRow = ReturnType<typeof oiRow>

const noCounts = () => {
  const none = () => ({ strikes: 0, oi_change: 0 })
  return {
    long_build_up: none(),
    short_covering: none(),
    short_build_up: none(),
    long_unwinding: none(),
    unchanged: none(),
    unknown: none()
  } satisfies Record<OpenInterest.BuildUp, object>
}
const countsOf = (rows: ReadonlyArray<OiRow | null>) => {
  const counts = noCounts()
  for (const row of rows) {
    if (row === null) continue
    counts[row.build_up].strikes++
    counts[row.build_up].oi_change += row.oi_change ?? 0
  }
  return counts
}
const changeOf = (rows: ReadonlyArray<OiRow | null>): number => rows.reduce((sum, row) => sum + (row?.oi_change ?? 0), 0)

/** Build-up, covering and unwinding of every contract of a chain, and how many of each. */
export const oiAnalysis = (chain: Chain | undefined) => {
  const { strike, call, put } = ladderOf(chain)
  const rowsOf = (rows: Ladder["call"]) => rows.map((row) => (row === undefined ? null : oiRow(row)))
  const calls = rowsOf(call)
  const puts = rowsOf(put)
  return {
    oi_change_from: chain?.head.oi_change_from ?? null,
    call_oi: chain?.head.call_oi ?? 0,
    put_oi: chain?.head.put_oi ?? 0,
    call_oi_change: changeOf(calls),
    put_oi_change: changeOf(puts),
    pcr_oi: chain?.head.pcr_oi ?? null,
    oi_coverage: chain?.head.oi_coverage ?? null,
    summary: { call: countsOf(calls), put: countsOf(puts) },
    strikes: Array.from(strike, (value, at) => ({ strike: value, call: calls[at] ?? null, put: puts[at] ?? null }))
  }
}
