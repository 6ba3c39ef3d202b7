import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import { OrderDesk } from "../../../src/simulator/orders/OrderDesk.ts"
import type { Variety } from "../../../src/simulator/orders/OrderForm.ts"
import * as Phases from "../../../src/simulator/orders/Phases.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { recordedAnswer, whereRecorded } from "../RecordedShape.ts"
import { first } from "../SimulatorWorld.ts"
import { stillMarket } from "../StillMarket.ts"

const instrument = anInstrument(0x10002, { instrumentType: "CE", tradingsymbol: "OPTION", lotSize: 75 })

/** A desk whose only instrument has the prices that `packet` gives it. */
const world = () => {
  const market = stillMarket("synthetic", [instrument], () => Date.parse("2026-11-23T04:00:00Z"))
  const fills: Array<readonly [string, number, number]> = []
  const desk = new OrderDesk({
    market,
    nowMs: () => 0,
    lagMs: 0,
    phases: Phases.endless,
    onFill: ({ price, quantity, side }) => fills.push([side, price, quantity]),
    publish: () => {}
  })
  const level = (price: number, quantity: number) => [{ price, quantity, orders: 1 }]
  const packet = (lastPrice: number, quantity: number) => {
    const fields = {
      token: instrument.token,
      lastPrice,
      close: 10_000,
      asks: level(lastPrice, quantity),
      bids: level(lastPrice - 5, quantity)
    }
    Packets.setRow(market.columns, 0, Frame.Kind.full, fields)
    desk.onRows(Uint32Array.of(0), 1)
  }
  const place = (variety: Variety, change: object) =>
    desk.place(
      first,
      new URLSearchParams({
        exchange: "NFO",
        tradingsymbol: "OPTION",
        transaction_type: "BUY",
        quantity: "200",
        product: "NRML",
        order_type: "LIMIT",
        price: "100",
        tag: "abc",
        ...change
      }),
      variety
    )
  const rows = () => desk.orders(first) as ReadonlyArray<Record<string, unknown>>
  const states = () => rows().map(({ quantity, status }) => [status, quantity])
  packet(11_000, 75)
  return { desk, fills, packet, place, rows, states }
}
const iceberg = { quantity: "375", iceberg_legs: "3", iceberg_quantity: "150" }
const refusalOf = (placed: ReturnType<ReturnType<typeof world>["place"]>) =>
  Either.match(placed, { onLeft: ({ message }) => message, onRight: String })

describe("an iceberg order at the simulator", () => {
  it("shows the exchange one leg after the other, each an order with the same tag", () => {
    const { fills, packet, place, rows, states } = world()
    assert.isTrue(Either.isRight(place("iceberg", iceberg)))
    assert.deepStrictEqual(states(), [["OPEN", 150]])
    packet(10_000, 75)
    assert.deepStrictEqual(states(), [["OPEN", 150]], "half of the first leg")
    packet(10_000, 75)
    assert.deepStrictEqual(states().slice(0, 1), [["COMPLETE", 150]])
    packet(10_000, 1_000)
    assert.deepStrictEqual(states(), [
      ["COMPLETE", 150],
      ["COMPLETE", 150],
      ["COMPLETE", 75]
    ])
    assert.strictEqual(
      fills.reduce((sum, [, , quantity]) => sum + quantity, 0),
      375
    )
    const meta = (leg: number, remaining_quantity: number) => ({
      iceberg: { leg, legs: 3, leg_quantity: 150, total_quantity: 375, remaining_quantity }
    })
    assert.deepStrictEqual(
      rows().map((row) => [row["tag"], row["parent_order_id"], row["meta"]]),
      [
        ["abc", null, meta(1, 225)],
        ["abc", null, meta(2, 75)],
        ["abc", null, meta(3, 0)]
      ]
    )
  })

  it("places no further leg once one is cancelled", () => {
    const { desk, place, packet, states } = world()
    const id = Either.getOrThrow(place("iceberg", iceberg))
    assert.isTrue(Either.isRight(desk.cancel(first, id)))
    packet(10_000, 1_000)
    assert.deepStrictEqual(states(), [["CANCELLED", 150]])
  })

  it("is refused with legs that are not the whole, not whole lots, or too many or too few", () => {
    const { place, rows } = world()
    const refused = (change: object) => refusalOf(place("iceberg", { ...iceberg, ...change }))
    for (const iceberg_legs of ["1", "51", "2.5", ""])
      assert.strictEqual(refused({ iceberg_legs }), "Invalid `iceberg_legs`.", iceberg_legs)
    for (const iceberg_quantity of ["75", "100", "0", "375"])
      assert.strictEqual(refused({ iceberg_quantity }), "Invalid `iceberg_quantity`.", iceberg_quantity)
    assert.strictEqual(refused({ validity: "IOC" }), "Invalid `validity`.")
    assert.strictEqual(refused({ order_type: "SL", trigger_price: "99" }), "Invalid `order_type`.")
    assert.deepStrictEqual(rows(), [])
  })

  it("has the keys of Kite's recorded iceberg order", (context) => {
    const recorded = recordedAnswer("orders.json")?.data as ReadonlyArray<Record<string, unknown>> | undefined
    const one = recorded?.find(({ variety }) => variety === "iceberg")
    if (one === undefined) return context.skip(`no recorded answers in ${whereRecorded}`)
    const { place, rows } = world()
    place("iceberg", { ...iceberg, validity: "TTL", validity_ttl: "2" })
    const [row] = rows()
    assert.deepStrictEqual(Object.keys(row ?? {}).sort(), Object.keys(one).sort())
    const legs = [row?.["meta"], one["meta"]].map((meta) => Object.keys((meta as { iceberg: object }).iceberg))
    assert.deepStrictEqual(legs[0], legs[1])
  })
})

describe("a cover order at the simulator", () => {
  const cover = { quantity: "150", trigger_price: "95" }

  it("places its stop when its entry has filled, and the stop closes the position at its trigger price", () => {
    const { fills, packet, place, rows, states } = world()
    const entry = Either.getOrThrow(place("co", cover))
    assert.deepStrictEqual(states(), [["OPEN", 150]])
    packet(10_000, 500)
    assert.deepStrictEqual(states(), [
      ["COMPLETE", 150],
      ["TRIGGER PENDING", 150]
    ])
    const stop = { parent_order_id: entry, transaction_type: "SELL", order_type: "SL-M", trigger_price: 95, variety: "co", tag: "abc" }
    assert.deepInclude(rows()[1], stop)
    packet(9_400, 500)
    assert.deepStrictEqual(states()[1], ["COMPLETE", 150])
    assert.deepStrictEqual(fills, [
      ["BUY", 10_000, 150],
      ["SELL", 9_395, 150]
    ])
  })

  it("accepts another trigger price, and closes the position at the market when its stop is cancelled", () => {
    const { desk, fills, packet, place, rows, states } = world()
    const entry = Either.getOrThrow(place("co", cover))
    assert.isTrue(Either.isRight(desk.modify(first, entry, new URLSearchParams({ trigger_price: "96" }))))
    packet(10_000, 500)
    assert.deepInclude(rows()[1], { trigger_price: 96, status: "TRIGGER PENDING" })
    const stop = String(rows()[1]?.["order_id"])
    assert.isTrue(Either.isRight(desk.modify(first, stop, new URLSearchParams({ trigger_price: "97" }))))
    assert.deepInclude(rows()[1], { trigger_price: 97, status: "TRIGGER PENDING" })
    assert.isTrue(Either.isRight(desk.cancel(first, stop)))
    assert.deepStrictEqual(states()[1], ["COMPLETE", 150])
    assert.deepStrictEqual(fills[1], ["SELL", 9_995, 150])
  })

  it("has no stop without a fill, and a stop for what was filled before its entry was cancelled", () => {
    const { desk, packet, place, states } = world()
    const unfilled = Either.getOrThrow(place("co", cover))
    desk.cancel(first, unfilled)
    assert.deepStrictEqual(states(), [["CANCELLED", 150]])
    const half = Either.getOrThrow(place("co", cover))
    packet(10_000, 75)
    desk.cancel(first, half)
    assert.deepStrictEqual(states().slice(1), [
      ["CANCELLED", 150],
      ["TRIGGER PENDING", 75]
    ])
    assert.strictEqual(refusalOf(place("co", { ...cover, trigger_price: "" })), "Invalid `trigger_price`.")
  })
})
