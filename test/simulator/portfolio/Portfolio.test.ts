import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import type { KiteConnect } from "kiteconnect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import { compareShapes, recordedAnswer, whereRecorded } from "../RecordedShape.ts"
import { first, login, second } from "../SimulatorWorld.ts"

const startMs = Date.parse("2026-11-23T04:00:00Z")
const start = Simulator.make({
  accounts: [first, second],
  market: { mode: "synthetic", startMs, rate: 0, strikesEachSide: 3 },
  openingCash: 5_000_000
}).pipe(Logger.withMinimumLogLevel(LogLevel.Warning))

type Client = InstanceType<typeof KiteConnect>
type Json = Readonly<Record<string, unknown>>
/** The official client's types differ from Kite's answers, so its answers are read as JSON. */
const call = <A = Json>(run: () => Promise<unknown>): Effect.Effect<A, Json> =>
  Effect.tryPromise({ try: run, catch: (error) => error as Json }) as Effect.Effect<A, Json>

interface Quoted {
  readonly instrument: Instrument.Instrument
  /** Rupees. */
  readonly ask: number
  readonly bid: number
  readonly last: number
}

const quoted = ({ market }: Simulator.Service, which: (one: Instrument.Instrument) => boolean): Quoted => {
  const instrument = market.instruments.find(which)
  const row = market.rowByToken.get(instrument?.token ?? 0)
  if (instrument === undefined || row === undefined) throw new Error("the market has no such instrument")
  const scale = Instrument.priceScale(instrument.token)
  const { asks, bids, lastPrice } = Frame.rowOf(market.columns, row)
  return { instrument, ask: (asks[0]?.price ?? 0) / scale, bid: (bids[0]?.price ?? 0) / scale, last: lastPrice / scale }
}
const isFuture = ({ instrumentType, name }: Instrument.Instrument) => instrumentType === "FUT" && name === "NIFTY"
const isCall =
  (strike: number) =>
  ({ instrumentType, name, strike: at }: Instrument.Instrument) =>
    instrumentType === "CE" && name === "NIFTY" && at === strike * 100
const isShare = ({ tradingsymbol }: Instrument.Instrument) => tradingsymbol === "RELIANCE"

const trade = (client: Client, { ask, bid, instrument }: Quoted, side: "BUY" | "SELL", product = "NRML", quantity = instrument.lotSize) =>
  call(() =>
    client.placeOrder("regular", {
      exchange: instrument.exchange,
      tradingsymbol: instrument.tradingsymbol,
      transaction_type: side,
      quantity,
      product,
      order_type: "LIMIT",
      price: side === "BUY" ? ask : bid
    } as never)
  )

const term = ({ instrument, last }: Quoted, side: "BUY" | "SELL", change: object = {}) => ({
  exchange: instrument.exchange,
  tradingsymbol: instrument.tradingsymbol,
  transaction_type: side,
  variety: "regular",
  product: "NRML",
  order_type: "LIMIT",
  quantity: instrument.lotSize,
  price: last,
  trigger_price: 0,
  ...change
})

describe("positions and funds at the simulator, by Kite's own client", () => {
  it.scopedLive("follow from the account's fills", () =>
    Effect.gen(function* () {
      const simulator = yield* start
      const { kite: client } = yield* login(simulator.url)
      const { kite: other } = yield* login(simulator.url, second)
      const future = quoted(simulator, isFuture)
      const { ask, bid, instrument, last } = future
      yield* trade(client, future, "BUY")
      const positions = () => call<Readonly<Record<"net" | "day", ReadonlyArray<Json>>>>(() => client.getPositions())
      const { day, net } = yield* positions()
      expect(day).toEqual(net)
      const paidPaise = Math.round(ask * 100) * instrument.lotSize
      const gainPaise = Math.round(last * 100) * instrument.lotSize - paidPaise
      expect(net).toMatchObject([
        {
          tradingsymbol: instrument.tradingsymbol,
          product: "NRML",
          quantity: instrument.lotSize,
          average_price: ask,
          last_price: last,
          buy_value: paidPaise / 100,
          pnl: gainPaise / 100
        }
      ])
      const open = yield* call<Json>(() => client.getMargins("equity" as never))
      const { available, net: free, utilised } = open as { net: number; available: Json; utilised: Record<string, number> }
      expect(available["cash"]).toBe(5_000_000)
      expect(utilised["span"]).toBeGreaterThan(100_000)
      expect(utilised["m2m_unrealised"]).toBe(gainPaise / 100)
      expect(free).toBeCloseTo(5_000_000 - (utilised["debits"] ?? 0), 6)

      yield* trade(client, future, "SELL")
      expect((yield* positions()).net).toMatchObject([{ quantity: 0, average_price: 0 }])
      const lostPaise = Math.round(bid * 100) * instrument.lotSize - paidPaise
      expect(yield* call(() => client.getMargins("equity" as never))).toMatchObject({
        net: 5_000_000 + lostPaise / 100,
        utilised: { span: 0, exposure: 0, m2m_realised: lostPaise / 100, m2m_unrealised: 0 }
      })
      expect(yield* call(() => other.getPositions())).toEqual({ net: [], day: [] })
    })
  )

  it.scopedLive("a position is converted to another product, and no more of it than there is", () =>
    Effect.gen(function* () {
      const simulator = yield* start
      const { kite: client } = yield* login(simulator.url)
      const future = quoted(simulator, isFuture)
      const { instrument } = future
      yield* trade(client, future, "SELL", "MIS", 2 * instrument.lotSize)
      const { exchange, lotSize, tradingsymbol } = instrument
      const conversion = (change: object) =>
        call<boolean>(() =>
          client.convertPosition({
            exchange,
            tradingsymbol,
            transaction_type: "SELL",
            position_type: "day",
            quantity: lotSize,
            old_product: "MIS",
            new_product: "NRML",
            ...change
          } as never)
        )
      expect(yield* conversion({})).toBe(true)
      for (const change of [
        { quantity: 2 * lotSize },
        { position_type: "overnight" },
        { transaction_type: "BUY" },
        { new_product: "MIS" },
        { tradingsymbol: "NOSUCH" }
      ])
        expect(yield* Effect.flip(conversion(change)), JSON.stringify(change)).toMatchObject({ error_type: "InputException" })
      const { net } = yield* call<Readonly<Record<"net", ReadonlyArray<Json>>>>(() => client.getPositions())
      expect(net.map(({ product, quantity }) => [product, quantity])).toEqual([
        ["MIS", -lotSize],
        ["NRML", -lotSize]
      ])
    })
  )

  it.scopedLive("a basket needs less margin than its orders alone, and charges are those of the contract note", () =>
    Effect.gen(function* () {
      const simulator = yield* start
      const { kite: client } = yield* login(simulator.url)
      const [sold, bought] = [quoted(simulator, isCall(24_550)), quoted(simulator, isCall(24_600))]
      const basket = [term(sold, "SELL"), term(bought, "BUY")]
      type Total = Readonly<Record<"span" | "exposure" | "option_premium" | "total", number>>
      const answer = yield* call<{ readonly initial: Total; readonly final: Total; readonly orders: ReadonlyArray<Total> }>(() =>
        client.orderBasketMargins(basket as never)
      )
      const alone = yield* call<ReadonlyArray<Total>>(() => client.orderMargins(basket as never))
      expect(answer.orders).toEqual(alone)
      expect(answer.initial.total).toBeCloseTo((alone[0]?.total ?? 0) + (alone[1]?.total ?? 0), 6)
      // A spread owes at most the distance of its strikes.
      expect(answer.final.span).toBe(50 * sold.instrument.lotSize)
      expect(answer.initial.span).toBeGreaterThan(10 * answer.final.span)
      expect(answer.final.total).toBeLessThan(answer.initial.total / 2)

      yield* trade(client, bought, "BUY")
      const held = yield* call<{ readonly final: Total }>(() => client.orderBasketMargins([basket[0]] as never))
      expect(held.final.span).toBe(50 * sold.instrument.lotSize)
      const ignored = yield* call<{ readonly final: Total }>(() => client.orderBasketMargins([basket[0]] as never, false))
      expect(ignored.final.span).toBe(alone[0]?.span)

      const [note] = yield* call<ReadonlyArray<Json>>(() =>
        client.getvirtualContractNote([term(sold, "SELL", { order_id: "1", average_price: 100 })] as never)
      )
      // 65 sold at 100: 0.15 % transaction tax since April 2026, by the rulebook.
      expect(note).toMatchObject({ price: 100, charges: { brokerage: 20, transaction_tax_type: "stt" } })
      expect((note as { charges: { transaction_tax: number } }).charges.transaction_tax).toBeCloseTo(65 * 100 * 0.0015, 9)
      const refused = yield* Effect.flip(call(() => client.orderMargins([{ ...term(sold, "SELL"), quantity: 0.5 }] as never)))
      expect(refused).toMatchObject({ error_type: "InputException" })
    })
  )

  it.scopedLive("answers have the recorded keys and types", (context) =>
    Effect.gen(function* () {
      if (recordedAnswer("positions.json") === undefined) return context.skip(`no recorded answers in ${whereRecorded}`)
      const simulator = yield* start
      const { kite: client } = yield* login(simulator.url)
      const [future, option, share] = [quoted(simulator, isFuture), quoted(simulator, isCall(24_550)), quoted(simulator, isShare)]
      yield* trade(client, future, "BUY")
      const answers: ReadonlyArray<readonly [string, () => Promise<unknown>]> = [
        ["positions.json", () => client.getPositions()],
        ["margins.json", () => client.getMargins()],
        ["margins_equity.json", () => client.getMargins("equity" as never)],
        ["margin_commodity.json", () => client.getMargins("commodity" as never)],
        ["order_margins.json", () => client.orderMargins([term(share, "BUY", { product: "CNC" })] as never)],
        ["basket_margins.json", () => client.orderBasketMargins([term(option, "SELL")] as never)],
        ["virtual_contract_note.json", () => client.getvirtualContractNote([term(option, "SELL")] as never)],
        ["mf_holdings.json", () => client.getMFHoldings()],
        ["mf_orders.json", () => client.getMFOrders()]
      ]
      for (const [file, answer] of answers) {
        // The client turns times into dates, and JSON turns them into texts again.
        const data = JSON.parse(JSON.stringify(yield* call(answer)))
        compareShapes({ status: "success", data }, recordedAnswer(file))
      }
    })
  )
})

describe("mutual funds at the simulator, by Kite's own client", () => {
  it.scopedLive("can be read, one by one too, and not traded", () =>
    Effect.gen(function* () {
      const simulator = yield* start
      const { kite: client } = yield* login(simulator.url)
      const [order] = yield* call<ReadonlyArray<Json>>(() => client.getMFOrders())
      expect(yield* call(() => client.getMFOrders(String(order?.["order_id"])))).toEqual(order)
      const [sip] = yield* call<ReadonlyArray<Json>>(() => client.getMFSIPS())
      expect(yield* call(() => client.getMFSIPS(String(sip?.["sip_id"])))).toEqual(sip)
      const instruments = yield* call<ReadonlyArray<Json>>(() => client.getMFInstruments())
      const [holding] = yield* call<ReadonlyArray<Json>>(() => client.getMFHoldings())
      expect(instruments.map((one) => one["tradingsymbol"])).toContain(holding?.["tradingsymbol"])
      for (const refused of [
        () => client.placeMFOrder({ tradingsymbol: "X", transaction_type: "BUY", amount: 1_000 } as never),
        () => client.cancelMFOrder(String(order?.["order_id"])),
        () => client.placeMFSIP({ tradingsymbol: "X" } as never),
        () => client.modifyMFSIP(String(sip?.["sip_id"]), {} as never),
        () => client.cancelMFSIP(String(sip?.["sip_id"]))
      ])
        expect(yield* Effect.flip(call(refused))).toMatchObject({ message: "The simulator's mutual funds can only be read." })
      expect(yield* Effect.flip(call(() => client.getMFOrders("nothing")))).toMatchObject({ error_type: "DataException" })
    })
  )
})
