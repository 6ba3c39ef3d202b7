import { Effect, type Redacted, Schema } from "effect"
import { InstrumentToken } from "../domain/Ids.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import * as KiteHistory from "../domain/market/KiteHistory.ts"
import * as KiteTime from "../domain/market/KiteTime.ts"
import { nextTurn } from "../loop/Turn.ts"
import type { Family } from "./Budgets.ts"
import * as KiteClient from "./KiteClient.ts"
import * as KiteError from "./KiteError.ts"
import type { KiteSession } from "./KiteSession.ts"

/** How many instruments one call may ask for, as Kite documents it. */
export const quoteMax = 500
export const ohlcMax = 1000
/** In 2026 the dump is about 10 MB long. */
const instrumentsBytesMax = 64 * 1024 * 1024
const instrumentsTimeoutMs = 60_000

const Moment = Schema.optionalWith(Schema.NullOr(KiteTime.IstDateTime), { default: () => null })
const Count = Schema.optionalWith(Schema.NonNegativeInt, { default: () => 0 })

const Profile = Schema.Struct({
  user_id: Schema.String,
  user_name: Schema.String,
  broker: Schema.String,
  exchanges: Schema.Array(Schema.String),
  products: Schema.Array(Schema.String)
})

/** Kite's own shapes. Prices are rupees as Kite prints them: show or scale them, but never add them up. Times are UTC instants. */
const Ohlc = Schema.Struct({ open: Schema.Number, high: Schema.Number, low: Schema.Number, close: Schema.Number })
const Level = Schema.Struct({ price: Schema.Number, quantity: Schema.NonNegativeInt, orders: Schema.NonNegativeInt })
const Ltp = Schema.Struct({ instrument_token: InstrumentToken, last_price: Schema.Number })
const OhlcQuote = Schema.Struct({ ...Ltp.fields, ohlc: Ohlc })
const Quote = Schema.Struct({
  ...OhlcQuote.fields,
  timestamp: Moment,
  last_trade_time: Moment,
  last_quantity: Count,
  average_price: Schema.optionalWith(Schema.Number, { default: () => 0 }),
  volume: Count,
  buy_quantity: Count,
  sell_quantity: Count,
  oi: Count,
  oi_day_high: Count,
  oi_day_low: Count,
  depth: Schema.optionalWith(Schema.Struct({ buy: Schema.Array(Level), sell: Schema.Array(Level) }), {
    default: () => ({ buy: [], sell: [] })
  })
})

const CandleTime = Schema.String.pipe(Schema.filter((text) => KiteTime.candleMs(text) !== null))
const CandleRow = Schema.Tuple(
  CandleTime,
  Schema.Number,
  Schema.Number,
  Schema.Number,
  Schema.Number,
  Schema.NonNegativeInt,
  Schema.optionalElement(Schema.NonNegativeInt)
)
const candleOf = ([time, open, high, low, close, volume, oi]: typeof CandleRow.Type): KiteHistory.Candle => ({
  atMs: KiteTime.candleMs(time) as number,
  open,
  high,
  low,
  close,
  volume,
  oi: oi ?? null
})
/** 60 days of minutes are about 16,000 candles, or 86,400 for a market that never closes. */
const candlesBytesMax = 32 * 1024 * 1024
const candlesTimeoutMs = 30_000

/** Runs work that comes in steps, with a turn of the event loop for the sockets after each. */
const inSteps = <A>(steps: Generator<void, A, void>): Effect.Effect<A> =>
  Effect.gen(function* () {
    while (true) {
      const step = steps.next()
      if (step.done === true) return step.value
      yield* nextTurn
    }
  })

const byKey = <A, I>(value: Schema.Schema<A, I>) => KiteClient.json(Schema.Record({ key: Schema.String, value }))
const readProfile = KiteClient.json(Profile)
const readLtp = byKey(Ltp)
const readOhlc = byKey(OhlcQuote)
const readQuote = byKey(Quote)
const readCandles = KiteClient.json(Schema.Struct({ candles: Schema.Array(CandleRow) }))

/** The purpose of a fetch of history: for a person who waits, or to fill the store. */
export type HistoryFamily = Extract<Family, "historical" | "backfill">

type Authorised<A> = (token: Redacted.Redacted) => Effect.Effect<A, KiteError.KiteError>

/** Kite's REST interface for one account. A refused token is renewed once if the account can sign in by itself. */
export const make = (session: KiteSession) => {
  const { account, client } = session
  const authorised = <A>(op: string, request: Authorised<A>): Effect.Effect<A, KiteError.KiteError> =>
    Effect.flatMap(session.token, (token) =>
      Effect.catchTag(request(token), "SessionExpired", () =>
        Effect.flatMap(session.renew(token), request).pipe(
          Effect.catchTag(
            "SessionExpired",
            ({ status, reason }) => new KiteError.InvalidCredentials({ account: account.accountId, op, status, reason })
          )
        )
      )
    )

  const market = <A>(
    op: string,
    max: number,
    keys: ReadonlyArray<string>,
    run: (kite: KiteClient.Kite, keys: Array<string>) => Promise<unknown>,
    read: KiteClient.Call<Readonly<Record<string, A>>>["read"]
  ): Effect.Effect<Readonly<Record<string, A>>, KiteError.KiteError | KiteError.TooManyInstruments> =>
    keys.length > max
      ? new KiteError.TooManyInstruments({ account: account.accountId, op, wanted: keys.length, max })
      : keys.length === 0
        ? Effect.succeed({})
        : authorised(op, (token) => client.send({ op, token, run: (kite) => run(kite, [...keys]), read, family: "quote" }))

  const instruments = Effect.fn("KiteRest.instruments")(function* (exchange?: string) {
    const op = "instruments"
    const text = yield* authorised(op, (token) =>
      client.send({
        op,
        token,
        run: (kite) => kite.getInstruments(exchange as Parameters<KiteClient.Kite["getInstruments"]>[0]),
        read: KiteClient.csv,
        timeoutMs: Math.max(instrumentsTimeoutMs, client.settings.requestTimeoutMs),
        bytesMax: instrumentsBytesMax
      })
    )
    const parsed = yield* inSteps(Instrument.parseCsvInSteps(text))
    const [first] = parsed.rejected
    if (first !== undefined) {
      yield* Effect.logWarning(
        `${parsed.rejected.length} rows of the instruments dump are left out; line ${first.line}: ${first.reason}`
      ).pipe(Effect.annotateLogs({ account: account.accountId }))
    }
    return parsed
  })

  /** Kite's answer for one window. kiteconnect's own parser would read times in the host's zone and drop an open interest of 0. */
  const historyWindow = (token: number, interval: KiteHistory.Interval, { fromMs, toMs }: KiteHistory.Span, family: HistoryFamily) =>
    authorised("history", (accessToken) =>
      client.send({
        op: "history",
        token: accessToken,
        run: (kite) => kite.getHistoricalData(token, interval.name, KiteTime.format(fromMs), KiteTime.format(toMs), false, true),
        read: readCandles,
        family,
        timeoutMs: Math.max(candlesTimeoutMs, client.settings.requestTimeoutMs),
        bytesMax: candlesBytesMax
      })
    )

  /** Candles of any span with open interest, ascending, without duplicates. Makes one call per window that Kite allows. */
  const history = Effect.fn("KiteRest.history")(function* (
    token: number,
    interval: KiteHistory.Interval,
    span: KiteHistory.Span,
    family: HistoryFamily = "historical"
  ) {
    const parts = yield* Effect.forEach(KiteHistory.windows(span, interval.daysMax), (part) => historyWindow(token, interval, part, family))
    const byTime = new Map(parts.flatMap(({ candles }) => candles).map((row) => [KiteTime.candleMs(row[0]), candleOf(row)]))
    return Array.from(byTime.values()).sort((a, b) => a.atMs - b.atMs)
  })

  return {
    account,
    history,
    profile: authorised("profile", (token) => client.send({ op: "profile", token, run: (kite) => kite.getProfile(), read: readProfile })),
    /** The instruments dump of one exchange or of all. `rejected` lists the rows that cannot be read. */
    instruments,
    /** Keys are "EXCHANGE:TRADINGSYMBOL". The answer lacks a key that Kite does not know. */
    quote: (keys: ReadonlyArray<string>) => market("quote", quoteMax, keys, (kite, list) => kite.getQuote(list), readQuote),
    ohlc: (keys: ReadonlyArray<string>) => market("ohlc", ohlcMax, keys, (kite, list) => kite.getOHLC(list), readOhlc),
    ltp: (keys: ReadonlyArray<string>) => market("ltp", ohlcMax, keys, (kite, list) => kite.getLTP(list), readLtp)
  } as const
}
export type KiteRest = ReturnType<typeof make>
