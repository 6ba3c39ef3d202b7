import { readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import blackScholes from "black-scholes"
import { Either } from "effect"
import greeks from "greeks"
import * as IndiaTime from "../src/domain/IndiaTime.ts"
import * as Catalogue from "../src/domain/indicators/Catalogue.ts"
import * as Indicator from "../src/domain/indicators/Indicator.ts"
import * as Money from "../src/domain/Money.ts"
import * as Life from "../src/domain/market/Life.ts"
import * as Quotes from "../src/domain/market/Quotes.ts"
import * as Black76 from "../src/domain/options/Black76.ts"
import * as BlackScholes from "../src/domain/options/BlackScholes.ts"
import * as ChainState from "../src/domain/options/ChainState.ts"
import * as ImpliedVol from "../src/domain/options/ImpliedVol.ts"
import { shipped } from "../src/domain/rules/Shipped.ts"
import * as ProfitAndLoss from "../src/domain/strategy/ProfitAndLoss.ts"
import * as Race from "./Race.ts"

/** mulberry32: the same numbers in every run. */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

const spot = 24_500
const rate = 0.065

// ---- one option ---------------------------------------------------------------------------------------------------

/** Index options as they trade: strikes within 10 %, two days to half a year, volatilities 8 to 40 %. */
const market = (count: number) => {
  const next = random(7)
  const column = (make: () => number) => Float64Array.from({ length: count }, make)
  return {
    count,
    side: Int8Array.from({ length: count }, (_, i) => (i % 2 === 0 ? 1 : -1)),
    spot: column(() => spot * (0.98 + 0.04 * next())),
    strike: column(() => 50 * Math.round((spot * (0.9 + 0.2 * next())) / 50)),
    t: column(() => (2 + 180 * next()) / 365),
    r: column(() => rate),
    q: column(() => 0),
    vol: column(() => 0.08 + 0.32 * next())
  }
}
const rows = market(4_096)
const rowsOfBaseline = 256

const callPut = (row: number) => ((rows.side[row] ?? 0) > 0 ? "call" : "put") as "call" | "put"
const inputsOf = (row: number) =>
  [rows.spot[row] ?? 0, rows.strike[row] ?? 0, rows.t[row] ?? 0, rows.vol[row] ?? 0, rows.r[row] ?? 0] as const

/** Price and the five Greeks that the packages compute. */
const sixByPackages = (s: number, k: number, t: number, v: number, r: number, side: "call" | "put") => ({
  price: blackScholes.blackScholes(s, k, t, v, r, side),
  delta: greeks.getDelta(s, k, t, v, r, side),
  gamma: greeks.getGamma(s, k, t, v, r),
  theta_per_year: greeks.getTheta(s, k, t, v, r, side, 1),
  vega_per_unit_vol: greeks.getVega(s, k, t, v, r) * 100,
  rho_per_unit_rate: greeks.getRho(s, k, t, v, r, side, 1)
})
const sumOfSix = (six: ReturnType<typeof sixByPackages>) =>
  six.price + six.delta + six.gamma + six.theta_per_year + six.vega_per_unit_vol + six.rho_per_unit_rate

const packages = "npm black-scholes 1.1.0 + greeks 1.0.0"
const table = new Float64Array(rows.count * BlackScholes.COLUMNS)

const twelve: Race.Work = {
  units: rows.count,
  run: () => {
    BlackScholes.fillRows(rows, table)
    return table[17] ?? 0
  }
}
const six = {
  name: `${packages}: price and five Greeks`,
  units: rowsOfBaseline,
  run: () => {
    let sum = 0
    for (let row = 0; row < rowsOfBaseline; row++) sum += sumOfSix(sixByPackages(...inputsOf(row), callPut(row)))
    return sum
  }
}
const priceAlone: Race.Work = {
  units: rows.count,
  run: () => {
    let sum = 0
    for (let row = 0; row < rows.count; row++) {
      const [s, k, t, v, r] = inputsOf(row)
      sum += BlackScholes.priceOf((rows.side[row] ?? 0) > 0 ? 1 : -1, s, k, t, r, 0, v)
    }
    return sum
  }
}
const priceByPackage = {
  name: "npm black-scholes 1.1.0",
  units: rowsOfBaseline,
  run: () => {
    let sum = 0
    for (let row = 0; row < rowsOfBaseline; row++) sum += blackScholes.blackScholes(...inputsOf(row), callPut(row))
    return sum
  }
}

// ---- implied volatility -------------------------------------------------------------------------------------------

const otmSide = (row: number): 1 | -1 => ((rows.strike[row] ?? 0) < (rows.spot[row] ?? 0) ? -1 : 1)
const priceAt = (row: number, vol: number) => {
  const [f, k, t, , r] = inputsOf(row)
  return Black76.priceOf(otmSide(row), f, k, t, r, vol)
}
/** Out-of-the-money prices as in a chain, and the same one tick later: the volatility has moved by up to 1 %. */
const prices = Float64Array.from(rows.vol, (vol, row) => priceAt(row, vol))
const seeds = Float64Array.from(rows.vol, (vol, row) => vol * (1 + 0.01 * Math.sin(row)))

const solveAll = (seedOf: (row: number) => number): Race.Work => ({
  units: rows.count,
  run: () => {
    let sum = 0
    for (let row = 0; row < rows.count; row++) {
      const [f, k, t, , r] = inputsOf(row)
      sum += ImpliedVol.solveBlack76(otmSide(row), prices[row] ?? 0, f, k, t, r, seedOf(row), 0)
    }
    return sum
  }
})

// ---- a chain ------------------------------------------------------------------------------------------------------

const strikes = 200
const expiry = "2026-08-25"
const token = (place: number, segment: number) => place * 256 + segment
const contract = (place: number, kind: "CE" | "PE", strike: number) => ({
  instrument_token: token(place, 2),
  tradingsymbol: `NIFTY26AUG${strike}${kind}`,
  segment: "NFO-OPT",
  kind,
  expiry,
  strike,
  tick_size: 0.05,
  lot_size: 75
})
const index = {
  instrument_token: token(1001, 9),
  tradingsymbol: "NIFTY 50",
  segment: "INDICES",
  kind: "INDEX" as const,
  expiry: null,
  strike: 0,
  tick_size: 0,
  lot_size: 0
}

/** 400 options whose prices step between eight states of the market, so that every volatility must be solved again. */
const chainWork = (): Race.Work => {
  const first = spot - 50 * (strikes / 2)
  const contracts = Array.from({ length: strikes }, (_, i) => [
    contract(2_000 + 2 * i, "CE", first + 50 * i),
    contract(2_001 + 2 * i, "PE", first + 50 * i)
  ]).flat()
  const quotes = Quotes.make([index, ...contracts])
  const endsMs = Life.chainEndsMs(shipped, { exchange: "NSE", name: "NIFTY" }, expiry)
  const chain = ChainState.make(quotes, expiry, endsMs)
  const openMs = endsMs - 6 * IndiaTime.dayMs
  const t = IndiaTime.yearsTo(chain.expiryMs, openMs)
  const next = random(11)
  const states = Array.from({ length: 8 }, (_, state) => {
    const forward = spot * (1 + 0.0005 * Math.sin(state))
    return Float64Array.from(quotes.contracts, ({ kind, strike }) => {
      if (kind === "INDEX") return Math.round(forward * 100)
      const away = Math.log(strike / forward)
      const price = Black76.priceOf(kind === "CE" ? 1 : -1, forward, strike, t, rate, 0.13 + 0.6 * away * away - 0.1 * away)
      return Math.max(5, 5 * Math.round(price * 20))
    })
  })
  for (let row = 0; row < quotes.contracts.length; row++) {
    quotes.volume[row] = Math.round(1e6 * next())
    quotes.oi[row] = 75 * Math.round(1e5 * next())
  }
  const settings = { rate, dividendYield: 0, staleAfterMs: 60_000 }
  let step = 0
  return {
    units: 1,
    run: () => {
      const atMs = openMs + 250 * (step % 4_000)
      quotes.lastPrice.set(states[step++ % states.length] ?? [])
      quotes.receivedMs.fill(atMs)
      ChainState.refresh(chain, quotes, settings, 0, { eventMs: atMs, closedSinceMs: Number.NaN })
      return chain.forward + (chain.call.delta[100] ?? 0)
    }
  }
}
const chainByPackages = {
  name: `${packages}: price and five Greeks of 400 options, volatilities given`,
  units: 1,
  run: () => {
    let sum = 0
    for (let row = 0; row < 2 * strikes; row++) sum += sumOfSix(sixByPackages(...inputsOf(row), callPut(row)))
    return sum
  }
}

// ---- indicators and P&L -------------------------------------------------------------------------------------------

const bars = (count: number): ReadonlyArray<Indicator.Bar> => {
  const next = random(13)
  let close = spot
  return Array.from({ length: count }, (_, i) => {
    const open = close
    close += 20 * (next() - 0.5)
    const atMs = IndiaTime.istMidnightMs("2026-08-17") + Math.floor(i / 375) * IndiaTime.dayMs + (i % 375) * IndiaTime.minuteMs
    const [high, low] = [Math.max(open, close) + 5 * next(), Math.min(open, close) - 5 * next()]
    return { atMs, open, high, low, close, volume: Math.round(1e5 * next()) }
  })
}
const history = bars(3_750)
const ready = Catalogue.entries.map(({ name }) => Either.getOrThrow(Catalogue.make(name)))

const indicatorWork = (wanted: ReadonlyArray<Catalogue.Ready>): Race.Work => ({
  units: history.length,
  run: () => wanted.reduce((sum, { indicator }) => sum + Indicator.batch(indicator, history).length, 0)
})

/** Trades of one instrument that opens, adds, closes partly and flips, with up to a dozen open lots. */
const fills = () => {
  const next = random(17)
  let net = 0
  return Array.from({ length: 2_000 }, () => {
    const direction: "BUY" | "SELL" = next() < 0.5 - net / 2_000 ? "BUY" : "SELL"
    const quantity = 75 * (1 + Math.floor(4 * next()))
    net += direction === "BUY" ? quantity : -quantity
    return { direction, quantity, price: new Money.Decimal((100 + 40 * next()).toFixed(2)) }
  })
}
const trades = fills()
const fillWork: Race.Work = {
  units: trades.length,
  run: () => ProfitAndLoss.report(trades.reduce(ProfitAndLoss.fill, ProfitAndLoss.empty), new Money.Decimal(120)).total.toNumber()
}

// ---- error against golden -----------------------------------------------------------------------------------------

const names = ["price", "delta", "gamma", "theta_per_year", "vega_per_unit_vol", "rho_per_unit_rate"] as const
type Name = (typeof names)[number]
/** The out-of-the-money price is also judged separately, because errors in the wings show there first. */
type ErrorName = Name | "price, out of the money"
const columnOfError = (name: ErrorName): Name => (name === "price, out of the money" ? "price" : name)
const columnOf: Record<Name, number> = {
  price: BlackScholes.Column.price,
  delta: BlackScholes.Column.delta,
  gamma: BlackScholes.Column.gamma,
  theta_per_year: BlackScholes.Column.theta,
  vega_per_unit_vol: BlackScholes.Column.vega,
  rho_per_unit_rate: BlackScholes.Column.rho
}

interface GoldenRow {
  readonly side: "call" | "put"
  readonly number: (name: string) => number
}
const goldenRows = (): ReadonlyArray<GoldenRow> => {
  const [header = "", ...lines] = readFileSync(join(process.cwd(), "test/data/golden/greeks.golden.csv"), "utf8").trim().split("\n")
  const columns = header.split(",")
  return lines.map((line) => {
    const cells = line.split(",")
    return {
      side: cells[columns.indexOf("kind")] === "CE" ? "call" : "put",
      number: (name) => Number.parseFloat(cells[columns.indexOf(name)] ?? "")
    }
  })
}

/** The scale of an error: the underlying for a price, otherwise the number itself. Theta crosses zero here, so it has golden's floor. */
const scaleOf = (row: GoldenRow, name: ErrorName): number => {
  const [s, k, t, vol] = ["spot", "strike", "t_years", "vol"].map(row.number) as [number, number, number, number]
  if (name === "price") return Math.max(s, k)
  if (name === "theta_per_year") return Math.max(Math.abs(row.number(name)), (1e-3 * s * vol) / Math.sqrt(t))
  return Math.abs(row.number(columnOfError(name)))
}
const errorOf = (row: GoldenRow, name: ErrorName, value: number): number => {
  const error = Math.abs(value - row.number(columnOfError(name))) / scaleOf(row, name)
  return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY
}

interface ErrorRow {
  readonly name: ErrorName
  readonly rows: number
  readonly ours: number
  readonly baseline: number
  /** The same for |d1| and |d2| below 3: the range of an ordinary chain. */
  readonly oursNearTheMoney: number
  readonly baselineNearTheMoney: number
}

/** Largest errors over the golden rows without a yield, because the packages have no yield. */
const errors = (): ReadonlyArray<ErrorRow> => {
  const usable = goldenRows().filter((row) => row.number("dividend_yield") === 0)
  const isNear = (row: GoldenRow) => Math.abs(row.number("d1")) < 3 && Math.abs(row.number("d2")) < 3
  const row12 = new Float64Array(BlackScholes.COLUMNS)
  const found = usable.map((row) => {
    const [s, k, t, r, v] = ["spot", "strike", "t_years", "rate", "vol"].map(row.number) as [number, number, number, number, number]
    BlackScholes.evaluate(row12, 0, row.side === "call" ? 1 : -1, s, k, t, r, 0, v)
    return { row, ours: row12.slice(), theirs: sixByPackages(s, k, t, v, r, row.side) }
  })
  const largest = (some: typeof found, of: (one: (typeof found)[number]) => number) =>
    some.reduce((most, one) => Math.max(most, of(one)), 0)
  const isOtm = (row: GoldenRow) => (row.side === "call" ? 1 : -1) * (row.number("d1") + row.number("d2")) < 0
  return ([...names, "price, out of the money"] as const).map((name) => {
    const ours = (one: (typeof found)[number]) => errorOf(one.row, name, one.ours[columnOf[columnOfError(name)]] ?? Number.NaN)
    const baseline = (one: (typeof found)[number]) => errorOf(one.row, name, one.theirs[columnOfError(name)])
    // A reference below the smallest normal double has no digits to compare.
    const judged = found.filter(
      ({ row }) => Math.abs(row.number(columnOfError(name))) > 1e-300 && (name !== "price, out of the money" || isOtm(row))
    )
    const near = judged.filter(({ row }) => isNear(row))
    return {
      name,
      rows: judged.length,
      ours: largest(judged, ours),
      baseline: largest(judged, baseline),
      oursNearTheMoney: largest(near, ours),
      baselineNearTheMoney: largest(near, baseline)
    }
  })
}

// ---- report -------------------------------------------------------------------------------------------------------

/** Beyond this error a number is wrong and not worth measuring. */
const errorMax = 1e-9

const digits = (value: number | null): string =>
  value === null ? "" : value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3)
const short = (value: number): string => (Number.isFinite(value) ? value.toExponential(1) : "no number")

const markdown = (measured: ReadonlyArray<Race.Measured>, wrong: ReadonlyArray<ErrorRow>, machine: string): string =>
  [
    "# Numbers",
    "",
    `\`npm run bench -- numbers\` on ${machine}. Per second of one core's processor time; medians of ${measured[0]?.rounds ?? 0} rounds in which`,
    "both sides run in turn; the ratio is the median of the rounds' own ratios.",
    "",
    "| measured | unit | ours / s | baseline / s | ratio | baseline |",
    "|---|---|---:|---:|---:|---|",
    ...measured.map(
      (it) =>
        `| ${it.name} | ${it.unit} | ${digits(it.ours)} | ${digits(it.baseline)} | ${it.ratio === null ? "" : `${digits(it.ratio)} x`} | ${it.baselineName ?? ""} |`
    ),
    "",
    `Largest error on the ${wrong[0]?.rows ?? 0} rows of greeks.golden.csv without a yield (the packages know none): of the price as a share of`,
    "max(S, K), of all others relative (1.0 is every digit wrong), of theta with a floor of 1e-3 of its scale. Near the money: |d1|, |d2| < 3.",
    "",
    "| number | ours | npm packages | ours, near the money | npm packages, near the money |",
    "|---|---:|---:|---:|---:|",
    ...wrong.map(
      (it) =>
        `| ${it.name} | ${short(it.ours)} | ${short(it.baseline)} | ${short(it.oursNearTheMoney)} | ${short(it.baselineNearTheMoney)} |`
    ),
    ""
  ].join("\n")

const wrong = errors()
for (const { name, ours } of wrong) if (!(ours <= errorMax)) throw new Error(`${name} is off by ${ours}: not measured`)
const cold = solveAll(() => 0)
const measured = [
  Race.race("all twelve numbers of an option", "options", twelve, six),
  Race.race("price alone", "options", priceAlone, priceByPackage),
  Race.race("implied volatility, cold", "volatilities", cold),
  Race.race(
    "implied volatility, warm (1 % away)",
    "volatilities",
    solveAll((row) => seeds[row] ?? 0),
    { ...cold, name: "ours, cold" }
  ),
  Race.race("chain of 400 options recomputed: forward, volatilities, Greeks, open interest", "chains", chainWork(), chainByPackages),
  Race.race("all ten indicators", "bars", indicatorWork(ready)),
  ...ready.map((one) => Race.race(one.id, "bars", indicatorWork([one]))),
  Race.race("P&L by FIFO and average cost", "fills", fillWork)
]
if (!Number.isFinite(Race.total())) throw new Error("some result was no number")

const machine = `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? "unknown processor"}`
const text = markdown(measured, wrong, machine)
// `entries` proves rows of docs/behaviours.md by their ids. No row asks for these numbers.
writeFileSync(
  join(process.cwd(), "bench/reports/numbers.json"),
  `${JSON.stringify({ name: "numbers", machine, entries: [], measured, errors: wrong }, null, 2)}\n`
)
writeFileSync(join(process.cwd(), "bench/reports/numbers.md"), text)
process.stdout.write(text)
