import { createHash } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import type { KiteConnect } from "kiteconnect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import { OrderDesk } from "../../../src/simulator/orders/OrderDesk.ts"
import * as Phases from "../../../src/simulator/orders/Phases.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import type * as SimulatorOptions from "../../../src/simulator/SimulatorOptions.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { recordedAnswer, whereRecorded } from "../RecordedShape.ts"
import { connect, first, login, second, until } from "../SimulatorWorld.ts"
import { stillMarket } from "../StillMarket.ts"

const keysOf = (file: string): ReadonlyArray<string> | undefined => {
  const read = recordedAnswer(file)
  if (read === undefined) return undefined
  const data = (read.data ?? read) as object
  return Object.keys(Array.isArray(data) ? data[0] : data).sort()
}

const startMs = Date.parse("2026-11-23T04:00:00Z")
const start = (options: Partial<SimulatorOptions.Options> = {}) =>
  Simulator.make({ accounts: [first, second], market: { mode: "synthetic", startMs, rate: 0, strikesEachSide: 3 }, ...options }).pipe(
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )

/** The market's first future, with its best prices in rupees. */
const future = ({ market }: Simulator.Service) => {
  const instrument = market.instruments.find((it) => it.instrumentType === "FUT")
  const row = market.rowByToken.get(instrument?.token ?? 0)
  if (instrument === undefined || row === undefined) throw new Error("the market has no future with a packet")
  const scale = Instrument.priceScale(instrument.token)
  const { asks, bids } = Frame.rowOf(market.columns, row)
  return { instrument, ask: (asks[0]?.price ?? 0) / scale, bid: (bids[0]?.price ?? 0) / scale, tick: instrument.tickSize / scale }
}
const call = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: (error) => error as Record<string, unknown> })
type Client = InstanceType<typeof KiteConnect>
const all = (client: Client) =>
  Effect.map(
    call(() => client.getOrders()),
    (orders) => orders as ReadonlyArray<Record<string, unknown>>
  )

const params = (instrument: Instrument.Instrument, change: object = {}) =>
  ({
    exchange: instrument.exchange,
    tradingsymbol: instrument.tradingsymbol,
    transaction_type: "BUY",
    quantity: instrument.lotSize,
    product: "NRML",
    order_type: "LIMIT",
    ...change
  }) as never

describe("orders at the simulator, by Kite's own client", () => {
  it.scopedLive("are placed, rest, are modified, trade and are listed in the recorded shapes", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite: client } = yield* login(simulator.url)
      const { ask, bid, instrument, tick } = future(simulator)
      const placed = yield* call(() => client.placeOrder("regular", params(instrument, { price: bid - tick, tag: "abc123" })))
      expect(placed.order_id).toMatch(/^\d{15}$/)
      expect((yield* all(client))[0]).toMatchObject({
        status: "OPEN",
        tag: "abc123",
        filled_quantity: 0,
        pending_quantity: instrument.lotSize
      })

      yield* call(() => client.modifyOrder("regular", placed.order_id, { price: ask + 100 * tick } as never))
      const [order] = yield* all(client)
      expect(order).toMatchObject({ status: "COMPLETE", modified: true, filled_quantity: instrument.lotSize, pending_quantity: 0 })
      const trades = (yield* call(() => client.getOrderTrades(placed.order_id))) as unknown as ReadonlyArray<Record<string, number>>
      expect(trades.reduce((sum, it) => sum + (it["quantity"] ?? 0), 0)).toBe(instrument.lotSize)
      expect(trades[0]?.["average_price"]).toBe(ask)
      expect(yield* call(() => client.getTrades())).toEqual(trades)
      const history = (yield* call(() => client.getOrderHistory(placed.order_id))) as unknown as ReadonlyArray<Record<string, unknown>>
      expect(history.map(({ status }) => status)).toEqual([
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "OPEN",
        "MODIFY VALIDATION PENDING",
        "MODIFY PENDING",
        "MODIFIED",
        "COMPLETE"
      ])
    })
  )

  it.scopedLive("orders, trades, history and messages have the keys of Kite's recorded answers", (context) =>
    Effect.gen(function* () {
      const recorded = ["orders.json", "order_trades.json", "order_info.json", "postback.json"].map((file) => [file, keysOf(file)] as const)
      const missing = recorded.find(([, keys]) => keys === undefined)
      if (missing !== undefined) return context.skip(`no recorded answers in ${whereRecorded}`)
      const simulator = yield* start()
      const { accessToken, kite: client } = yield* login(simulator.url)
      const socket = yield* connect(simulator.wsUrl, `/?api_key=${first.apiKey}&access_token=${accessToken}`).pipe(Effect.orDie)
      const { ask, instrument } = future(simulator)
      const { order_id } = yield* call(() => client.placeOrder("regular", params(instrument, { price: ask })))
      const messages = () => socket.texts.filter(({ type }) => type === "order")
      yield* until("an order message", () => messages().length > 0)
      const answers: ReadonlyArray<unknown> = [
        (yield* all(client))[0],
        (yield* call(() => client.getOrderTrades(order_id)))[0],
        (yield* call(() => client.getOrderHistory(order_id)))[0],
        messages()[0]?.data
      ]
      for (const [at, [file, keys]] of recorded.entries()) expect(Object.keys(answers[at] ?? {}).sort(), file).toEqual(keys)
    })
  )

  it.scopedLive("a cancelled order is CANCELLED, and neither it nor another account's order can be changed", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite: client } = yield* login(simulator.url)
      const { kite: other } = yield* login(simulator.url, second)
      const { bid, instrument } = future(simulator)
      const { order_id } = yield* call(() => client.placeOrder("regular", params(instrument, { price: bid })))
      expect(yield* Effect.flip(call(() => other.cancelOrder("regular", order_id)))).toMatchObject({ error_type: "OrderException" })
      expect(yield* all(other)).toEqual([])
      yield* call(() => client.cancelOrder("regular", order_id))
      expect((yield* all(client))[0]).toMatchObject({ status: "CANCELLED", cancelled_quantity: instrument.lotSize })
      expect(yield* Effect.flip(call(() => client.cancelOrder("regular", order_id)))).toMatchObject({ error_type: "OrderException" })
      expect(yield* Effect.flip(call(() => client.modifyOrder("regular", order_id, { price: bid } as never)))).toMatchObject({
        error_type: "OrderException"
      })
    })
  )

  it.scopedLive("a bad form is refused, and a price beyond the circuit limits is rejected after it was accepted", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite: client } = yield* login(simulator.url)
      const { ask, instrument, tick } = future(simulator)
      const bad: ReadonlyArray<readonly [object, RegExp]> = [
        [{ price: Number((ask + tick / 2).toFixed(2)) }, /Tick size/],
        [{ price: 0 }, /price/],
        [{ quantity: instrument.lotSize + 1, price: ask }, /lot size/],
        [{ quantity: 0, price: ask }, /quantity/],
        [{ quantity: instrument.lotSize * 1_000, price: ask }, /freeze/],
        [{ tradingsymbol: "NOSUCH", price: ask }, /tradingsymbol/],
        [{ order_type: "MARKET" }, /market protection/],
        [{ order_type: "MARKET", market_protection: -2 }, /market_protection/],
        [{ price: ask, product: "XYZ" }, /product/],
        [{ price: ask, tag: "a@b" }, /tag/],
        [{ price: ask, autoslice: true }, /slice/]
      ]
      for (const [change, message] of bad) {
        const refused = yield* Effect.flip(call(() => client.placeOrder("regular", params(instrument, change))))
        expect(refused, JSON.stringify(change)).toMatchObject({ error_type: "InputException", message: expect.stringMatching(message) })
      }
      expect(yield* Effect.flip(call(() => client.placeOrder("co", params(instrument, { price: ask }))))).toMatchObject({ status: "error" })
      expect(yield* all(client)).toEqual([])
      const far = Math.round((ask * 1.2) / tick) * tick
      yield* call(() => client.placeOrder("regular", params(instrument, { price: Number(far.toFixed(2)) })))
      expect((yield* all(client))[0]).toMatchObject({ status: "REJECTED", status_message: expect.stringMatching(/execution range/) })
      yield* call(() => client.placeOrder("regular", params(instrument, { order_type: "MARKET", market_protection: -1 })))
      expect((yield* all(client))[1]).toMatchObject({ status: "COMPLETE", average_price: ask })
    })
  )

  it.scopedLive("every change reaches the account's sockets, with a checksum that its secret proves", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { accessToken, kite: client } = yield* login(simulator.url)
      const socket = yield* connect(simulator.wsUrl, `/?api_key=${first.apiKey}&access_token=${accessToken}`).pipe(Effect.orDie)
      const { bid, instrument } = future(simulator)
      const { order_id } = yield* call(() => client.placeOrder("regular", params(instrument, { price: bid })))
      yield* call(() => client.cancelOrder("regular", order_id))
      const updates = () => socket.texts.flatMap(({ data, type }) => (type === "order" ? [data as Record<string, unknown>] : []))
      yield* until("two order messages", () => updates().length === 2)
      expect(updates().map(({ status }) => status)).toEqual(["OPEN", "CANCELLED"])
      for (const { checksum, order_id: id, order_timestamp } of updates())
        expect(checksum).toBe(createHash("sha256").update(`${id}${order_timestamp}${first.apiSecret}`).digest("hex"))
    })
  )

  it.scopedLive("faults lose the answer, the request or both, and the order book tells them apart", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite: client } = yield* login(simulator.url)
      const { bid, instrument } = future(simulator)
      const place = (tag: string) => call(() => client.placeOrder("regular", params(instrument, { price: bid, tag })))
      const tags = () => Effect.map(all(client), (orders) => orders.map(({ tag }) => tag))
      simulator.faults.add(
        { kind: "drop_reply" },
        { kind: "lose" },
        { kind: "gateway_timeout", isCarriedOut: true },
        { kind: "gateway_timeout", isCarriedOut: false },
        { kind: "too_many" }
      )
      for (const tag of ["dropped", "lost", "late504", "never504", "busy"]) yield* Effect.flip(place(tag))
      expect(yield* tags()).toEqual(["dropped", "late504"])
      simulator.faults.add({ kind: "late", afterMs: 50 })
      yield* Effect.flip(place("late"))
      let shown: ReadonlyArray<unknown> = []
      while (shown.length < 3) shown = yield* tags()
      expect(shown).toEqual(["dropped", "late504", "late"])
    })
  )

  it.scopedLive("the order book shows an order after its lag", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ orderBookLagMs: 300_000 })
      const { kite: client } = yield* login(simulator.url)
      const { bid, instrument } = future(simulator)
      const { order_id } = yield* call(() => client.placeOrder("regular", params(instrument, { price: bid })))
      expect(yield* all(client)).toEqual([])
      expect(yield* call(() => client.getOrderHistory(order_id))).not.toEqual([])
    })
  )
})

describe("the order desk", () => {
  it("matches working orders with each new packet of their instrument, in parts", () => {
    const instrument = anInstrument(0x10002, { instrumentType: "CE", tradingsymbol: "OPTION", lotSize: 75 })
    const market = stillMarket("synthetic", [instrument], () => startMs)
    const level = (price: number, quantity: number) => ({ price, quantity, orders: 1 })
    const packet = (lastPrice: number, quantity: number) =>
      Packets.setRow(market.columns, 0, Frame.Kind.full, {
        token: instrument.token,
        lastPrice,
        close: 10_000,
        asks: [level(lastPrice + 10, quantity)]
      })
    const statuses: Array<unknown> = []
    const fills: Array<unknown> = []
    const desk = new OrderDesk({
      market,
      nowMs: () => 0,
      lagMs: 0,
      phases: Phases.endless,
      onFill: ({ price, quantity }) => fills.push([price, quantity]),
      publish: ({ message }) => statuses.push("status" in message && message.status)
    })
    const form = (change: object) =>
      new URLSearchParams({
        exchange: "NFO",
        tradingsymbol: "OPTION",
        transaction_type: "BUY",
        quantity: "150",
        product: "NRML",
        ...change
      })
    packet(10_000, 75)
    desk.place(first, form({ order_type: "LIMIT", price: "100.10" }))
    desk.place(first, form({ order_type: "SL", price: "103", trigger_price: "102" }))
    expect(statuses).toEqual(["OPEN", "TRIGGER PENDING"])
    const rows = Uint32Array.of(0)
    packet(10_100, 75)
    desk.onRows(rows, 1)
    expect(statuses).toHaveLength(2)
    packet(10_200, 300)
    desk.onRows(rows, 1)
    packet(10_000, 300)
    desk.onRows(rows, 1)
    expect(statuses).toEqual(["OPEN", "TRIGGER PENDING", "COMPLETE", "COMPLETE"])
    expect(desk.orders(first)).toMatchObject([
      { status: "COMPLETE", filled_quantity: 150, average_price: 100.1 },
      { status: "COMPLETE", filled_quantity: 150, average_price: 102.1 }
    ])
    expect(desk.trades(first)).toMatchObject([{ quantity: 75 }, { quantity: 75 }, { quantity: 150 }])
    expect(fills).toEqual([
      [10_010, 75],
      [10_210, 150],
      [10_010, 75]
    ])
  })
})
