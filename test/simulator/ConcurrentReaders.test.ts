import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import type * as Frame from "../../src/domain/market/Frame.ts"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import { account, first, login, subscriber, until } from "./SimulatorWorld.ts"

const second = account("a2")
const readers = 12
const quotesWanted = 2_000

interface Quote {
  readonly instrument_token: number
  readonly last_price: number
  readonly volume: number
  readonly buy_quantity: number
  readonly sell_quantity: number
  readonly average_price: number
  readonly ohlc: { readonly high: number; readonly low: number }
  readonly depth: { readonly buy: ReadonlyArray<Frame.Level>; readonly sell: ReadonlyArray<Frame.Level> }
}
const levels = (of: ReadonlyArray<Frame.Level>, scale: number) =>
  of.map(({ price, quantity }) => `${Math.round(price * scale)}x${quantity}`)
/** All values that a tick changes, so that an answer that mixes two states would look like a third state. */
const stateOf = (row: Frame.FullFields): string =>
  [row.lastPrice, row.volume, row.buyQuantity, row.sellQuantity, row.high, row.low, ...levels(row.bids, 1), ...levels(row.asks, 1)].join()
const stateOfQuote = (quote: Quote): string => {
  const scale = Instrument.priceScale(quote.instrument_token)
  const units = (price: number) => Math.round(price * scale)
  const { ohlc, depth } = quote
  return [
    units(quote.last_price),
    quote.volume,
    quote.buy_quantity,
    quote.sell_quantity,
    units(ohlc.high),
    units(ohlc.low),
    ...levels(depth.buy, scale),
    ...levels(depth.sell, scale)
  ].join()
}

describe("Concurrent readers of the simulated market", () => {
  it.scopedLive(
    "TC-MATL-051 never see a torn state: every quote that any of them reads is a state that the market had, and every socket sees the same states",
    () =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.make({
          accounts: [first, second],
          market: { mode: "synthetic", rate: 50, strikesEachSide: 2 }
        }).pipe(Logger.withMinimumLogLevel(LogLevel.Warning))
        const options = simulator.market.instruments.filter(({ instrumentType }) => instrumentType === "CE").slice(0, 40)
        const tokens = options.map(({ token }) => token)
        const [one, two] = [yield* subscriber(simulator), yield* subscriber(simulator, second)]
        for (const client of [one, two]) {
          client.send({ a: "subscribe", v: tokens })
          client.send({ a: "mode", v: ["full", tokens] })
        }
        const isFull = (client: typeof one) => client.packets.some(({ exchangeTime, bids }) => exchangeTime > 0 && bids.length > 0)
        yield* until("both stream in full mode", () => isFull(one) && isFull(two) && one.newest.size === tokens.length)

        const { accessToken } = yield* login(simulator.url)
        const headers = { authorization: `token ${first.apiKey}:${accessToken}`, "x-kite-version": "3" }
        const path = `/quote?${options.map(({ exchange, tradingsymbol }) => `i=${encodeURIComponent(`${exchange}:${tradingsymbol}`)}`).join("&")}`
        const quotes: Array<Quote> = []
        const read = Effect.promise(async () => {
          while (quotes.length < quotesWanted * 10 && new Set(quotes.map(stateOfQuote)).size < quotesWanted) {
            const response = await fetch(`${simulator.url}${path}`, { headers })
            const { data } = (await response.json()) as { readonly data: Readonly<Record<string, Quote>> }
            quotes.push(...Object.values(data))
          }
        })
        yield* Effect.all(
          Array.from({ length: readers }, () => read),
          { concurrency: "unbounded" }
        )
        // A state that was read has arrived at the socket once a later state of the same instrument has arrived.
        const counts = new Map(tokens.map((token) => [token, one.packets.filter((packet) => packet.token === token).length]))
        yield* until("later states", () =>
          [one, two].every((client) =>
            tokens.every((token) => client.packets.filter((packet) => packet.token === token).length > (counts.get(token) ?? 0) + 5)
          )
        )
        const statesOf = (client: typeof one) => {
          const found = new Map<number, Set<string>>()
          for (const packet of client.packets) {
            const ofToken = found.get(packet.token) ?? new Set()
            found.set(packet.token, ofToken.add(stateOf(packet)))
          }
          return found
        }
        const [seenByOne, seenByTwo] = [statesOf(one), statesOf(two)]
        const distinct = new Set<string>()
        for (const quote of quotes) {
          const state = stateOfQuote(quote)
          distinct.add(`${quote.instrument_token} ${state}`)
          for (const seen of [seenByOne, seenByTwo])
            assert.isTrue(seen.get(quote.instrument_token)?.has(state), `${quote.instrument_token}: ${state} is no state of the market`)
        }
        assert.isAbove(distinct.size, quotesWanted / 4)
      }),
    300_000
  )
})
