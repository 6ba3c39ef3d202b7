/** The trading floor: it computes the packets of every listed instrument from instant to instant, and records the truth. */
import * as Money from "../../domain/Money.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Day from "../../domain/rules/Day.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import * as Segments from "../../domain/rules/Segments.ts"
import * as Listing from "./Listing.ts"
import * as Paths from "./Paths.ts"
import type * as Timetable from "./Timetable.ts"
import * as Truth from "./Truth.ts"

/** A tick trades 1 to this many lots. */
const lotsMax = 10
/** Indicative prices of the pre-open are this far below the open. */
const preopenDiscount = 0.01
/** Minutes at the end of the day whose mean is the close, if there is no closing auction. */
const closeMinutes = 30
const firstLots = 10_000

/** An instrument's values that last from day to day. */
interface Memory {
  close: number
  oi: number
}

/** A listed instrument with its data of the day. */
interface Row {
  readonly one: Listing.Listed
  readonly phases: ReadonlyArray<Hours.Phase>
  readonly closePrintAtMs: number | null
  readonly truth: Truth.InstrumentDay
}

/** A strategy whose profit and candles belong to the truth. */
export interface NamedStrategy {
  readonly name: string
  readonly legs: ReadonlyArray<Omit<Truth.Leg, "multiplier" | "scale">>
}

export interface Floor {
  readonly paths: Paths.Paths
  readonly rules: RuleSet.RuleSet
  readonly columns: Frame.Columns
  readonly rowByToken: Map<number, number>
  readonly memory: Map<string, Memory>
  readonly turnover: Float64Array
  /** 1 once the row has had its first packet of the day. */
  readonly begun: Uint8Array
  readonly changed: Uint32Array
  listing: Listing.DayListing
  rows: ReadonlyArray<Row>
  /** By exchange and symbol. */
  rowBySymbol: ReadonlyMap<string, number>
  truth: Truth.DayTruth
  /** Official closes of the day by product. */
  readonly closes: Map<number, number>
  strategies: ReadonlyArray<Truth.Strategy>
  /** Settlement prices by exchange and symbol, in wire units. */
  readonly settled: Map<string, number>
}

const keyOf = ({ instrument }: Listing.Listed): string => Instrument.symbolKey(instrument.exchange, instrument.tradingsymbol)
const isSpot = ({ instrument }: Listing.Listed): boolean => instrument.instrumentType === "EQ"
const secondsOf = (atMs: number): number => Math.floor(atMs / 1_000)

const clearDepth = (columns: Frame.Columns, row: number): void => {
  for (let at = row * Frame.depthLevels; at < (row + 1) * Frame.depthLevels; at++)
    for (const name of ["bidPrice", "bidQuantity", "bidOrders", "askPrice", "askQuantity", "askOrders"] as const) columns[name][at] = 0
}

/** Sets up the rows of a new day. An instrument that was listed before keeps its last packet, under its present token. */
export const openDay = (floor: Floor, listing: Listing.DayListing, timetable: Timetable.Timetable): void => {
  const { columns, rowByToken } = floor
  const last = new Map(floor.listing.listed.map((one, row) => [keyOf(one), Frame.rowOf(columns, row)]))
  rowByToken.clear()
  floor.begun.fill(0)
  floor.turnover.fill(0)
  floor.closes.clear()
  columns.kind.fill(0)
  for (const [row, one] of listing.listed.entries()) {
    const before = last.get(keyOf(one))
    clearDepth(columns, row)
    for (const name of Frame.rowColumns) columns[name][row] = before?.[name] ?? 0
    columns.token[row] = one.instrument.token
    columns.kind[row] = before === undefined ? 0 : before.kind
    // There is no packet yet, but a REST quote needs a price.
    if (before === undefined) columns.lastPrice[row] = Paths.price(floor.paths, one, timetable.tokensDieAtMs)
    rowByToken.set(one.instrument.token, row)
  }
  const truth = Truth.dayOf(Day.iso(listing.day), listing.listed)
  floor.listing = listing
  floor.truth = truth
  floor.rows = listing.listed.flatMap((one) => {
    const own = truth.instruments.get(keyOf(one))
    return own === undefined ? [] : [{ one, phases: timetable.phasesOf(one), closePrintAtMs: timetable.closePrintAtMs(one), truth: own }]
  })
  floor.rowBySymbol = new Map(listing.listed.map((one, row) => [keyOf(one), row]))
}

const kindOf = (one: Listing.Listed): number => (Instrument.isIndex(one.instrument.token) ? Frame.Kind.indexFull : Frame.Kind.full)

/** The first packet of an instrument's day: volume, averages and the day's range restart, open interest continues. */
const beginDay = (floor: Floor, row: number, one: Listing.Listed): void => {
  const { columns } = floor
  const memory = floor.memory.get(keyOf(one))
  floor.begun[row] = 1
  columns.kind[row] = kindOf(one)
  for (const name of ["volume", "averagePrice", "open", "high", "low", "lastQuantity"] as const) columns[name][row] = 0
  const derivative = !isSpot(one)
  const oi = memory?.oi ?? (derivative ? firstLots * Math.max(1, one.instrument.lotSize) : 0)
  columns.close[row] = memory?.close ?? 0
  columns.oi[row] = oi
  columns.oiDayHigh[row] = oi
  columns.oiDayLow[row] = oi
}

const quote = (floor: Floor, row: number, one: Listing.Listed, price: number): void => {
  const { columns } = floor
  const tick = one.instrument.tickSize
  const lot = Math.max(1, one.instrument.lotSize)
  for (let level = 0; level < Frame.depthLevels; level++) {
    const at = row * Frame.depthLevels + level
    const bid = price - (level + 1) * tick
    columns.bidPrice[at] = Math.max(0, bid)
    columns.bidQuantity[at] = bid > 0 ? lot * (level + 1) : 0
    columns.bidOrders[at] = bid > 0 ? level + 1 : 0
    columns.askPrice[at] = price + (level + 1) * tick
    columns.askQuantity[at] = lot * (level + 1)
    columns.askOrders[at] = level + 1
  }
  const sum = (lot * Frame.depthLevels * (Frame.depthLevels + 1)) / 2
  columns.buyQuantity[row] = sum
  columns.sellQuantity[row] = sum
}

/** One trade in the session. It updates the day's range, the volume and the truth. */
const trade = (floor: Floor, row: number, { one, truth }: Row, atMs: number): void => {
  const { columns, paths } = floor
  if (floor.begun[row] === 0) beginDay(floor, row, one)
  const price = Paths.price(paths, one, atMs)
  const token = one.instrument.token
  columns.lastPrice[row] = price
  columns.exchangeTime[row] = secondsOf(atMs)
  if (columns.open[row] === 0) {
    columns.open[row] = price
    columns.high[row] = price
    columns.low[row] = price
  }
  columns.high[row] = Math.max(columns.high[row] as number, price)
  columns.low[row] = Math.min(columns.low[row] as number, price)
  if (kindOf(one) === Frame.Kind.full) {
    const lot = Math.max(1, one.instrument.lotSize)
    const quantity = (1 + Paths.pick(paths, token, atMs, 1, lotsMax)) * lot
    const volume = (columns.volume[row] as number) + quantity
    floor.turnover[row] = (floor.turnover[row] as number) + price * quantity
    columns.lastQuantity[row] = quantity
    columns.volume[row] = volume
    columns.averagePrice[row] = Math.round((floor.turnover[row] as number) / volume)
    columns.lastTradeTime[row] = secondsOf(atMs)
    quote(floor, row, one, price)
    if (!isSpot(one)) {
      const oi = Math.max(lot, (columns.oi[row] as number) + (Paths.pick(paths, token, atMs, 2, 3) - 1) * lot)
      columns.oi[row] = oi
      columns.oiDayHigh[row] = Math.max(columns.oiDayHigh[row] as number, oi)
      columns.oiDayLow[row] = Math.min(columns.oiDayLow[row] as number, oi)
    }
  }
  Truth.note(truth, atMs, price, columns.volume[row] as number, columns.oi[row] as number)
}

/** A price without a trade: in the pre-open, or the constant price in an auction. */
const indicate = (floor: Floor, row: number, atMs: number, price: number): void => {
  floor.columns.lastPrice[row] = price
  floor.columns.exchangeTime[row] = secondsOf(atMs)
}

const officialClose = (floor: Floor, { one, phases, truth }: Row, atMs: number): number => {
  const auction = phases.find(({ phase }) => phase === "cas_matching")
  if (auction !== undefined) return Paths.price(floor.paths, one, auction.endMs)
  const minutes = truth.minutes.slice(-closeMinutes)
  if (minutes.length === 0) return Paths.price(floor.paths, one, atMs)
  const tick = one.instrument.tickSize === 0 ? 5 : one.instrument.tickSize
  return Math.round(minutes.reduce((sum, { close }) => sum + close, 0) / minutes.length / tick) * tick
}

/** Writes a row's packet for an instant; returns false if it has nothing to send. */
const writePacket = (floor: Floor, row: number, of: Row, atMs: number): boolean => {
  const { one } = of
  if (isSpot(one) && of.closePrintAtMs === atMs) {
    const close = officialClose(floor, of, atMs)
    floor.closes.set(one.product, close)
    indicate(floor, row, atMs, close)
    return true
  }
  const phase = of.phases.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs)
  if (phase === undefined || atMs >= one.expiresAtMs) return false
  if (phase.trades) {
    trade(floor, row, of, atMs)
    return true
  }
  if (phase.phase.startsWith("preopen")) {
    if (floor.begun[row] === 0) beginDay(floor, row, one)
    const indicative = Paths.fair(floor.paths, one.product, atMs) * (1 - preopenDiscount)
    indicate(floor, row, atMs, Paths.price(floor.paths, one, atMs, indicative))
    return true
  }
  if (!isSpot(one) || !phase.phase.startsWith("cas_")) return false
  indicate(floor, row, atMs, floor.columns.lastPrice[row] as number)
  return true
}

/** Records a strategy's net premium if one of its legs traded at this instant. Legs that settled on an earlier day do not count. */
const valueStrategy = (floor: Floor, { name, legs }: Truth.Strategy, atMs: number): void => {
  let [value, hasTraded] = [0, false]
  for (const { exchange, tradingsymbol, direction, quantity, multiplier, scale } of legs) {
    const key = Instrument.symbolKey(exchange, tradingsymbol)
    if (floor.settled.has(key)) continue
    const row = floor.rowBySymbol.get(key)
    if (row === undefined || (floor.begun[row] === 0 && !floor.memory.has(key))) return
    const signed = (direction === "BUY" ? -1 : 1) * quantity * multiplier
    value += signed * (floor.columns.lastPrice[row] as number) * (Truth.premiumScale / scale)
    hasTraded ||= floor.rows[row]?.truth.lastAtMs === atMs
  }
  if (!hasTraded) return
  const minutes = floor.truth.premiums.get(name) ?? []
  floor.truth.premiums.set(name, minutes)
  Truth.notePremium(minutes, atMs, value)
}

/** Moves every instrument to an instant. Returns how many rows of `changed` have something to send. */
export const advance = (floor: Floor, atMs: number): number => {
  let count = 0
  for (let row = 0; row < floor.rows.length; row++) if (writePacket(floor, row, floor.rows[row] as Row, atMs)) floor.changed[count++] = row
  if (floor.strategies.length === 0 && count > 0) floor.strategies = knownStrategies(floor)
  for (const strategy of floor.strategies) valueStrategy(floor, strategy, atMs)
  return count
}

/** True if one of the first `count` changed rows is a spot. */
export const hasSpot = (floor: Floor, count: number): boolean =>
  floor.changed.subarray(0, count).some((row) => {
    const one = floor.listing.listed[row]
    return one !== undefined && isSpot(one)
  })

/** Repeats the price of the first spot at an instant, so that time advances while nothing trades. -1 if it has no price yet. */
export const passTime = (floor: Floor, atMs: number): number => {
  const row = floor.listing.listed.findIndex(isSpot)
  const one = floor.listing.listed[row]
  if (one === undefined) return -1
  floor.columns.kind[row] = kindOf(one)
  floor.columns.exchangeTime[row] = secondsOf(atMs)
  return row
}

const multiplierOf = (floor: Floor, { exchange, name }: Instrument.Instrument): number =>
  Listing.known(Segments.multiplier(floor.rules.segments, exchange, name, floor.listing.day)).multiplier

const legOf = (floor: Floor, one: Listing.Listed, direction: "BUY" | "SELL", contracts: number): Truth.Leg => ({
  exchange: one.instrument.exchange,
  tradingsymbol: one.instrument.tradingsymbol,
  direction,
  quantity: contracts * Math.max(1, one.instrument.lotSize),
  multiplier: multiplierOf(floor, one.instrument),
  entry: floor.columns.lastPrice[floor.rowByToken.get(one.instrument.token) ?? -1] ?? 0,
  scale: Instrument.priceScale(one.instrument.token)
})

/** The strategies in the settings, whose legs must be listed on the first day. They replace those that the market invents. */
export const namedStrategies = (floor: Floor, named: ReadonlyArray<NamedStrategy>): ReadonlyArray<Truth.Strategy> =>
  named.map(({ name, legs }) => ({
    name,
    legs: legs.map((leg) => {
      const row = floor.rowBySymbol.get(Instrument.symbolKey(leg.exchange, leg.tradingsymbol))
      const one = row === undefined ? undefined : floor.listing.listed[row]
      if (one === undefined) throw new RangeError(`${leg.exchange} ${leg.tradingsymbol} is not listed on the first day`)
      return { ...leg, multiplier: multiplierOf(floor, one.instrument), scale: Instrument.priceScale(one.instrument.token) }
    })
  }))

/**
 * The first product: a sold strangle of the nearest expiry and a bought future. Each commodity: a bought future. All at the first
 * prices.
 */
const knownStrategies = (floor: Floor): ReadonlyArray<Truth.Strategy> => {
  const traded = floor.listing.listed.filter((one, row) => floor.begun[row] === 1 && !isSpot(one))
  const options = traded.filter(({ instrument, product }) => product === 0 && Instrument.isOption(instrument))
  const nearest = options.map(({ instrument }) => instrument.expiry ?? "").sort()[0]
  const chain = options.filter(({ instrument }) => instrument.expiry === nearest)
  const strikes = [...new Set(chain.map(({ instrument }) => instrument.strike))].sort((a, b) => a - b)
  const at = (kind: "CE" | "PE", strike: number | undefined) =>
    chain.filter(({ instrument }) => instrument.instrumentType === kind && instrument.strike === strike)
  const futures = traded.filter(({ instrument, product }) => product === 0 && instrument.instrumentType === "FUT").slice(-1)
  const strangle = [...at("CE", strikes.at(-2)), ...at("PE", strikes[1])].map((one) => legOf(floor, one, "SELL", 1))
  const commodities = floor.paths.products.flatMap((product, index) =>
    Listing.isCommodity(product)
      ? [{ product, future: traded.find((one) => one.product === index && one.instrument.instrumentType === "FUT") }]
      : []
  )
  if (strangle.length === 0 || commodities.some(({ future }) => future === undefined)) return []
  return [
    { name: "strangle", legs: [...strangle, ...futures.map((one) => legOf(floor, one, "BUY", 1))] },
    ...commodities.map(({ product, future }) => ({
      name: product.name,
      legs: future === undefined ? [] : [legOf(floor, future, "BUY", 1)]
    }))
  ]
}

const settlementOf = (floor: Floor, one: Listing.Listed): Truth.Settlement | null => {
  const { instrument, product } = one
  const close = floor.closes.get(product)
  const future = floor.listing.listed.findIndex((other) => other.product === product && other.instrument.instrumentType === "FUT")
  const own = floor.columns.lastPrice[floor.rowByToken.get(instrument.token) ?? -1]
  const base = close ?? (instrument.instrumentType === "FUT" ? own : floor.columns.lastPrice[future])
  if (base === undefined || instrument.expiry === null) return null
  const intrinsic = instrument.instrumentType === "CE" ? base - instrument.strike : instrument.strike - base
  return {
    exchange: instrument.exchange,
    tradingsymbol: instrument.tradingsymbol,
    expiry: instrument.expiry,
    price: instrument.instrumentType === "FUT" ? base : Math.max(0, intrinsic),
    scale: Instrument.priceScale(instrument.token),
    from: close === undefined ? "last price of the future" : "close of the underlying"
  }
}

/** Values every instrument's last trade by the model that made its price. */
export const valueByModel = (floor: Floor): void => {
  for (const { one, truth } of floor.rows) if (truth.minutes.length > 0) truth.model = Paths.model(floor.paths, one, truth.lastAtMs)
}

/** Ends a day: stores closes and open interest, settles expired contracts and values the strategies. */
export const closeDay = (floor: Floor): void => {
  const { settled } = floor
  const iso = Day.iso(floor.listing.day)
  valueByModel(floor)
  for (const { one, truth } of floor.rows) {
    if (truth.minutes.length === 0) continue
    floor.memory.set(keyOf(one), {
      close: isSpot(one) ? (floor.closes.get(one.product) ?? truth.lastPrice) : truth.lastPrice,
      oi: truth.oi
    })
    if (one.instrument.expiry !== iso) continue
    const settlement = settlementOf(floor, one)
    if (settlement === null) continue
    floor.truth.settlements.push(settlement)
    settled.set(keyOf(one), settlement.price)
  }
  floor.truth.strategies = floor.strategies.map(({ name, legs }) => {
    const valued = legs.map((leg) => {
      const key = Instrument.symbolKey(leg.exchange, leg.tradingsymbol)
      return Truth.value(leg, floor.memory.get(key)?.close ?? leg.entry, settled.get(key) ?? null)
    })
    const sum = (of: "realised_pnl" | "unrealised_pnl") => Money.format(valued.reduce((total, leg) => total.plus(leg[of]), Money.zero))
    return { name, legs: valued, realised_pnl: sum("realised_pnl"), unrealised_pnl: sum("unrealised_pnl") }
  })
}
