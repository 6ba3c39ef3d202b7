/**
 * A market of simulated days, which follows the rulebook's calendar. A day has pre-open, session, closing auction and close; nights
 * pass at once. Contracts are listed and expire, and access tokens expire in the morning. Packets depend only on the settings.
 */
import { Data, Effect } from "effect"
import * as Frame from "../../domain/market/Frame.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type { Span } from "../../domain/market/KiteHistory.ts"
import * as Day from "../../domain/rules/Day.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import { UnknownRule } from "../../domain/rules/UnknownRule.ts"
import type { Candle } from "../Candles.ts"
import type { Market, Outlet, State } from "../Market.ts"
import * as Floor from "./Floor.ts"
import * as Listing from "./Listing.ts"
import type * as Paths from "./Paths.ts"
import * as Timetable from "./Timetable.ts"
import * as Truth from "./Truth.ts"

/** The stages of a day at which the market waits for its clients: after new logins, after the new dump, and after the day's end. */
export type Stage = "signed in" | "dump out" | "over"

export interface Settings {
  readonly rules: RuleSet.RuleSet
  /** "YYYY-MM-DD", ascending; gaps are allowed. */
  readonly days: ReadonlyArray<string>
  readonly seed: number
  /** Market seconds per second, or as fast as the clients read. A night takes a second at any speed. */
  readonly speed: number | "max"
  /** Market seconds between two ticks of an instrument. */
  readonly stepSeconds: number
  readonly variation: number
  readonly products: ReadonlyArray<Listing.Product>
  /** Splits of shares: `on` is the first day at the new price. */
  readonly splits: ReadonlyArray<{ readonly name: string; readonly on: string; readonly factor: number }>
  /** Strategies of contracts of the first day whose true profit and candles the market records. By default it invents three. */
  readonly strategies?: ReadonlyArray<Floor.NamedStrategy>
  /** Awaited at each stage of each day. By default the market waits until the clients' subscriptions have settled. */
  readonly gate?: ((day: string, stage: Stage) => Effect.Effect<void>) | undefined
  /** Awaited before each instant of a day, UNIX ms: a test may stop the market there. */
  readonly before?: ((atMs: number) => Effect.Effect<void>) | undefined
}

const crudeOil: Listing.Commodity = {
  name: "CRUDEOIL",
  basePrice: 5_700,
  volatility: 0.4,
  weeklies: 0,
  monthlies: 1,
  strikesEachSide: 2,
  exchange: "MCX",
  strikeStep: 5_000,
  tick: 100,
  futureDay: 19,
  optionDay: 16
}

/** One index with weeklies per exchange, a share without derivatives, and a commodity. */
export const products: ReadonlyArray<Listing.Product> = [
  { name: "NIFTY", basePrice: 24_500, volatility: 0.13, weeklies: 2, monthlies: 2, strikesEachSide: 5 },
  { name: "SENSEX", basePrice: 80_500, volatility: 0.13, weeklies: 1, monthlies: 1, strikesEachSide: 3 },
  { name: "M&M", basePrice: 3_400, volatility: 0.27, weeklies: 0, monthlies: 0, strikesEachSide: 0 },
  crudeOil
]

/** Names of the shares, whose prices a split can change. */
export const shares: ReadonlyArray<string> = products.flatMap((one) => (one.monthlies === 0 ? [one.name] : []))

export const defaults = {
  seed: 1,
  speed: "max",
  stepSeconds: 20,
  variation: 0.01,
  products,
  splits: []
} as const satisfies Partial<Settings>

/** The rulebook lacks something that is needed to play a day. */
export class DayUnknown extends Data.TaggedError("DayUnknown")<{ readonly cause: UnknownRule | RangeError }> {
  override get message(): string {
    return `the simulated days cannot be played: ${this.cause.message}`
  }
}

/** `count` days, starting with `first`. */
export const daysFrom = (first: string, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, at) => Day.iso(Day.ofIso(first) + at))

interface Plan {
  readonly listing: Listing.DayListing
  readonly timetable: Timetable.Timetable
}

const planOf = (settings: Settings): ReadonlyArray<Plan> =>
  Listing.listings(settings.rules, settings.products, settings.days.map(Day.ofIso)).map((listing) => ({
    listing,
    timetable: Timetable.make(settings.rules, settings.products, listing, settings.stepSeconds * 1_000)
  }))

const floorOf = (settings: Settings, plan: ReadonlyArray<Plan>, first: Plan): Floor.Floor => {
  const rows = Math.max(...plan.map(({ listing }) => listing.listed.length))
  const columns = Frame.makeColumns(rows)
  columns.count = rows
  const paths: Paths.Paths = {
    seed: settings.seed,
    products: settings.products,
    variation: settings.variation,
    splits: settings.splits.map(({ name, on, factor }) => ({ name, fromMs: Day.midnightMs(Day.ofIso(on)), factor }))
  }
  return {
    paths,
    rules: settings.rules,
    columns,
    rowByToken: new Map(),
    memory: new Map(),
    turnover: new Float64Array(rows),
    begun: new Uint8Array(rows),
    changed: new Uint32Array(rows),
    listing: { day: first.listing.day, listed: [] },
    rows: [],
    rowBySymbol: new Map(),
    truth: Truth.dayOf(Day.iso(first.listing.day), []),
    closes: new Map(),
    strategies: [],
    settled: new Map()
  }
}

/** Longer pauses take one second at any speed. */
const nightMs = 15 * 60_000
const nightTakes = "1 second"

const wait = (speed: Settings["speed"], ms: number): Effect.Effect<void> =>
  speed === "max" || ms <= 0 ? Effect.void : Effect.sleep(ms > nightMs ? nightTakes : ms / speed)

interface Playback {
  state: State
  timeMs: number
  instruments: ReadonlyArray<Instrument.Instrument>
  readonly days: Map<string, Truth.DayTruth>
}

/** Candles before a split are converted to the new shares, as in a broker's history. */
const adjusted = (paths: Paths.Paths, name: string, nowMs: number, candle: Candle): Candle => {
  const factor = paths.splits
    .filter((split) => split.name === name && candle.atMs < split.fromMs && split.fromMs <= nowMs)
    .reduce((product, split) => product * split.factor, 1)
  if (factor === 1) return candle
  const price = (units: number) => Math.round(units / factor)
  const { open, high, low, close, volume } = candle
  return { ...candle, open: price(open), high: price(high), low: price(low), close: price(close), volume: volume * factor }
}

const minutesOf = (floor: Floor.Floor, playback: Playback, token: number, { fromMs, toMs }: Span): ReadonlyArray<Candle> => {
  const instrument = playback.instruments.find((one) => one.token === token)
  if (instrument === undefined) return []
  const key = Instrument.symbolKey(instrument.exchange, instrument.tradingsymbol)
  return [...playback.days.values()]
    .flatMap(({ instruments }) => instruments.get(key)?.minutes ?? [])
    .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
    .map((candle) => adjusted(floor.paths, instrument.tradingsymbol, playback.timeMs, candle))
}

/** One step: moves the time, publishes the packets, and waits until every client has them. */
const step = (settings: Settings, floor: Floor.Floor, playback: Playback, outlet: Outlet, atMs: number, isTrading: boolean) =>
  Effect.gen(function* () {
    yield* wait(settings.speed, atMs - playback.timeMs)
    playback.timeMs = atMs
    const count = isTrading ? Floor.advance(floor, atMs) : 0
    if (count > 0) outlet.publish(floor.changed, count)
    // In the evening only commodities trade. A client without commodities must see time pass too.
    if (!Floor.hasSpot(floor, count)) {
      const row = Floor.passTime(floor, atMs)
      if (row >= 0) outlet.publishToAll(row)
    }
    yield* outlet.delivered
  })

const playDay = (
  settings: Settings,
  floor: Floor.Floor,
  playback: Playback,
  outlet: Outlet,
  { listing, timetable }: Plan,
  isFirst: boolean
) =>
  Effect.gen(function* () {
    const day = Day.iso(listing.day)
    const gate = (stage: Stage) =>
      settings.gate?.(day, stage) ?? (settings.speed === "max" && stage !== "over" ? outlet.subscribed : Effect.void)
    if (!isFirst) {
      yield* wait(settings.speed, timetable.tokensDieAtMs - playback.timeMs)
      playback.timeMs = timetable.tokensDieAtMs
      Floor.openDay(floor, listing, timetable)
      playback.instruments = listing.listed.map(({ instrument }) => instrument)
      playback.days.set(day, floor.truth)
      outlet.cut()
    }
    yield* gate("signed in")
    yield* step(settings, floor, playback, outlet, timetable.dumpOutAtMs, false)
    yield* gate("dump out")
    for (const atMs of timetable.instants) {
      if (settings.before !== undefined) yield* settings.before(atMs)
      yield* step(settings, floor, playback, outlet, atMs, true)
    }
    Floor.closeDay(floor)
    yield* step(settings, floor, playback, outlet, timetable.lastPacketAtMs, false)
    yield* gate("over")
    yield* Effect.logInfo("a simulated day is over").pipe(
      Effect.annotateLogs({ day, listed: listing.listed.length, settled: floor.truth.settlements.length })
    )
  })

const play = (settings: Settings, floor: Floor.Floor, playback: Playback, plan: ReadonlyArray<Plan>, outlet: Outlet) =>
  Effect.gen(function* () {
    playback.state = "running"
    for (const [at, one] of plan.entries()) yield* playDay(settings, floor, playback, outlet, one, at === 0)
    playback.state = "ended"
  })

/** What the rulebook or the settings lack is an error; anything else is a defect. */
const attempt = <A>(run: () => A): Effect.Effect<A, DayUnknown> =>
  Effect.try({
    try: run,
    catch: (cause) => {
      if (cause instanceof UnknownRule || cause instanceof RangeError) return new DayUnknown({ cause })
      throw cause
    }
  })

export const make = (settings: Settings): Effect.Effect<Market, DayUnknown> =>
  Effect.gen(function* () {
    const plan = yield* attempt(() => planOf(settings))
    const first = plan[0]
    if (first === undefined) return yield* new DayUnknown({ cause: new RangeError("no day was given to play") })
    const floor = floorOf(settings, plan, first)
    Floor.openDay(floor, first.listing, first.timetable)
    floor.strategies = yield* attempt(() => Floor.namedStrategies(floor, settings.strategies ?? []))
    const playback: Playback = {
      state: "waiting",
      timeMs: first.timetable.tokensDieAtMs,
      instruments: first.listing.listed.map(({ instrument }) => instrument),
      days: new Map([[Day.iso(first.listing.day), floor.truth]])
    }
    return {
      mode: "days",
      underlying: null,
      get instruments() {
        return playback.instruments
      },
      columns: floor.columns,
      rowByToken: floor.rowByToken,
      minutes: (token, span) => minutesOf(floor, playback, token, span),
      truth: (day) => {
        const found = playback.days.get(day)
        if (found === floor.truth) Floor.valueByModel(floor)
        return found === undefined ? undefined : Truth.view(found)
      },
      status: () => ({ timeMs: playback.timeMs, speed: settings.speed, state: playback.state }),
      run: (outlet) => play(settings, floor, playback, plan, outlet)
    }
  })
