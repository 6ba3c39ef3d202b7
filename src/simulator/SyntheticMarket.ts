/**
 * A market made up from a seed: spot prices walk within a band around their configured base, futures and options follow from one smile.
 * Tick j happens at a fixed time on a fixed instrument, so the packets depend on the settings and on market time alone,
 * not on how often `advance` is called.
 */
import { Clock, Effect } from "effect"
import * as IndiaTime from "../domain/IndiaTime.ts"
import * as Calendar from "../domain/market/Calendar.ts"
import * as Expiry from "../domain/market/Expiry.ts"
import * as Frame from "../domain/market/Frame.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import type { Span } from "../domain/market/KiteHistory.ts"
import * as Black76 from "../domain/options/Black76.ts"
import type { Candle } from "./Candles.ts"
import * as Contracts from "./Contracts.ts"
import type { Market, Outlet } from "./Market.ts"
import * as PastPrices from "./PastPrices.ts"
import { Random } from "./Random.ts"

export interface Settings {
  /** UNIX ms at which the market is seeded; contracts that have expired by then do not exist. */
  readonly startMs: number
  readonly seed: number
  /** Ticks a second of each instrument. */
  readonly rate: number
  /** Rupees by underlying name; what is not named has the price of `products`. */
  readonly basePrices: Readonly<Record<string, number>>
  /** How far a spot price may go from its base, as a fraction of it. */
  readonly variation: number
  /** A tick trades 1 to this many lots. */
  readonly volumeLotsMax: number
  /** Strikes either side of the money for an index; half as many for a share. */
  readonly strikesEachSide: number
}

export const defaults: Omit<Settings, "startMs"> = {
  seed: 1,
  rate: 2,
  basePrices: {},
  variation: 0.02,
  volumeLotsMax: 10,
  strikesEachSide: 40
}

interface Product {
  readonly name: string
  /** Rupees. */
  readonly basePrice: number
  /** At-the-money volatility a year. */
  readonly volatility: number
  readonly weeklies: number
  /** Months of futures and options; 0 is a share that nothing is derived from. */
  readonly monthlies: number
}

export const products: ReadonlyArray<Product> = [
  { name: "NIFTY", basePrice: 24_500, volatility: 0.13, weeklies: 5, monthlies: 3 },
  { name: "BANKNIFTY", basePrice: 57_500, volatility: 0.15, weeklies: 0, monthlies: 3 },
  { name: "FINNIFTY", basePrice: 27_000, volatility: 0.15, weeklies: 0, monthlies: 3 },
  { name: "RELIANCE", basePrice: 1_310, volatility: 0.24, weeklies: 0, monthlies: 3 },
  { name: "M&M", basePrice: 3_400, volatility: 0.27, weeklies: 0, monthlies: 0 }
]

export const rate = 0.065
export const dividend = 0.012

/** How much more a year of sessions (250 days of 6.25 hours) moves per hour than a year that never closes. */
const sessionFactor = Math.sqrt((365 * 24) / (250 * 6.25))
/** Share of an underlying's movement that all have in common. */
const commonShare = 0.8
const spotStepMs = 100
const reversionPerStep = 0.00001
const roundMsMax = 1000
const publishRowsMax = 512
const paceMs = 20
const u32Max = 0xffffffff
/** Minutes that the market remembers of itself: a week. */
const minutesMax = 7 * 1440
/** A contract is listed so long before it expires. */
const listedMs = 120 * IndiaTime.dayMs
const exchangeTokenBase = 1_000_000

const Shape = { index: 0, share: 1, future: 2, option: 3 } as const

/**
 * The one smile: volatility by standardised log-moneyness m = ln(K/F) / (atm sqrt(T)), clipped where options are worth next to nothing.
 * `f` and `k` in one unit, `t` years.
 */
export const smile = (atm: number, f: number, k: number, t: number): number => {
  const m = Math.max(-3, Math.min(3, Math.log(k / f) / (atm * Math.sqrt(Math.max(t, 1e-6)))))
  return atm * (1 - 0.06 * m + 0.03 * m * m)
}

/** Forward of a spot price, same unit. */
export const forward = (spot: number, t: number): number => spot * Math.exp((rate - dividend) * t)

/** A contract keeps its token from start to start, as at an exchange: expiry day, underlying, side and strike make it. */
const exchangeTokenOf = (product: number, expiry: string, strikeIndex: number, side: 0 | 1): number => {
  const day = (Date.parse(`${expiry}T00:00:00Z`) / IndiaTime.dayMs) % 512
  return exchangeTokenBase + ((day * products.length + product) * 2 + side) * 1024 + (strikeIndex % 1023) + 1
}

const strikesAround = (base: number, step: number, eachSide: number): ReadonlyArray<number> => {
  const middle = Math.round(base / step)
  const first = Math.max(1, middle - eachSide)
  return Array.from({ length: middle + eachSide - first + 1 }, (_, index) => (first + index) * step)
}

interface Contract {
  readonly instrument: Instrument.Instrument
  readonly product: number
}

const contractsOf = (settings: Settings, product: Product, index: number): ReadonlyArray<Contract> => {
  const underlying = Contracts.underlyingByName.get(product.name)
  if (underlying === undefined) throw new Error(`${product.name} is no underlying of Contracts.underlyings`)
  const add = (instrument: Instrument.Instrument): Contract => ({ instrument, product: index })
  const monthly = Contracts.monthlyExpiries(settings.startMs, product.monthlies)
  const expiries = [...new Set([...Contracts.weeklyExpiries(settings.startMs, product.weeklies), ...monthly])].sort()
  const eachSide = Contracts.isShare(underlying) ? Math.ceil(settings.strikesEachSide / 2) : settings.strikesEachSide
  const strikes = strikesAround(basePrice(settings, product), underlying.strikeStep, eachSide)
  const contracts = [add(Contracts.spotInstrument(underlying))]
  for (const expiry of monthly) contracts.push(add(Contracts.contract(underlying, exchangeTokenOf(index, expiry, -1, 0), expiry, 0, "FUT")))
  for (const expiry of expiries) {
    for (const strike of strikes) {
      const at = strike / underlying.strikeStep
      contracts.push(add(Contracts.contract(underlying, exchangeTokenOf(index, expiry, at, 0), expiry, strike, "CE")))
      contracts.push(add(Contracts.contract(underlying, exchangeTokenOf(index, expiry, at, 1), expiry, strike, "PE")))
    }
  }
  return contracts
}

/** Paise. */
const basePrice = (settings: Settings, product: Product): number =>
  Math.round((settings.basePrices[product.name] ?? product.basePrice) * 100)

/** What never changes, by row, and the prices that all rows of a product or an expiry share. */
interface Book {
  readonly columns: Frame.Columns
  readonly shape: Uint8Array
  readonly product: Uint8Array
  /** Index into expiries, 0 for the spot itself. */
  readonly slot: Uint16Array
  readonly side: Int8Array
  readonly strike: Float64Array
  readonly tick: Uint32Array
  readonly lot: Uint32Array
  /** Sum of price x quantity traded, for the average price. */
  readonly turnover: Float64Array
  readonly slots: Array<{ readonly product: number; readonly expiryMs: number; t: number; f: number }>
  readonly spot: Float64Array
}

const shapeOf = (instrument: Instrument.Instrument): number => {
  switch (Instrument.kindOf(instrument)) {
    case "INDEX":
      return Shape.index
    case "EQ":
      return Shape.share
    case "FUT":
      return Shape.future
    default:
      return Shape.option
  }
}

const makeBook = (settings: Settings, contracts: ReadonlyArray<Contract>): Book => {
  const rows = contracts.length
  const slots: Book["slots"] = [{ product: -1, expiryMs: Number.POSITIVE_INFINITY, t: 0, f: 0 }]
  const slotByKey = new Map<string, number>()
  const book: Book = {
    columns: Frame.makeColumns(rows),
    shape: new Uint8Array(rows),
    product: new Uint8Array(rows),
    slot: new Uint16Array(rows),
    side: new Int8Array(rows),
    strike: new Float64Array(rows),
    tick: new Uint32Array(rows),
    lot: new Uint32Array(rows),
    turnover: new Float64Array(rows),
    slots,
    spot: Float64Array.from(products, (product) => basePrice(settings, product))
  }
  book.columns.count = rows
  contracts.forEach(({ instrument, product }, row) => {
    const shape = shapeOf(instrument)
    book.columns.token[row] = instrument.token
    book.columns.kind[row] = shape === Shape.index ? Frame.Kind.indexFull : Frame.Kind.full
    book.shape[row] = shape
    book.product[row] = product
    book.side[row] = instrument.instrumentType === "PE" ? -1 : 1
    book.strike[row] = instrument.strike
    book.tick[row] =
      shape === Shape.index ? (Contracts.underlyingByName.get(products[product]?.name ?? "")?.spotTick ?? 5) : instrument.tickSize
    book.lot[row] = Math.max(1, instrument.lotSize)
    if (instrument.expiry === null) return
    const key = `${product} ${instrument.expiry}`
    const slot = slotByKey.get(key) ?? slots.push({ product, expiryMs: Expiry.expiryAtMs(instrument.expiry), t: 0, f: 0 }) - 1
    slotByKey.set(key, slot)
    book.slot[row] = slot
  })
  return book
}

const refreshSlots = (book: Book, timeMs: number): void => {
  for (const slot of book.slots) {
    if (slot.product < 0) continue
    slot.t = Math.max(0, IndiaTime.yearsTo(slot.expiryMs, timeMs))
    slot.f = forward(book.spot[slot.product] ?? 0, slot.t)
  }
}

/** One step of every spot price: noise in common and of its own, drawn back to the base and held in the band. */
const stepSpots = (book: Book, base: Float64Array, variation: number, random: Random): void => {
  const common = random.normal()
  products.forEach((product, index) => {
    const from = base[index] ?? 0
    const deviation = product.volatility * sessionFactor * Math.sqrt(spotStepMs / IndiaTime.yearMs)
    const noise = commonShare * common + Math.sqrt(1 - commonShare * commonShare) * random.normal()
    const off = ((book.spot[index] ?? from) / from - 1) * (1 - reversionPerStep) + deviation * noise
    book.spot[index] = from * (1 + Math.max(-variation, Math.min(variation, off)))
  })
}

/** Model value in paise on a spot price and a forward, `t` years before expiry, before the tick grid. */
const valueOf = (book: Book, row: number, spot: number, f: number, t: number): number => {
  const shape = book.shape[row]
  if (shape === Shape.index || shape === Shape.share) return spot
  if (shape === Shape.future) return f
  const strike = book.strike[row] ?? 0
  const volatility = smile(products[book.product[row] ?? 0]?.volatility ?? 0, f, strike, t)
  return Black76.priceOf((book.side[row] ?? 1) > 0 ? 1 : -1, f, strike, t, rate, volatility)
}

const fairPrice = (book: Book, row: number): number => {
  const slot = book.slots[book.slot[row] ?? 0]
  return slot === undefined ? 0 : valueOf(book, row, book.spot[book.product[row] ?? 0] ?? 0, slot.f, slot.t)
}

/** Spot prices of one minute by product, paise. */
interface SpotMinute {
  readonly atMs: number
  readonly open: Float64Array
  readonly high: Float64Array
  readonly low: Float64Array
  readonly close: Float64Array
}

const noteSpots = (minutes: Array<SpotMinute>, spot: Float64Array, atMs: number): void => {
  const minuteMs = IndiaTime.minuteFloor(atMs)
  const last = minutes.at(-1)
  if (last?.atMs !== minuteMs) {
    const copy = () => Float64Array.from(spot)
    minutes.push({ atMs: minuteMs, open: copy(), high: copy(), low: copy(), close: copy() })
    if (minutes.length > minutesMax) minutes.shift()
    return
  }
  for (const [product, price] of spot.entries()) {
    if (price > (last.high[product] ?? 0)) last.high[product] = price
    if (price < (last.low[product] ?? 0)) last.low[product] = price
    last.close[product] = price
  }
}

/** Where in a minute before the start its prices are looked at. */
const pastSamples = 6

/** Highest, lowest, first and last spot of a minute before the start; the last is where the next minute begins. */
const pastSpots = (settings: Settings, base: number, product: number, atMs: number): readonly [number, number, number, number] => {
  const at = (part: number): number => {
    const whenMs = Math.min(settings.startMs, atMs + (part / pastSamples) * IndiaTime.minuteMs)
    return base * (1 + PastPrices.deviation(settings.seed, product, whenMs, settings.startMs, settings.variation))
  }
  const prices = Array.from({ length: pastSamples + 1 }, (_, part) => at(part))
  return [prices[0] ?? base, Math.max(...prices), Math.min(...prices), prices.at(-1) ?? base]
}

/** A row's minute from its underlying's: model values at its ends and extremes, on the tick grid. */
const minuteOf = (
  book: Book,
  settings: Settings,
  row: number,
  atMs: number,
  [open, high, low, close]: readonly [number, number, number, number]
): Candle => {
  const { expiryMs } = book.slots[book.slot[row] ?? 0] ?? { expiryMs: Number.POSITIVE_INFINITY }
  const tick = book.tick[row] ?? 5
  const least = book.shape[row] === Shape.option ? tick : 0
  const priceAt = (spot: number, whenMs: number): number => {
    const t = Number.isFinite(expiryMs) ? Math.max(0, IndiaTime.yearsTo(expiryMs, whenMs)) : 0
    return Math.max(least, Math.round(valueOf(book, row, spot, forward(spot, t), t) / tick) * tick)
  }
  const prices = [
    priceAt(open, atMs),
    priceAt(high, atMs + IndiaTime.minuteMs / 2),
    priceAt(low, atMs + IndiaTime.minuteMs / 2),
    priceAt(close, atMs + IndiaTime.minuteMs)
  ] as const
  const token = book.columns.token[row] ?? 0
  const lots = settings.rate * 60 * ((settings.volumeLotsMax + 1) / 2) * (0.5 + PastPrices.uniform(settings.seed, token, atMs))
  return {
    atMs,
    open: prices[0],
    high: Math.max(...prices),
    low: Math.min(...prices),
    close: prices[3],
    volume: book.shape[row] === Shape.index ? 0 : Math.min(u32Max, Math.round(lots) * (book.lot[row] ?? 1)),
    oi: book.columns.oi[row] ?? 0
  }
}

/** The minutes between two instants that lie in a session; looked at day by day, because there may be years of them. */
function* sessionMinutes(fromMs: number, toMs: number): Generator<number> {
  for (let midnightMs = IndiaTime.istMidnightMs(IndiaTime.istDate(fromMs)); midnightMs <= toMs; midnightMs += IndiaTime.dayMs) {
    if (!Calendar.isSession(midnightMs + Calendar.openOfDayMs)) continue
    const lastMs = Math.min(toMs, midnightMs + Calendar.closeOfDayMs - 1)
    for (let atMs = Math.max(fromMs, midnightMs + Calendar.openOfDayMs); atMs <= lastMs; atMs += IndiaTime.minuteMs) yield atMs
  }
}

/** A row's minutes: of the sessions before the start from the seed, from the start on as the spot went. */
const minutesOf = (
  book: Book,
  settings: Settings,
  live: ReadonlyArray<SpotMinute>,
  row: number,
  { fromMs, toMs }: Span
): ReadonlyArray<Candle> => {
  const product = book.product[row] ?? 0
  const base = basePrice(settings, products[product] as Product)
  const { expiryMs } = book.slots[book.slot[row] ?? 0] ?? { expiryMs: Number.POSITIVE_INFINITY }
  const firstMs = Math.ceil(Math.max(fromMs, Number.isFinite(expiryMs) ? expiryMs - listedMs : 0) / IndiaTime.minuteMs) * IndiaTime.minuteMs
  const lastMs = Math.min(toMs, expiryMs - 1)
  const seamMs = Math.min(IndiaTime.minuteFloor(settings.startMs), live[0]?.atMs ?? Number.POSITIVE_INFINITY)
  const out: Array<Candle> = []
  for (const atMs of sessionMinutes(firstMs, Math.min(lastMs, seamMs - 1)))
    out.push(minuteOf(book, settings, row, atMs, pastSpots(settings, base, product, atMs)))
  for (const { atMs, open, high, low, close } of live) {
    if (atMs < firstMs || atMs > lastMs) continue
    out.push(minuteOf(book, settings, row, atMs, [open[product] ?? 0, high[product] ?? 0, low[product] ?? 0, close[product] ?? 0]))
  }
  return out
}

/** Five levels either side of a fair price on the tick grid; the book never crosses, and no bid stands below one tick. */
const quote = (book: Book, row: number, fair: number, random: Random): void => {
  const { columns } = book
  const tick = book.tick[row] ?? 5
  const lot = book.lot[row] ?? 1
  const bits = random.bits()
  const half = tick * (0.5 + (bits & 1)) + fair * 0.0001
  const bid = Math.max(0, Math.floor((fair - half) / tick) * tick)
  const ask = Math.max(bid + tick, Math.ceil((fair + half) / tick) * tick)
  let buy = 0
  let sell = 0
  for (let level = 0; level < Frame.depthLevels; level++) {
    const at = row * Frame.depthLevels + level
    const price = bid - level * tick
    const has = price > 0
    const bidQuantity = has ? (1 + ((bits >>> (level * 3 + 1)) & 7)) * (level + 1) * lot : 0
    const askQuantity = (1 + ((bits >>> (level * 3 + 15)) & 7)) * (level + 1) * lot
    columns.bidPrice[at] = has ? price : 0
    columns.bidQuantity[at] = bidQuantity
    columns.bidOrders[at] = has ? 1 + ((bits >>> (level + 4)) & 7) : 0
    columns.askPrice[at] = ask + level * tick
    columns.askQuantity[at] = askQuantity
    columns.askOrders[at] = 1 + ((bits >>> (level + 9)) & 7)
    buy += bidQuantity
    sell += askQuantity
  }
  columns.buyQuantity[row] = buy * 20
  columns.sellQuantity[row] = sell * 20
}

const trade = (book: Book, row: number, price: number, quantity: number): void => {
  const { columns } = book
  columns.lastPrice[row] = price
  columns.lastQuantity[row] = quantity
  const volume = Math.min(u32Max, (columns.volume[row] ?? 0) + quantity)
  columns.volume[row] = volume
  const turnover = (book.turnover[row] ?? 0) + price * quantity
  book.turnover[row] = turnover
  columns.averagePrice[row] = Math.round(turnover / volume)
}

const extend = (columns: Frame.Columns, row: number, price: number): void => {
  if (price > (columns.high[row] ?? 0)) columns.high[row] = price
  if (price < (columns.low[row] ?? 0)) columns.low[row] = price
}

/** One tick: a trade at the bid or the ask of a fresh book around the fair price. */
const tickRow = (book: Book, row: number, timeMs: number, volumeLotsMax: number, random: Random): void => {
  const { columns } = book
  const seconds = Math.floor(timeMs / 1000)
  const tick = book.tick[row] ?? 5
  const fair = fairPrice(book, row)
  columns.exchangeTime[row] = seconds
  if (book.shape[row] === Shape.index) {
    columns.lastPrice[row] = Math.round(fair / tick) * tick
    extend(columns, row, columns.lastPrice[row] ?? 0)
    return
  }
  quote(book, row, fair, random)
  const bits = random.bits()
  const bid = Frame.bestBidPrice(columns, row)
  const price = (bits & 1) === 1 && bid > 0 ? bid : Frame.bestAskPrice(columns, row)
  const lots = 1 + ((bits >>> 8) % volumeLotsMax)
  const lot = book.lot[row] ?? 1
  trade(book, row, price, lots * lot)
  columns.lastTradeTime[row] = seconds
  extend(columns, row, price)
  if (book.shape[row] === Shape.share) return
  // A trade opens or closes contracts, or only changes hands.
  const change = (((bits >>> 2) & 3) - 1) * lot * ((bits >>> 4) & 1)
  const oi = Math.max(lot, Math.min(u32Max, (columns.oi[row] ?? 0) + change))
  columns.oi[row] = oi
  if (oi > (columns.oiDayHigh[row] ?? 0)) columns.oiDayHigh[row] = oi
  if (oi < (columns.oiDayLow[row] ?? 0)) columns.oiDayLow[row] = oi
}

/** Lots open at the start: most near the money and at round strikes, calls above and puts below it. */
const openInterestLots = (book: Book, row: number, random: Random): number => {
  if (book.shape[row] === Shape.future) return 50_000 + (random.bits() % 50_000)
  const spot = book.spot[book.product[row] ?? 0] ?? 1
  const strike = book.strike[row] ?? 0
  const distance = (strike / spot - 1 - 0.01 * (book.side[row] ?? 1)) / 0.025
  const peak = 20_000 / (1 + distance * distance)
  return Math.ceil(peak * (0.5 + random.next()) * (strike % 50_000 === 0 ? 2 : 1))
}

const seedRow = (book: Book, row: number, timeMs: number, settings: Settings, random: Random): void => {
  const { columns } = book
  const derivative = book.shape[row] === Shape.future || book.shape[row] === Shape.option
  const lot = book.lot[row] ?? 1
  if (derivative) {
    const oi = openInterestLots(book, row, random) * lot
    columns.oi[row] = oi
    columns.oiDayHigh[row] = oi
    columns.oiDayLow[row] = oi
  }
  tickRow(book, row, timeMs, settings.volumeLotsMax, random)
  // A share starts at its base price itself, not at the bid or ask next to it.
  const tick = book.tick[row] ?? 5
  const price = book.shape[row] === Shape.share ? Math.round(fairPrice(book, row) / tick) * tick : (columns.lastPrice[row] ?? 0)
  columns.lastPrice[row] = price
  columns.high[row] = price
  columns.low[row] = price
  columns.open[row] = price
  columns.close[row] = price
}

export interface SyntheticMarket extends Market {
  /** Moves market time to `nowMs` and publishes the ticks up to it; at most a second of ticks, the rest of a longer gap is left out. */
  readonly advance: (nowMs: number, publish: Outlet["publish"]) => void
}

export const make = (settings: Settings): SyntheticMarket => {
  const contracts = products.flatMap((product, index) => contractsOf(settings, product, index))
  const book = makeBook(settings, contracts)
  const rows = contracts.length
  // The spot path has its own numbers, so that it does not depend on the tick rate.
  const spotRandom = new Random(settings.seed)
  const random = new Random(settings.seed + 0x5eed)
  const ticksPerMs = (rows * settings.rate) / 1000
  const order = shuffled(rows, random)
  const base = Float64Array.from(book.spot)
  const due = new Uint32Array(Math.min(rows, publishRowsMax))
  const live: Array<SpotMinute> = []
  noteSpots(live, book.spot, settings.startMs)
  const rowByToken = new Map(contracts.map((one, row) => [one.instrument.token, row]))
  let ticks = 0
  let timeMs = settings.startMs
  let spotMs = settings.startMs

  const moveTo = (atMs: number): void => {
    if (spotMs + spotStepMs > atMs) return
    while (spotMs + spotStepMs <= atMs) {
      spotMs += spotStepMs
      stepSpots(book, base, settings.variation, spotRandom)
      noteSpots(live, book.spot, spotMs)
    }
    refreshSlots(book, spotMs)
  }
  const advance: SyntheticMarket["advance"] = (nowMs, publish) => {
    const total = Math.floor((nowMs - settings.startMs) * ticksPerMs)
    ticks = Math.max(ticks, total - Math.floor(ticksPerMs * roundMsMax))
    while (ticks < total) {
      let count = 0
      // Neighbours in `order` are distinct for a whole round, so a call never holds a row twice.
      for (let taken = 0; taken < due.length && ticks < total; taken++) {
        const row = order[ticks % rows] ?? 0
        ticks++
        const atMs = settings.startMs + ticks / ticksPerMs
        moveTo(atMs)
        if ((book.slots[book.slot[row] ?? 0]?.expiryMs ?? 0) <= atMs) continue
        tickRow(book, row, atMs, settings.volumeLotsMax, random)
        due[count++] = row
      }
      if (count > 0) publish(due, count)
    }
    timeMs = Math.max(timeMs, nowMs)
  }

  refreshSlots(book, settings.startMs)
  for (let row = 0; row < rows; row++) seedRow(book, row, settings.startMs, settings, random)
  return {
    mode: "synthetic",
    underlying: null,
    instruments: contracts.map((one) => one.instrument),
    columns: book.columns,
    rowByToken,
    minutes: (token, { fromMs, toMs }) => {
      const row = rowByToken.get(token)
      return row === undefined ? [] : minutesOf(book, settings, live, row, { fromMs, toMs: Math.min(toMs, timeMs) })
    },
    status: () => ({ timeMs, speed: 1, state: "running", skipped: 0 }),
    advance,
    run: (outlet) =>
      Effect.forever(
        Effect.zipRight(
          Effect.sleep(paceMs),
          Effect.map(Clock.currentTimeMillis, (nowMs) => advance(nowMs, outlet.publish))
        )
      )
  }
}

const shuffled = (length: number, random: Random): Uint32Array => {
  const order = Uint32Array.from({ length }, (_, index) => index)
  for (let last = length - 1; last > 0; last--) {
    const other = random.bits() % (last + 1)
    const held = order[last] ?? 0
    order[last] = order[other] ?? 0
    order[other] = held
  }
  return order
}
