/** Kite's REST answers, as one function of a request: paths, envelopes, statuses and errors as kite.trade/docs/connect/v3 has them. */
import { gzipSync } from "node:zlib"
import { Either } from "effect"
import * as IndiaTime from "../domain/IndiaTime.ts"
import * as Timeframe from "../domain/indicators/Timeframe.ts"
import * as Frame from "../domain/market/Frame.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import * as Candles from "./Candles.ts"
import type { Market } from "./Market.ts"
import * as Sessions from "./Sessions.ts"

export interface Request {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly authorization: string | undefined
  readonly kiteVersion: string | undefined
  readonly gzip: boolean
  /** Form text of a POST or PUT. */
  readonly body: string
}

export interface Response {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

export interface Options {
  readonly sessions: Sessions.Sessions
  readonly market: Market
  readonly nowMs: () => number
  /** Whether Kite's request rates are enforced. */
  readonly rateLimits: boolean
}

const quotesMax = 500
const pricesMax = 1000
/** Requests a second and api_key: quote calls, history, and everything else together. */
const quoteRate = 1
const historyRate = 3
const otherRate = 10

const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Response => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value)
})
const success = (data: unknown): Response => json(200, { status: "success", data })
export const failure = ({ status, type, message }: Sessions.Refusal): Response =>
  json(status, { status: "error", message, data: null, error_type: type })
const refuse = (status: number, type: string, message: string): Response => failure({ status, type, message })

/** "yyyy-mm-dd hh:mm:ss" in IST, how Kite writes every time. */
const istText = (ms: number): string => new Date(ms + IndiaTime.istOffsetMs).toISOString().slice(0, 19).replace("T", " ")
const istSeconds = (seconds: number): string | null => (seconds === 0 ? null : istText(seconds * 1000))

const exchanges = ["NSE", "NFO", "BFO", "BSE", "CDS", "MCX", "BCD", "MF"]
const products = ["CNC", "NRML", "MIS", "MTF"]
const orderTypes = ["MARKET", "LIMIT", "SL", "SL-M"]

const userOf = ({ userId }: Sessions.Account) => ({
  user_id: userId,
  user_type: "individual",
  email: `${userId.toLowerCase()}@example.com`,
  user_name: `Simulated ${userId}`,
  user_shortname: userId,
  broker: "ZERODHA",
  exchanges,
  products,
  order_types: orderTypes,
  avatar_url: null,
  meta: { demat_consent: "physical" }
})

const sessionOf = ({ account, accessToken, loginAtMs }: Sessions.Session) => ({
  ...userOf(account),
  api_key: account.apiKey,
  access_token: accessToken,
  public_token: Sessions.checksumOf(account.apiKey, accessToken, "public").slice(0, 32),
  enctoken: Sessions.checksumOf(account.apiKey, accessToken, "enc"),
  refresh_token: "",
  silo: "",
  login_time: istText(loginAtMs)
})

const ohlcOf = (row: Frame.FullFields, scale: number) => ({
  open: row.open / scale,
  high: row.high / scale,
  low: row.low / scale,
  close: row.close / scale
})
const levelsOf = (levels: ReadonlyArray<Frame.Level>, scale: number) => levels.map((level) => ({ ...level, price: level.price / scale }))

/** A day's price band: what an exchange would refuse beyond. Ten percent for what has a tick grid and a previous price. */
const bandOf = (row: Frame.FullFields, tick: number): readonly [number, number] => {
  if (tick === 0) return [0, 0]
  const from = row.close === 0 ? row.open : row.close
  return [Math.max(tick, Math.ceil((from * 0.9) / tick) * tick), Math.max(tick, Math.floor((from * 1.1) / tick) * tick)]
}

type Quote = (instrument: Instrument.Instrument, row: Frame.FullFields) => unknown

const ltpQuote: Quote = (instrument, row) => ({
  instrument_token: instrument.token,
  last_price: row.lastPrice / Instrument.priceScale(instrument.token)
})

const ohlcQuote: Quote = (instrument, row) => {
  const scale = Instrument.priceScale(instrument.token)
  return { instrument_token: instrument.token, last_price: row.lastPrice / scale, ohlc: ohlcOf(row, scale) }
}

const fullQuote: Quote = (instrument, row) => {
  const scale = Instrument.priceScale(instrument.token)
  const [lower, upper] = bandOf(row, instrument.tickSize)
  return {
    instrument_token: instrument.token,
    timestamp: istSeconds(row.exchangeTime),
    last_trade_time: istSeconds(row.lastTradeTime),
    last_price: row.lastPrice / scale,
    last_quantity: row.lastQuantity,
    buy_quantity: row.buyQuantity,
    sell_quantity: row.sellQuantity,
    volume: row.volume,
    average_price: row.averagePrice / scale,
    oi: row.oi,
    oi_day_high: row.oiDayHigh,
    oi_day_low: row.oiDayLow,
    net_change: row.close === 0 ? 0 : (row.lastPrice - row.close) / scale,
    lower_circuit_limit: lower / scale,
    upper_circuit_limit: upper / scale,
    ohlc: ohlcOf(row, scale),
    depth: { buy: levelsOf(row.bids, scale), sell: levelsOf(row.asks, scale) }
  }
}

/** Counts requests in whole seconds, as a rate limit at the edge does. */
class RateLimit {
  readonly #counts = new Map<string, { second: number; count: number }>()

  allows(key: string, perSecond: number, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000)
    const held = this.#counts.get(key)
    if (held === undefined || held.second !== second) {
      this.#counts.set(key, { second, count: 1 })
      return true
    }
    held.count++
    return held.count <= perSecond
  }
}

/** Dump texts by exchange ("" is all), made once: 40,000 rows take a while. */
class Dump {
  readonly #instruments: ReadonlyArray<Instrument.Instrument>
  readonly #texts = new Map<string, { readonly plain: string; readonly zipped: Uint8Array } | undefined>()

  constructor(instruments: ReadonlyArray<Instrument.Instrument>) {
    this.#instruments = instruments
  }

  answer(exchange: string, gzip: boolean): Response {
    if (exchange !== "" && !exchanges.includes(exchange)) return refuse(400, "InputException", `Invalid \`exchange\`: ${exchange}`)
    let text = this.#texts.get(exchange)
    if (text === undefined) {
      const plain = Instrument.formatCsv(exchange === "" ? this.#instruments : this.#instruments.filter((one) => one.exchange === exchange))
      text = { plain, zipped: gzipSync(plain) }
      this.#texts.set(exchange, text)
    }
    // kiteconnect parses the dump for exactly this content type.
    const headers = { "content-type": "text/csv" }
    return gzip
      ? { status: 200, headers: { ...headers, "content-encoding": "gzip" }, body: text.zipped }
      : { status: 200, headers, body: text.plain }
  }
}

type Answer = (request: Request, query: URLSearchParams) => Response
interface Route {
  readonly methods: ReadonlyArray<string>
  readonly answer: Answer
}
/** Lets a request through to an answer that needs a session, within the rate of its bucket. */
type Guard = (bucket: "quote" | "history" | "other", answer: (session: Sessions.Session, query: URLSearchParams) => Response) => Answer

const credentials = /^token ([^:\s]{1,64}):(\S{1,128})$/

const makeGuard = ({ sessions, nowMs, rateLimits }: Options): Guard => {
  const limit = new RateLimit()
  const rates = { quote: quoteRate, history: historyRate, other: otherRate }
  return (bucket, answer) => (request, query) => {
    if (request.kiteVersion !== undefined && request.kiteVersion !== "3") {
      return refuse(400, "InputException", `X-Kite-Version ${request.kiteVersion} is not 3`)
    }
    const match = credentials.exec(request.authorization ?? "")
    const session = match === null ? Either.left(Sessions.tokenRefusal) : sessions.authenticate(match[1] ?? "", match[2] ?? "")
    if (Either.isLeft(session)) return failure(session.left)
    if (rateLimits && !limit.allows(`${session.right.account.apiKey} ${bucket}`, rates[bucket], nowMs())) {
      return refuse(429, "NetworkException", "Too many requests")
    }
    return answer(session.right, query)
  }
}

const quoteRoutes = (market: Market, guard: Guard): Readonly<Record<string, Route>> => {
  const bySymbol = new Map(market.instruments.map((one) => [Instrument.symbolKey(one.exchange, one.tradingsymbol), one]))
  const byToken = new Map(market.instruments.map((one) => [String(one.token), one]))
  const empty = Frame.rowOf(Frame.makeColumns(1), 0)
  const route = (max: number, quote: Quote): Route => ({
    methods: ["GET"],
    answer: guard("quote", (_session, query) => {
      const wanted = query.getAll("i")
      if (wanted.length === 0) return refuse(400, "InputException", "Missing or empty field `i`")
      if (wanted.length > max)
        return refuse(400, "InputException", `At most ${max} instruments are allowed, ${wanted.length} were asked for`)
      const data: Record<string, unknown> = {}
      for (const name of wanted) {
        // As Kite does, an instrument that does not exist is left out.
        const instrument = bySymbol.get(name) ?? byToken.get(name)
        if (instrument === undefined) continue
        const row = market.rowByToken.get(instrument.token)
        data[name] = quote(instrument, row === undefined ? empty : Frame.rowOf(market.columns, row))
      }
      return success(data)
    })
  })
  return { "/quote": route(quotesMax, fullQuote), "/quote/ohlc": route(pricesMax, ohlcQuote), "/quote/ltp": route(pricesMax, ltpQuote) }
}

const sessionRoutes = (sessions: Sessions.Sessions): Readonly<Record<string, Route>> => {
  const login: Answer = (_request, query) => {
    if (query.get("v") !== "3") return refuse(400, "InputException", "`v` must be 3")
    return Either.match(sessions.login(query.get("api_key") ?? "", query.get("redirect_params") ?? ""), {
      onLeft: failure,
      onRight: (location) => ({ status: 302, headers: { location }, body: "" })
    })
  }
  const create: Answer = (request) => {
    const form = new URLSearchParams(request.body)
    for (const field of ["api_key", "request_token", "checksum"]) {
      if ((form.get(field) ?? "") === "") return refuse(400, "InputException", `Missing or empty field \`${field}\``)
    }
    return Either.match(sessions.exchange(form.get("api_key") ?? "", form.get("request_token") ?? "", form.get("checksum") ?? ""), {
      onLeft: failure,
      onRight: (session) => success(sessionOf(session))
    })
  }
  const end: Answer = (_request, query) =>
    Either.match(sessions.authenticate(query.get("api_key") ?? "", query.get("access_token") ?? ""), {
      onLeft: failure,
      onRight: (session) => {
        sessions.logout(session)
        return success(true)
      }
    })
  return {
    "/connect/login": { methods: ["GET"], answer: login },
    "/session/token": {
      methods: ["POST", "DELETE"],
      answer: (request, query) => (request.method === "POST" ? create(request, query) : end(request, query))
    }
  }
}

/** Not Kite's: what market is played, and how far it is. */
const marketAnswer = (market: Market): Response => {
  const { timeMs, speed, state, skipped } = market.status()
  const recorded = market.mode === "recorded" ? { instruments: Array.from(market.columns.token.subarray(0, market.columns.count)) } : {}
  return json(200, {
    time: IndiaTime.isoTime(timeMs),
    speed,
    state,
    mode: market.mode,
    underlying: market.underlying,
    skipped,
    ...recorded
  })
}

const historicalRoute = (market: Market, guard: Guard) => {
  const byToken = new Map(market.instruments.map((one) => [String(one.token), one]))
  return (token: string, name: string): Route => ({
    methods: ["GET"],
    answer: guard("history", (_session, query) => {
      const instrument = byToken.get(token)
      if (instrument === undefined) return refuse(400, "InputException", "invalid token")
      const asked = Candles.read(name, query)
      if (typeof asked === "string") return refuse(400, "InputException", asked)
      const { interval, span } = asked
      const isContinuous = query.get("continuous") === "1"
      if (isContinuous && (instrument.instrumentType !== "FUT" || interval.name !== "day"))
        return refuse(400, "InputException", "continuous data is available only for day candles of futures")
      // A longer candle needs the minutes before the span's first one, and is the span's when it opens in it.
      const whole = { fromMs: Timeframe.barStartMs(span.fromMs, interval.minutes), toMs: span.toMs + interval.minutes * IndiaTime.minuteMs }
      const scale = Instrument.priceScale(instrument.token)
      const candles = Candles.aggregate(market.minutes(instrument.token, whole), interval.minutes)
        .filter(({ atMs }) => atMs >= span.fromMs && atMs <= span.toMs)
        .map(({ atMs, open, high, low, close, volume, oi }) => {
          const row = [Candles.stamp(atMs), open / scale, high / scale, low / scale, close / scale, volume]
          return query.get("oi") === "1" ? [...row, oi] : row
        })
      return success({ candles })
    })
  })
}

const historical = /^\/instruments\/historical\/([^/]+)\/([^/]+)$/
const exchangeDump = /^\/instruments\/([^/]+)$/

/** Answers one request; never throws for anything a client can send. */
export const make = (options: Options): ((request: Request) => Response) => {
  const { market, sessions } = options
  const dump = new Dump(market.instruments)
  const guard = makeGuard(options)
  const routes = new Map<string, Route>(
    Object.entries({
      ...sessionRoutes(sessions),
      ...quoteRoutes(market, guard),
      "/user/profile": { methods: ["GET"], answer: guard("other", ({ account }) => success(userOf(account))) },
      "/instruments": { methods: ["GET"], answer: (request) => dump.answer("", request.gzip) },
      "/market": { methods: ["GET"], answer: () => marketAnswer(market) }
    } satisfies Record<string, Route>)
  )
  const historicalOf = historicalRoute(market, guard)
  const routeOf = (path: string): Route | undefined => {
    const [, token, interval] = historical.exec(path) ?? []
    if (token !== undefined && interval !== undefined) return historicalOf(token, interval)
    const exchange = exchangeDump.exec(path)?.[1]
    return exchange === undefined ? routes.get(path) : { methods: ["GET"], answer: (request) => dump.answer(exchange, request.gzip) }
  }
  return (request) => {
    const [path = "", search = ""] = request.url.split("?", 2)
    const route = routeOf(path)
    if (route === undefined) return refuse(404, "GeneralException", `Route not found: ${path}`)
    if (route.methods.includes(request.method)) return route.answer(request, new URLSearchParams(search))
    const refused = refuse(405, "GeneralException", `Method not allowed: ${request.method}`)
    return { ...refused, headers: { ...refused.headers, allow: route.methods.join(", ") } }
  }
}
