import type { Decider } from "../Decider.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as FrameHeader from "../record/FrameHeader.ts"
import * as LiveClocks from "../record/LiveClocks.ts"
import type * as RecordInput from "../record/RecordInput.ts"
import type { Contract, Reference } from "../record/Reference.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Bar from "./Bar.ts"
import * as BarSession from "./BarSession.ts"
import * as Frame from "./Frame.ts"
import * as FrameGuard from "./FrameGuard.ts"
import * as Instrument from "./Instrument.ts"
import * as Interruptions from "./Interruptions.ts"

/**
 * How often a changed open one-minute bar is published, in market time. The underlying and its futures: each second. Options: four
 * times a minute, because nine thousand options each second would cost as much as the whole tick path.
 */
export const openEveryMs = { leading: 1_000, others: 15_000 } as const
/** Bars of one series that may wait for the clock. When there are more, the oldest is closed early. */
export const openBarsMax = 128
/**
 * In a market without sessions, a day's volume below this share of its last value means that the exchange restarted the count. An
 * account that merely lags is never so far behind.
 */
const resetShare = 0.5
const noValue = -1

/**
 * Prices are integers as on the wire. Open and close are the first and last trade by receive time, whatever order the packets arrive
 * in.
 */
interface OpenBar {
  readonly startMs: number
  open: number
  openMs: number
  high: number
  low: number
  close: number
  closeMs: number
  /** Smallest and largest cumulative day volume seen within the bar; -1 before the first. */
  volumeMin: number
  volumeMax: number
  /** Receive time of the newest packet with a volume. */
  volumeMs: number
  oi: number
  oiMs: number
  /** True if the bar changed since it was last published. */
  changed: boolean
}

interface Series {
  readonly interval: Bar.Interval
  /** Sorted by start. There is more than one while ticks are ahead of the clock. */
  readonly bars: Array<OpenBar>
  /** Bars that start before this instant are closed for good. */
  closedToMs: number
  /** The day's cumulative volume at the end of the closed bars; -1 when unknown. */
  volume: number
  /** Start of the day in India that `volume` belongs to. */
  volumeDayMs: number
  /** Receive time of the packet that stated `volume`. */
  volumeMs: number
}

interface Row {
  readonly contract: Contract
  readonly scale: number
  /** The index, the share and the futures: they also get one-second bars. */
  readonly leading: boolean
  /** The end of the contract's last day in India. */
  readonly lastDayEndMs: number
  readonly place: BarSession.Place | null
  /** The session of the newest day seen; null in a market without sessions and before the first packet. */
  session: BarSession.DaySession | null
  /** When its packets started to arrive; NaN before the first clock. */
  sinceMs: number
  readonly series: ReadonlyArray<Series>
  /** Bars that start before this instant may lack ticks. */
  wholeFromMs: number
  /** False once it is no longer streamed. The row is deleted when its last bar is closed. */
  listed: boolean
}

/** Plain data, mutated in place by its one owner. A run that continues from a snapshot gives bit-identical results. */
export interface State {
  readonly guard: FrameGuard.State
  readonly rows: Map<number, Row>
  /** The newest incarnation of each account's ticker. */
  readonly incarnations: Map<string, number>
  /** Bars that overlap one of these may lack ticks. */
  readonly interruptions: Array<Interruptions.Interruption>
  /** Bars of any instrument that start before this instant may lack ticks. */
  wholeFromMs: number
  readonly clocks: LiveClocks.LiveClocks
  /**
   * Event time, which the clocks of all live accounts have reached, and the number of the last second that it completed. Neither goes back.
   */
  eventMs: number
  second: number
  /** Ticks whose bar was already closed. */
  late: number
  /** Ticks before the open, after the close, in an auction or on a closed day. They make no bar. */
  outside: number
  bad: number
  unknown: number
}

/** One output. `seq` is the MD_FRAMES sequence of the input that caused it; `exact` holds its numbers. */
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
      volumeDayMs: Number.NEGATIVE_INFINITY,
      volumeMs: Number.NEGATIVE_INFINITY
    })),
    wholeFromMs: eventMs,
    listed: true
  }
}

interface Names {
  readonly exchange: string
  readonly underlying: string
  /** Decides which instants are inside a session; absent for a market that never closes. */
  readonly rules?: RuleSet.RuleSet | undefined
}

const onReference = (names: Names, state: State, { instruments }: Reference): void => {
  const { rules } = names
  const hasDerivatives = instruments.some(({ expiry }) => expiry !== null)
  const before = new Set(Array.from(state.rows.values()).filter(({ listed }) => listed))
  for (const row of before) row.listed = false
  for (const contract of instruments) {
    const known = state.rows.get(contract.instrument_token)
    // Exchanges reuse tokens: another symbol is another instrument.
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
  volumeMs: Number.NEGATIVE_INFINITY,
  oi: noValue,
  oiMs: atMs,
  changed: true
})

/** The open bar of a series that contains an instant, created if missing; undefined if it is already closed. */
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

/** Extends a bar by one packet. Among packets of the same instant, stream order decides which opens and which closes. */
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
    if (atMs > bar.volumeMs) bar.volumeMs = atMs
  }
  if (oi !== noValue && (bar.oi === noValue || atMs >= bar.oiMs)) {
    bar.oi = oi
    bar.oiMs = atMs
  }
  bar.changed = true
}

/** Whether a bar is the first of its day that has a volume. */
const isFirstOfDay = ({ session }: Row, series: Series, bar: OpenBar): boolean =>
  session !== null && bar.startMs >= session.dayStartMs && series.volumeDayMs < session.dayStartMs

/** The day's volume before a bar. A session starts at zero. A row that joined after the open does not know what was traded before. */
const volumeBefore = (row: Row, series: Series, bar: OpenBar): number => {
  if (!isFirstOfDay(row, series, bar)) return series.volume
  return row.sinceMs <= (row.session?.opensAtMs ?? Number.NaN) ? 0 : noValue
}

/**
 * The time from which trades count in a bar's volume. The volume that was traded while packets were missing counts in the next bar with a
 * packet.
 */
const countsFromMs = (row: Row, series: Series, bar: OpenBar): number => {
  if (bar.volumeMax === noValue || volumeBefore(row, series, bar) === noValue) return bar.startMs
  return Math.min(bar.startMs, isFirstOfDay(row, series, bar) ? (row.session?.opensAtMs ?? bar.startMs) : series.volumeMs)
}

/**
 * Volume of a bar, and the day's volume at its end, from the day's volume before it. All accounts receive the same cumulative volume of
 * the exchange, so the largest value is used once.
 */
const volumeOf = (row: Row, series: Series, bar: OpenBar): readonly [inBar: number, after: number] => {
  const before = volumeBefore(row, series, bar)
  if (bar.volumeMax === noValue) return [0, before]
  if (before === noValue) return [bar.volumeMax - bar.volumeMin, bar.volumeMax]
  if (row.session === null && bar.volumeMax < before * resetShare) return [bar.volumeMax, bar.volumeMax]
  return [Math.max(0, bar.volumeMax - before), Math.max(before, bar.volumeMax)]
}

/** `volume` is the bar's; the series still has the volume before it. */
const candle = (state: State, row: Row, series: Series, bar: OpenBar, volume: number, closed: boolean): Bar.Candle => ({
  timestamp: IndiaTime.isoTime(bar.startMs),
  open: bar.open / row.scale,
  high: bar.high / row.scale,
  low: bar.low / row.scale,
  close: bar.close / row.scale,
  volume,
  oi: bar.oi === noValue ? null : bar.oi,
  closed,
  complete:
    bar.startMs >= state.wholeFromMs &&
    bar.startMs >= row.wholeFromMs &&
    !Interruptions.overlaps(
      state.interruptions,
      row.contract.instrument_token,
      countsFromMs(row, series, bar),
      bar.startMs + Bar.lengthMs[series.interval]
    )
})

/** Closes and removes the bars of a series that start before an instant. */
const close = (state: State, row: Row, series: Series, beforeMs: number, candles: Array<Bar.Candle>): void => {
  const { bars } = series
  while (bars.length > 0 && (bars[0] as OpenBar).startMs < beforeMs) {
    const bar = bars.shift() as OpenBar
    const [volume, after] = volumeOf(row, series, bar)
    candles.push(candle(state, row, series, bar, volume, true))
    series.volume = after
    series.volumeDayMs = row.session?.dayStartMs ?? series.volumeDayMs
    series.volumeMs = Math.max(series.volumeMs, bar.volumeMs)
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
    // Before the first clock a bar is closed only because `openBarsMax` was exceeded.
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

/** Notes a new incarnation of an account's ticker: ticks between its last frame and this one may be missing. */
const noteStart = (state: State, { account, incarnation, baseReceivedMs }: FrameHeader.FrameHeader): void => {
  const known = state.incarnations.get(account)
  if (known !== undefined && known >= incarnation) return
  state.incarnations.set(account, incarnation)
  state.wholeFromMs = Math.max(state.wholeFromMs, baseReceivedMs)
  Interruptions.onStart(state.interruptions, account, baseReceivedMs)
}

/** Whether a packet belongs to a session. The first packet of a new day closes the bars that the previous day left open. */
const isInSession = ({ rules, ...names }: Names, state: State, seq: number, row: Row, atMs: number, outputs: Array<Output>): boolean => {
  if (atMs >= row.lastDayEndMs) return false // an exchange reuses the tokens of expired contracts
  if (rules === undefined) return true
  const { session } = row
  if (session === null || atMs >= session.dayEndMs) {
    for (const series of session === null ? [] : row.series) {
      const candles: Array<Bar.Candle> = []
      close(state, row, series, session?.dayEndMs ?? atMs, candles)
      if (candles.length > 0) outputs.push(output(names, state, seq, row, series.interval, candles))
    }
    row.session = BarSession.sessionAt(rules, row.place, atMs)
  } else if (session.rules !== rules.version) row.session = BarSession.sessionAt(rules, row.place, session.dayStartMs)
  const { opensAtMs, closesAtMs } = row.session as BarSession.DaySession
  return atMs >= opensAtMs && atMs < closesAtMs
}

/** Receive times of one frame's packets. One array for the whole process: it is filled and read within one call. */
let receivedMs = new Float64Array(64)

const onFrame = (names: Names, state: State, { seq, exchange, underlying, header, bytes }: RecordInput.Frame): ReadonlyArray<Output> => {
  const outputs: Array<Output> = []
  if (exchange !== names.exchange || underlying !== names.underlying) return outputs
  const skipped = FrameGuard.accept(state.guard, header)
  if (skipped === FrameGuard.dropped) return outputs
  noteStart(state, header)
  // The missing frame may still arrive, but no one knows when. A bar already published as complete stays so.
  if (skipped > 0) state.wholeFromMs = Math.max(state.wholeFromMs, header.baseReceivedMs)

  const lasting = Interruptions.lastingOfOthers(state.interruptions, header.account)
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
    if (lasting.length > 0) Interruptions.takeOver(lasting, row.contract.instrument_token, atMs)
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

/** Starts a state from the day's volume and the newest packet's time of each instrument. Bars from the next instant on are complete. */
const onKeyframe = (names: Names, state: State, { header, bytes, atMs }: RecordInput.Keyframe): void => {
  // A state that has seen a clock already contains the keyframe's packets.
  if (Number.isFinite(state.eventMs)) return
  LiveClocks.startAt(state.clocks, header.account, atMs)
  if (!FrameGuard.startAt(state.guard, header)) return
  state.incarnations.set(header.account, Math.max(header.incarnation, state.incarnations.get(header.account) ?? 0))
  let newestMs = atMs
  let packet = 0
  state.bad += Frame.forEachPacket(bytes, (offset, length) => {
    const receivedMs = FrameHeader.receivedAtMs(header, packet++)
    newestMs = Math.max(newestMs, receivedMs)
    const row = state.rows.get(Frame.tokenAt(bytes, offset))
    if (row === undefined || receivedMs >= row.lastDayEndMs) return
    // NaN means that nothing was known yet.
    if (!(row.sinceMs <= receivedMs)) row.sinceMs = receivedMs
    const volume = Frame.volumeAt(bytes, offset, length)
    if (volume === noValue) return
    const { rules } = names
    if (rules !== undefined) row.session = BarSession.sessionAt(rules, row.place, receivedMs)
    for (const series of row.series) {
      series.volume = volume
      series.volumeDayMs = row.session?.dayStartMs ?? series.volumeDayMs
      series.volumeMs = receivedMs
    }
  })
  state.wholeFromMs = Math.max(state.wholeFromMs, newestMs + 1)
}

const isDue = (row: Row, second: number): boolean => second % ((row.leading ? openEveryMs.leading : openEveryMs.others) / 1_000) === 0

/** The bars of a series to publish at the end of a second: the closed ones, and the open one if it is due. */
const barsToPublish = (state: State, row: Row, series: Series): ReadonlyArray<Bar.Candle> => {
  const candles: Array<Bar.Candle> = []
  const lengthMs = Bar.lengthMs[series.interval]
  close(state, row, series, Math.floor(state.eventMs / lengthMs) * lengthMs, candles)
  const open = series.bars[0]
  if (series.interval === "1m" && open?.changed === true && isDue(row, state.second)) {
    open.changed = false
    candles.push(candle(state, row, series, open, volumeOf(row, series, open)[0], false))
  }
  return candles
}

const onClock = (names: Names, state: State, { account, seq, atMs }: RecordInput.Clock): ReadonlyArray<Output> => {
  const outputs: Array<Output> = []
  state.eventMs = Math.max(state.eventMs, LiveClocks.reached(state.clocks, account, atMs))
  const second = Math.floor(state.eventMs / 1_000)
  if (second <= state.second) return outputs
  state.second = second
  Interruptions.forget(state.interruptions, state.eventMs)
  for (const row of state.rows.values()) if (Number.isNaN(row.sinceMs)) row.sinceMs = atMs
  for (const [token, row] of state.rows) {
    for (const series of row.series) {
      const bars = barsToPublish(state, row, series)
      if (bars.length > 0) outputs.push(output(names, state, seq, row, series.interval, bars))
    }
    if (!row.listed && row.series.every(({ bars }) => bars.length === 0)) state.rows.delete(token)
  }
  return outputs
}

/**
 * Folds the record of one underlying (references, frames, every clock) into bars of every streamed instrument. All get one-minute bars;
 * the underlying itself and its futures also get one-second bars. A bar closes when a clock passes its end. A later tick does not
 * change it; its volume counts in the bar that is open. `initial` returns a new state each time, because `decide` mutates the state it
 * is given.
 */
export const make = (names: Names): Decider<State, RecordInput.RecordInput, Output> => ({
  get initial() {
    return {
      guard: FrameGuard.make(),
      rows: new Map(),
      incarnations: new Map(),
      interruptions: [],
      wholeFromMs: Number.NEGATIVE_INFINITY,
      clocks: LiveClocks.make(),
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
      case "Keyframe":
        if (input.exchange === names.exchange && input.underlying === names.underlying) onKeyframe(names, state, input)
        return [state, []]
      case "Clock":
        return [state, onClock(names, state, input)]
      case "Reference":
        if (input.reference.exchange === names.exchange && input.reference.underlying === names.underlying)
          onReference(names, state, input.reference)
        return [state, []]
      case "Break": {
        const { exchange, underlying, account, incarnation, to } = input.interruption
        // An open interruption of an earlier incarnation has ended when the account's ticker started again.
        const isOver = to === null && incarnation < (state.incarnations.get(account) ?? 0)
        if (exchange === names.exchange && underlying === names.underlying && !isOver)
          Interruptions.note(state.interruptions, input.interruption)
        return [state, []]
      }
      case "Definition":
        return [state, []]
    }
  }
})
