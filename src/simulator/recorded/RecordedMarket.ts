/** Plays a recording as Kite would have sent it: index full packets for the spot, and full packets without depth for the contracts. */
import { readFile } from "node:fs/promises"
import { promisify } from "node:util"
import { gunzip } from "node:zlib"
import { Data, Effect, Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type { Span } from "../../domain/market/KiteHistory.ts"
import * as Quantities from "../../domain/rules/Quantities.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import * as Candles from "../Candles.ts"
import * as Contracts from "../Contracts.ts"
import type { RecordedFacts as Facts, Market, Outlet, State } from "../Market.ts"
import * as RecordedUnits from "./RecordedUnits.ts"
import * as Recording from "./Recording.ts"

export interface Settings {
  /** CSV, gzipped or not (see Recording). */
  readonly file: string
  /** Kite's instruments dump, gzipped or not. Without it every contract gets an invented token. */
  readonly instruments?: string | undefined
  /** The `name` of the underlying's derivatives. */
  readonly underlying: string
  /** Recorded seconds per second, or "max" for as fast as the clients read. */
  readonly speed: number | "max"
  /** The unit of the file's open interest and volume. If absent, the file's values decide. */
  readonly oi?: RecordedUnits.Counted | undefined
}

/** A file that cannot be played; `reason` says why. */
export class MarketFileError extends Data.TaggedError("MarketFileError")<{
  readonly file: string
  readonly reason: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.file}: ${this.reason}`
  }
}

const fileBytesMax = 2 ** 29
/**
 * The first invented exchange token. It is above the tokens of real exchanges, and below 2^24, because a token is exchange token x 256 +
 * segment in 32 bits.
 */
const exchangeTokenMadeUp = 16_000_000
const lastWindowSeconds = 60
const logLinesMax = 1_000

const unzip = promisify(gunzip)

const readText = (file: string): Effect.Effect<string, MarketFileError> =>
  Effect.tryPromise({
    try: async () => {
      const bytes = await readFile(file)
      const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b
      return (zipped ? await unzip(bytes, { maxOutputLength: fileBytesMax }) : bytes).toString("utf8")
    },
    catch: (cause) =>
      new MarketFileError({ file, reason: `cannot be read (${cause instanceof Error ? cause.message : String(cause)})`, cause })
  })

const logSkipped = (file: string, skipped: ReadonlyArray<{ readonly line: number; readonly reason: string }>): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const { line, reason } of skipped.slice(0, logLinesMax)) yield* Effect.logWarning(`${file} line ${line} skipped: ${reason}`)
    const more = skipped.length - logLinesMax
    if (more > 0) yield* Effect.logWarning(`${file}: ${more} more lines skipped, the last is ${skipped.at(-1)?.line}`)
  })

/** A name with lots in the rulebook is a share, unless it has a separate expiry rule: only indices have one. */
const isShareByRule = (exchange: string, name: string): boolean =>
  shipped.quantities.lots.has(`${exchange}:${name}`) && !shipped.expiries.rules.has(`${exchange}:${name}`)

/** An underlying that the dump lacks: from our own list, otherwise with an invented token. */
const unlisted = (name: string, derivatives: string): Contracts.Underlying =>
  Contracts.underlyingByName.get(name) ?? {
    name,
    symbol: name,
    token: Contracts.tokenOf(exchangeTokenMadeUp, isShareByRule(derivatives, name) ? Instrument.Segment.NSE : Instrument.Segment.INDICES),
    exchange: derivatives === "BFO" ? "BSE" : "NSE",
    derivatives,
    lotSize: 1,
    strikeStep: 5000,
    spotTick: 5,
    futureTick: 5,
    optionTick: 5
  }

/** The rulebook's lot for that day, or else the one of our own list. */
const lotByRule = ({ derivatives, name, lotSize }: Contracts.Underlying, expiry: string, day: string): number =>
  Either.match(Quantities.lot(shipped, derivatives, name, expiry, day), { onLeft: () => lotSize, onRight: ({ quantity }) => quantity })

/** The recording's underlying. The dump decides whether it is an index or a share, its exchange and its token. */
export const underlyingOf = (name: string, dump: ReadonlyArray<Instrument.Instrument>): Contracts.Underlying => {
  const option = dump.find((one) => one.name === name && Instrument.isOption(one))
  const under = (option === undefined ? null : Instrument.underlyingOf(option)) ?? { exchange: "NSE", name }
  const spot = dump.find((one) => {
    const own = one.expiry === null ? Instrument.underlyingOf(one) : null
    return own !== null && own.name === under.name && own.exchange === under.exchange
  })
  const derivatives = option?.exchange ?? "NFO"
  const made = unlisted(name, derivatives)
  if (spot === undefined) return made
  const { exchange, tickSize, token, tradingsymbol } = spot
  return { ...made, symbol: tradingsymbol, token, exchange, derivatives, spotTick: tickSize }
}

export interface Resolved {
  readonly spot: Instrument.Instrument
  /** The instrument of each contract of the recording. */
  readonly contracts: ReadonlyArray<Instrument.Instrument>
  readonly madeUp: ReadonlyArray<Instrument.Instrument>
}

/** Finds each contract in the dump by name, expiry, strike and kind, or invents one. */
export const resolve = (
  underlying: Contracts.Underlying,
  contracts: ReadonlyArray<Recording.Contract>,
  dump: ReadonlyArray<Instrument.Instrument>,
  /** The day of the recording, "YYYY-MM-DD". */
  day: string
): Resolved => {
  const byKey = new Map<string, Instrument.Instrument>()
  let lotSize: number | undefined
  for (const one of dump) {
    if (one.name !== underlying.name || one.expiry === null) continue
    if (one.instrumentType !== "CE" && one.instrumentType !== "PE") continue
    byKey.set(Recording.contractKey({ expiry: one.expiry, strike: one.strike, type: one.instrumentType }), one)
    lotSize = one.lotSize
  }
  const madeUp: Array<Instrument.Instrument> = []
  const found = contracts.map((contract) => {
    const known = byKey.get(Recording.contractKey(contract))
    if (known !== undefined) return known
    const made = Contracts.contract(
      { ...underlying, lotSize: lotSize ?? lotByRule(underlying, contract.expiry, day) },
      exchangeTokenMadeUp + 1 + madeUp.length,
      contract.expiry,
      contract.strike,
      contract.type
    )
    madeUp.push(made)
    return made
  })
  const spot = dump.find((one) => one.token === underlying.token) ?? Contracts.spotInstrument(underlying)
  return { spot, contracts: found, madeUp }
}

const spotRow = 0
const rowOf = (contract: number): number => contract + 1

const setPrice = (columns: Frame.Columns, row: number, price: number, time: number): void => {
  if (columns.exchangeTime[row] === 0) {
    columns.open[row] = price
    columns.high[row] = price
    columns.low[row] = price
  }
  columns.lastPrice[row] = price
  columns.high[row] = Math.max(columns.high[row] ?? 0, price)
  columns.low[row] = Math.min(columns.low[row] ?? 0, price)
  columns.exchangeTime[row] = time
}

const setContract = (columns: Frame.Columns, row: number, snapshot: Recording.Snapshot, index: number): void => {
  const volume = snapshot.volume[index] ?? 0
  const oi = snapshot.oi[index] ?? 0
  const first = columns.exchangeTime[row] === 0
  // The recording has no trade times. If the volume has changed, the contract traded before this snapshot.
  if (first || volume !== columns.volume[row]) columns.lastTradeTime[row] = snapshot.time
  setPrice(columns, row, snapshot.lastPrice[index] ?? 0, snapshot.time)
  columns.kind[row] = Frame.Kind.full
  columns.volume[row] = volume
  columns.oi[row] = oi
  columns.oiDayHigh[row] = first ? oi : Math.max(columns.oiDayHigh[row] ?? 0, oi)
  columns.oiDayLow[row] = first ? oi : Math.min(columns.oiDayLow[row] ?? 0, oi)
}

const setSpot = (columns: Frame.Columns, time: number, price: number): void => {
  setPrice(columns, spotRow, price, time)
  columns.kind[spotRow] = Instrument.isIndex(columns.token[spotRow] ?? 0) ? Frame.Kind.indexFull : Frame.Kind.full
}

/** Applies one snapshot and returns how many of `changed` are filled. The spot goes first, so that its contracts use the new price. */
const apply = (columns: Frame.Columns, snapshot: Recording.Snapshot, changed: Uint32Array): number => {
  let count = 0
  if (snapshot.spot !== null) {
    setSpot(columns, snapshot.time, snapshot.spot)
    changed[count++] = spotRow
  }
  snapshot.contract.forEach((contract, index) => {
    setContract(columns, rowOf(contract), snapshot, index)
    changed[count++] = rowOf(contract)
  })
  return count
}

/** Repeats one row's price at an instant, and returns the row: the spot's, or a contract's if the recording has no spot. */
const passTime = (columns: Frame.Columns, time: number): number => {
  const row = Math.max(
    0,
    columns.exchangeTime.subarray(0, columns.count).findIndex((atSeconds) => atSeconds > 0)
  )
  columns.exchangeTime[row] = time
  return row
}

/** A row's minutes up to the played instant. Their volume is the growth of the day's volume. */
const minutesOf = (
  recording: Recording.Recording,
  row: number,
  untilSeconds: number,
  { fromMs, toMs }: Span
): ReadonlyArray<Candles.Candle> => {
  const ticks: Array<Candles.Candle> = []
  let before: number | undefined
  for (const snapshot of recording.snapshots) {
    if (snapshot.time > untilSeconds) break
    const at = row === spotRow ? 0 : snapshot.contract.indexOf(row - 1)
    if (at < 0) continue
    const price = row === spotRow ? (snapshot.spot ?? 0) : (snapshot.lastPrice[at] ?? 0)
    const volume = row === spotRow ? 0 : (snapshot.volume[at] ?? 0)
    if (price > 0) {
      ticks.push({
        atMs: snapshot.time * 1000,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Math.max(0, volume - (before ?? volume)),
        oi: row === spotRow ? 0 : (snapshot.oi[at] ?? 0)
      })
    }
    before = volume
  }
  return Candles.aggregate(ticks, 1, 0).filter(({ atMs }) => atMs >= IndiaTime.minuteFloor(fromMs) && atMs <= toMs)
}

interface Playback {
  state: State
  /** UNIX seconds. */
  time: number
}

/** Waits the real time between two recorded instants. */
const wait = (speed: Settings["speed"], seconds: number): Effect.Effect<void> =>
  speed === "max" ? Effect.void : Effect.sleep((seconds * 1000) / speed)

const play = (
  settings: Settings,
  recording: Recording.Recording,
  columns: Frame.Columns,
  playback: Playback,
  outlet: Outlet
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const changed = new Uint32Array(columns.count)
    yield* outlet.subscribed
    playback.state = "running"
    yield* Effect.logInfo("playing the recording").pipe(Effect.annotateLogs({ file: settings.file, speed: settings.speed }))
    for (const snapshot of recording.snapshots) {
      if (snapshot.time > playback.time) yield* wait(settings.speed, snapshot.time - playback.time)
      playback.time = snapshot.time
      outlet.publish(changed, apply(columns, snapshot, changed))
      yield* outlet.delivered
    }
    // Readers close the last snapshot's windows only when a later packet arrives.
    yield* wait(settings.speed, lastWindowSeconds)
    playback.time += lastWindowSeconds
    outlet.publishToAll(passTime(columns, playback.time))
    yield* outlet.delivered
    playback.state = "ended"
    yield* Effect.logInfo("the recording is over").pipe(Effect.annotateLogs({ file: settings.file }))
  })

const readDump = (file: string | undefined): Effect.Effect<ReadonlyArray<Instrument.Instrument>, MarketFileError> =>
  Effect.gen(function* () {
    if (file === undefined) return []
    const { instruments, rejected } = Instrument.parseCsv(yield* readText(file))
    yield* logSkipped(file, rejected)
    if (instruments.length === 0) return yield* new MarketFileError({ file, reason: "no instrument can be read from it" })
    return instruments
  })

/** Why nothing can be played: the reason of the first skipped line, which is the header if that is wrong. */
const noSnapshot = ({ skipped }: Recording.Recording): string => {
  const first = skipped[0]
  return first === undefined ? "it holds no rows" : `no row can be read from it (line ${first.line}: ${first.reason})`
}

const servedInstruments = (
  dump: ReadonlyArray<Instrument.Instrument>,
  { madeUp, spot }: Resolved
): ReadonlyArray<Instrument.Instrument> => [...(dump.includes(spot) ? [] : [spot]), ...dump, ...madeUp]

/** Reads the recording and finds its instruments. Its quantities are converted to units. */
const read = (settings: Settings) =>
  Effect.gen(function* () {
    const inFile = Recording.parse(yield* readText(settings.file))
    yield* logSkipped(settings.file, inFile.skipped)
    const first = inFile.snapshots[0]
    if (first === undefined) return yield* new MarketFileError({ file: settings.file, reason: noSnapshot(inFile) })
    const dump = yield* readDump(settings.instruments)
    const resolved = resolve(underlyingOf(settings.underlying, dump), inFile.contracts, dump, IndiaTime.istDate(first.time * 1000))
    for (const made of resolved.madeUp) {
      yield* Effect.logWarning(
        `${made.tradingsymbol} is not in ${settings.instruments ?? "any instruments dump"}: made-up token ${made.token}`
      )
    }
    const lotOf = (contract: number): number => resolved.contracts[contract]?.lotSize ?? 1
    const counted = settings.oi ?? RecordedUnits.counted(inFile, lotOf)
    const recording = RecordedUnits.inUnits(inFile, counted, lotOf)
    const facts: Facts = {
      contracts: inFile.contracts.length,
      not_in_dump: resolved.madeUp.length,
      lines_skipped: inFile.skipped.length,
      counted,
      counted_by: settings.oi === undefined ? "values" : "option"
    }
    return { recording, first: recording.snapshots[0] ?? first, dump, resolved, facts }
  })

export const make = (settings: Settings): Effect.Effect<Market, MarketFileError> =>
  Effect.gen(function* () {
    const { recording, first, dump, resolved, facts } = yield* read(settings)
    const rows = [resolved.spot, ...resolved.contracts]
    const columns = Frame.makeColumns(rows.length)
    columns.count = rows.length
    rows.forEach((instrument, row) => {
      columns.token[row] = instrument.token
    })
    // REST quotes have the first instant before it is played. Sockets have no packet of it yet.
    apply(columns, first, new Uint32Array(columns.count))
    columns.kind.fill(0)
    const playback: Playback = { state: "waiting", time: first.time }
    const rowByToken = new Map(rows.map((instrument, row) => [instrument.token, row]))
    return {
      mode: "recorded",
      underlying: settings.underlying,
      instruments: servedInstruments(dump, resolved),
      columns,
      rowByToken,
      recorded: {
        facts,
        previousOi: () => [null, ...(recording.previousOi.get(IndiaTime.istDate(playback.time * 1000)) ?? [])]
      },
      minutes: (token, span) => {
        const row = rowByToken.get(token)
        return row === undefined || playback.state === "waiting" ? [] : minutesOf(recording, row, playback.time, span)
      },
      status: () => ({ timeMs: playback.time * 1000, speed: settings.speed, state: playback.state }),
      run: (outlet) => play(settings, recording, columns, playback, outlet)
    }
  })
