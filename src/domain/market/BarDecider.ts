import type { Decider } from "../Decider.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as FrameHeader from "../record/FrameHeader.ts"
import type * as RecordInput from "../record/RecordInput.ts"
import type { Contract, Reference } from "../record/Reference.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Bar from "./Bar.ts"
import * as BarSession from "./BarSession.ts"
import * as Frame from "./Frame.ts"
import * as FrameGuard from "./FrameGuard.ts"
import * as Instrument from "./Instrument.ts"

/**
 * How often an open one-minute bar that changed is told of, in market time: the underlying and its futures each second, options four times a
 * minute, because nine thousand options each second would cost as much as the whole path of the ticks.
 */
export const openEveryMs = { leading: 1_000, others: 15_000 } as const
/** Bars of one series that may wait for the clock; the oldest is closed without it. */
export const openBarsMax = 128
/**
 * In a market without sessions, a day's volume that falls below this share of what it was has begun anew; an account that lags is never so
 * far behind.
 */
const resetShare = 0.5
const noValue = -1

/** Integer prices of the wire. The first and last trade by receive time, whatever order accounts' packets come in. */
interface OpenBar {
  readonly startMs: number
  open: number
  openMs: number
  high: number
  low: number
  close: number
  closeMs: number
  /** Smallest and largest cumulative volume of the day met in it; -1 before the first. */
  volumeMin: number
  volumeMax: number
  oi: number
  oiMs: number
  /** Not told of as it stands. */
  changed: boolean
}

interface Series {
  readonly interval: Bar.Interval
  /** By start; more than one while ticks are ahead of the clock. */
  readonly bars: Array<OpenBar>
  /** Everything that starts before is closed for good. */
  closedToMs: number
  /** The day's cumulative volume at the end of the closed bars; -1 when unknown. */
  volume: number
  /** Start of the day in India that `volume` is of. */
  volumeDayMs: number
}

interface Row {
  readonly contract: Contract
  readonly scale: number
  /** Index, share and futures: they have bars of a second too. */
  readonly leading: boolean
  /** The end of the contract's last day in India. */
  readonly lastDayEndMs: number
  readonly place: BarSession.Place | null
  /** Of the day met last; null in a market without sessions and before the first packet. */
  session: BarSession.DaySession | null
  /** Since when its packets come; NaN before the first clock. */
  sinceMs: number
  readonly series: ReadonlyArray<Series>
  /** Bars that start before may lack ticks. */
  wholeFromMs: number
  /** False once it is no longer streamed: it goes when its last bar is closed. */
  listed: boolean
}

/** Plain data, mutated in place by its one owner; a snapshot of it continues bit for bit. */
export interface State {
  readonly guard: FrameGuard.State
  readonly rows: Map<number, Row>
  /** The newest start of each account's ticker. */
  readonly incarnations: Map<string, number>
  /** Bars that start before may lack ticks of any instrument. */
  wholeFromMs: number
  /** Largest clock seen, and the number of the last second that ended by it. */
  eventMs: number
  second: number
  /** Ticks of bars that were closed already. */
  late: number
  /** Ticks before the open, after the close, in an auction or on a closed day: they make no bar. */
  outside: number
  bad: number
  unknown: number
}

/** One output; `seq` is the MD_FRAMES sequence of the input that caused it, `exact` its numbers. */
export interface Output {
  readonly seq: number
  readonly kind: "bars"
  readonly message: Bar.Bars
  readonly exact: Float64Array
}

const makeRow = (contract: Contract, place: BarSession.Place | null, eventMs: number): Row => {
  const leading = contract.kind === "INDEX" || contract.kind === "EQ" || contract.kind === "FUT"
  const intervals: ReadonlyArray<Bar.Interval> = leading ? ["1s", "1m"] : ["1m"]
  return {
    contract,
    scale: Instrument.priceScale(contract.instrument_token),
    leading,
    lastDayEndMs: contract.expiry === null ? Number.POSITIVE_INFINITY : IndiaTime.istMidnightMs(contract.expiry) + IndiaTime.dayMs,
    place,
    session: null,
    sinceMs: Number.isFinite(eventMs) ? eventMs : Number.NaN,
    series: intervals.map((interval) => ({
      interval,
      bars: [],
      closedToMs: Number.NEGATIVE_INFINITY,
      volume: noValue,
      volumeDayMs: Number.NEGATIVE_INFINITY
    })),
    wholeFromMs: eventMs,
    listed: true
  }
}

interface Names {
  readonly exchange: string
  readonly underlying: string
  /** Decides what lies in a session; absent for a market that never closes. */
  readonly rules?: RuleSet.RuleSet | undefined
}

const onReference = (names: Names, state: State, { instruments }: Reference): void => {
  const { rules } = names
  const hasDerivatives = instruments.some(({ expiry }) => expiry !== null)
  const before = new Set(Array.from(state.rows.values()).filter(({ listed }) => listed))
  for (const row of before) row.listed = false
  for (const contract of instruments) {
    const known = state.rows.get(contract.instrument_token)
    // Exchanges give tokens away again: another symbol is another instrument.
    if (known?.contract.tradingsymbol === contract.tradingsymbol) {
      if (!before.has(known)) {
        known.wholeFromMs = state.eventMs
        known.sinceMs = state.eventMs
      }
      known.listed = true
    } else
      state.rows.set(
        contract.instrument_token,
        makeRow(contract, rules === undefined ? null : BarSession.placeOf(rules, names, contract, hasDerivatives), state.eventMs)
      )
  }
}

const openBar = (startMs: number, price: number, atMs: number): OpenBar => ({
  startMs,
  open: price,
  openMs: atMs,
  high: price,
  low: price,
  close: price,
  closeMs: atMs,
  volumeMin: noValue,
  volumeMax: noValue,
  oi: noValue,
  oiMs: atMs,
  changed: true
})

/** The open bar of a series that holds an instant, made when it is the first tick's; undefined when it is closed. */
const barAt = (series: Series, atMs: number, price: number): OpenBar | undefined => {
  const { bars } = series
  const lengthMs = Bar.lengthMs[series.interval]
  const newest = bars[bars.length - 1]
  if (newest !== undefined && atMs >= newest.startMs && atMs < newest.startMs + lengthMs) return newest
  const startMs = Math.floor(atMs / lengthMs) * lengthMs
  if (startMs < series.closedToMs) return undefined
  let at = bars.length
  while (at > 0 && (bars[at - 1] as OpenBar).startMs > startMs) at--
  const known = bars[at - 1]
  if (known?.startMs === startMs) return known
  const bar = openBar(startMs, price, atMs)
  bars.splice(at, 0, bar)
  return bar
}

/** Extends a bar by one packet. Of packets of one instant the first opens and the last closes, in stream order. */
const extend = (bar: OpenBar, atMs: number, price: number, volume: number, oi: number): void => {
  if (atMs < bar.openMs) {
    bar.open = price
    bar.openMs = atMs
  }
  if (atMs >= bar.closeMs) {
    bar.close = price
    bar.closeMs = atMs
  }
  if (price > bar.high) bar.high = price
  if (price < bar.low) bar.low = price
  if (volume !== noValue) {
    if (bar.volumeMin === noValue || volume < bar.volumeMin) bar.volumeMin = volume
    if (volume > bar.volumeMax) bar.volumeMax = volume
  }
  if (oi !== noValue && (bar.oi === noValue || atMs >= bar.oiMs)) {
    bar.oi = oi
    bar.oiMs = atMs
  }
  bar.changed = true
}

/**
 * The day's volume before a bar. A session begins with none; whoever came after its open does not know what was traded until then.
 */
const volumeBefore = ({ session, sinceMs }: Row, series: Series, bar: OpenBar): number => {
  if (session === null || bar.startMs < session.dayStartMs || series.volumeDayMs >= session.dayStartMs) return series.volume
  return sinceMs <= session.opensAtMs ? 0 : noValue
}

/**
 * Volume of a bar and the day's volume at its end, from the day's volume before it. The exchange's cumulative volume is one and the same in
 * every account, so the largest counts, once.
 */
const volumeOf = (row: Row, series: Series, bar: OpenBar): readonly [inBar: number, after: number] => {
  const before = volumeBefore(row, series, bar)
  if (bar.volumeMax === noValue) return [0, before]
  if (before === noValue) return [bar.volumeMax - bar.volumeMin, bar.volumeMax]
  if (row.session === null && bar.volumeMax < before * resetShare) return [bar.volumeMax, bar.volumeMax]
  return [Math.max(0, bar.volumeMax - before), Math.max(before, bar.volumeMax)]
}

const candle = (state: State, row: Row, bar: OpenBar, volume: number, closed: boolean): Bar.Candle => ({
  timestamp: IndiaTime.isoTime(bar.startMs),
  open: bar.open / row.scale,
  high: bar.high / row.scale,
  low: bar.low / row.scale,
  close: bar.close / row.scale,
  volume,
  oi: bar.oi === noValue ? null : bar.oi,
  closed,
  complete: bar.startMs >= state.wholeFromMs && bar.startMs >= row.wholeFromMs
})

/** Takes the bars that start before an instant out of a series, closed. */
const close = (state: State, row: Row, series: Series, beforeMs: number, candles: Array<Bar.Candle>): void => {
  const { bars } = series
  while (bars.length > 0 && (bars[0] as OpenBar).startMs < beforeMs) {
    const bar = bars.shift() as OpenBar
    const [volume, after] = volumeOf(row, series, bar)
    series.volume = after
    series.volumeDayMs = row.session?.dayStartMs ?? series.volumeDayMs
    candles.push(candle(state, row, bar, volume, true))
  }
  if (beforeMs > series.closedToMs) series.closedToMs = beforeMs
}

const output = (
  { exchange, underlying }: Names,
  state: State,
  seq: number,
  row: Row,
  interval: Bar.Interval,
  bars: ReadonlyArray<Bar.Candle>
): Output => ({
  seq,
  kind: "bars",
  message: {
    v: 1,
    // Before the first clock a bar can only have been closed for want of room.
    as_of: IndiaTime.isoTime(Number.isFinite(state.eventMs) ? state.eventMs : Date.parse(bars[0]?.timestamp ?? "1970-01-01")),
    seq,
    exchange,
    underlying,
    interval,
    instrument_token: row.contract.instrument_token,
    tradingsymbol: row.contract.tradingsymbol,
    bars
  },
  exact: Float64Array.from(
    bars.flatMap(({ open, high, low, close: last, volume, oi }) => [open, high, low, last, volume, oi ?? Number.NaN])
  )
})

/** A new start of an account's ticker: between its last frame and this one ticks may have gone by unseen. */
const noteStart = (state: State, { account, incarnation, baseReceivedMs }: FrameHeader.FrameHeader): void => {
  const known = state.incarnations.get(account)
  if (known !== undefined && known >= incarnation) return
  state.incarnations.set(account, incarnation)
  state.wholeFromMs = Math.max(state.wholeFromMs, baseReceivedMs)
}

/** Whether a packet belongs to a session. The first of another day closes what the day before left open. */
const isInSession = ({ rules, ...names }: Names, state: State, seq: number, row: Row, atMs: number, outputs: Array<Output>): boolean => {
  if (atMs >= row.lastDayEndMs) return false // an exchange gives the tokens of expired contracts away again
  if (rules === undefined) return true
  const { session } = row
  if (session === null || atMs >= session.dayEndMs) {
    for (const series of session === null ? [] : row.series) {
      const candles: Array<Bar.Candle> = []
      close(state, row, series, session?.dayEndMs ?? atMs, candles)
      if (candles.length > 0) outputs.push(output(names, state, seq, row, series.interval, candles))
    }
    row.session = BarSession.sessionAt(rules, row.place, atMs)
  }
  const { opensAtMs, closesAtMs } = row.session as BarSession.DaySession
  return atMs >= opensAtMs && atMs < closesAtMs
}

/** Receive times of one frame's packets. One for the whole process: filled and read within one call. */
let receivedMs = new Float64Array(64)

const onFrame = (names: Names, state: State, { seq, exchange, underlying, header, bytes }: RecordInput.Frame): ReadonlyArray<Output> => {
  const outputs: Array<Output> = []
  if (exchange !== names.exchange || underlying !== names.underlying) return outputs
  const skipped = FrameGuard.accept(state.guard, header)
  if (skipped === FrameGuard.dropped) return outputs
  noteStart(state, header)
  // What is missing may still come, but nobody says when: a bar that was told whole stays so.
  if (skipped > 0) state.wholeFromMs = Math.max(state.wholeFromMs, header.baseReceivedMs)

  const packets = Frame.packetCount(bytes)
  if (packets > receivedMs.length) receivedMs = new Float64Array(packets * 2)
  FrameHeader.fillReceivedMs(header, packets, receivedMs)
  let packet = 0
  state.bad += Frame.forEachPacket(bytes, (offset, length) => {
    const atMs = receivedMs[packet++] as number
    const price = Frame.lastPriceAt(bytes, offset)
    const row = state.rows.get(Frame.tokenAt(bytes, offset))
    if (row === undefined) {
      state.unknown++
      return
    }
    if (price === 0) return // quoted and never traded
    if (!isInSession(names, state, seq, row, atMs, outputs)) {
      state.outside++
      return
    }
    const volume = Frame.volumeAt(bytes, offset, length)
    const oi = Frame.openInterestAt(bytes, offset, length)
    for (const series of row.series) {
      const bar = barAt(series, atMs, price)
      if (bar === undefined) state.late++
      else extend(bar, atMs, price, volume, oi)
      if (series.bars.length <= openBarsMax) continue
      const candles: Array<Bar.Candle> = []
      close(state, row, series, (series.bars[1] as OpenBar).startMs, candles)
      outputs.push(output(names, state, seq, row, series.interval, candles))
    }
  })
  return outputs
}

const isTold = (row: Row, second: number): boolean => second % ((row.leading ? openEveryMs.leading : openEveryMs.others) / 1_000) === 0

/** What a series has to tell at the end of a second: the bars that are over, and the open one when its turn has come. */
const tell = (state: State, row: Row, series: Series): ReadonlyArray<Bar.Candle> => {
  const candles: Array<Bar.Candle> = []
  const lengthMs = Bar.lengthMs[series.interval]
  close(state, row, series, Math.floor(state.eventMs / lengthMs) * lengthMs, candles)
  const open = series.bars[0]
  if (series.interval === "1m" && open?.changed === true && isTold(row, state.second)) {
    open.changed = false
    candles.push(candle(state, row, open, volumeOf(row, series, open)[0], false))
  }
  return candles
}

const onClock = (names: Names, state: State, { seq, atMs }: RecordInput.Clock): ReadonlyArray<Output> => {
  const outputs: Array<Output> = []
  state.eventMs = Math.max(state.eventMs, atMs)
  const second = Math.floor(state.eventMs / 1_000)
  if (second <= state.second) return outputs
  state.second = second
  for (const row of state.rows.values()) if (Number.isNaN(row.sinceMs)) row.sinceMs = atMs
  for (const [token, row] of state.rows) {
    for (const series of row.series) {
      const bars = tell(state, row, series)
      if (bars.length > 0) outputs.push(output(names, state, seq, row, series.interval, bars))
    }
    if (!row.listed && row.series.every(({ bars }) => bars.length === 0)) state.rows.delete(token)
  }
  return outputs
}

/**
 * Folds the record of one underlying (references, frames, every clock) into bars of every instrument that is streamed: of a minute, and of a
 * second for the underlying itself and its futures. A bar is over when a clock has passed its end; a tick that comes later changes nothing,
 * and its volume counts in the bar that is open. Each reading of `initial` is a state of its own: `decide` changes the state it is given.
 */
export const make = (names: Names): Decider<State, RecordInput.RecordInput, Output> => ({
  get initial() {
    return {
      guard: FrameGuard.make(),
      rows: new Map(),
      incarnations: new Map(),
      wholeFromMs: Number.NEGATIVE_INFINITY,
      eventMs: Number.NEGATIVE_INFINITY,
      second: Number.NEGATIVE_INFINITY,
      late: 0,
      outside: 0,
      bad: 0,
      unknown: 0
    }
  },
  decide: (state, input) => {
    switch (input._tag) {
      case "Frame":
        return [state, onFrame(names, state, input)]
      case "Clock":
        return [state, onClock(names, state, input)]
      case "Reference":
        if (input.reference.exchange === names.exchange && input.reference.underlying === names.underlying)
          onReference(names, state, input.reference)
        return [state, []]
      case "Definition":
        return [state, []]
    }
  }
})
