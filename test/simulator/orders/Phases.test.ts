import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import { OrderDesk } from "../../../src/simulator/orders/OrderDesk.ts"
import * as Phases from "../../../src/simulator/orders/Phases.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { first } from "../SimulatorWorld.ts"
import { stillMarket } from "../StillMarket.ts"

const option = anInstrument(0x10002, { instrumentType: "CE", tradingsymbol: "OPTION", lotSize: 75 })
const share = anInstrument(0x20001, { instrumentType: "EQ", exchange: "NSE", tradingsymbol: "SHARE", name: "SHARE", lotSize: 1 })
const metal = anInstrument(0x30007, { instrumentType: "FUT", exchange: "MCX", tradingsymbol: "GOLD26DECFUT", name: "GOLD", lotSize: 1 })
const instruments = [option, share, metal]

/** A desk whose Indian time and prices the test decides. */
const world = (phases?: Phases.Phases) => {
  let timeMs = 0
  const market = stillMarket("days", instruments, () => timeMs)
  const reports: Array<string> = []
  const desk = new OrderDesk({
    market,
    nowMs: () => 0,
    lagMs: 0,
    publish: ({ message }) => reports.push("status" in message ? String(message.status) : ""),
    onFill: () => {},
    phases: phases ?? Phases.make(market)
  })
  const level = { price: 10_010, quantity: 100_000, orders: 1 }
  for (const [row, { token }] of instruments.entries())
    Packets.setRow(market.columns, row, Frame.Kind.full, { token, lastPrice: 10_000, close: 10_000, asks: [level] })
  return {
    desk,
    reports,
    at: (day: string, time: string) => {
      timeMs = Date.parse(`${day}T${time}+05:30`)
    },
    packet: () => desk.onRows(Uint32Array.from(instruments.keys()), instruments.length),
    book: () => desk.orders(first) as ReadonlyArray<Readonly<Record<string, unknown>>>,
    place: (variety: "regular" | "amo", change: object = {}) => {
      const terms = { exchange: "NFO", tradingsymbol: "OPTION", transaction_type: "BUY", quantity: "75", product: "NRML" }
      return desk.place(first, new URLSearchParams({ ...terms, order_type: "LIMIT", price: "100.10", ...change }), variety)
    }
  }
}

/** Three trading days of the rulebook. */
const [monday, tuesday] = ["2026-11-23", "2026-11-25"]
const onShare = { exchange: "NSE", tradingsymbol: "SHARE", quantity: "1", product: "CNC" }

describe("orders in the phases of a session", () => {
  it("a regular order is rejected while its exchange is closed, and trades while it is open", () => {
    const { at, book, place } = world()
    at(monday, "08:00:00")
    place("regular")
    at(monday, "10:00:00")
    place("regular")
    at(monday, "22:00:00")
    place("regular")
    place("regular", { exchange: "MCX", tradingsymbol: "GOLD26DECFUT", quantity: "1" })
    expect(book().map(({ status }) => status)).toEqual(["REJECTED", "COMPLETE", "REJECTED", "COMPLETE"])
    expect(book()[0]).toMatchObject({ status_message: "Markets are closed right now.", exchange_order_id: null })
  })

  it("an after-market order waits until the next opening, and is refused while the market is open", () => {
    const { at, book, packet, place, reports } = world()
    at(monday, "10:00:00")
    expect(place("amo")).toMatchObject(Either.left({ message: "After market orders are taken while the market is closed." }))
    at(monday, "20:00:00")
    Either.getOrThrow(place("amo"))
    packet()
    expect(book()).toMatchObject([{ status: "AMO REQ RECEIVED", variety: "amo", filled_quantity: 0 }])
    at(tuesday, "10:00:00")
    packet()
    expect(book()).toMatchObject([{ status: "COMPLETE", variety: "amo" }])
    expect(reports).toEqual(["AMO REQ RECEIVED", "COMPLETE"])
  })

  it("a market without days takes an after-market order at any time, and matches it at once", () => {
    const { at, book, place } = world(Phases.endless)
    at("2026-11-22", "03:00:00")
    place("amo")
    expect(book()).toMatchObject([{ status: "COMPLETE", variety: "amo" }])
  })

  it("the pre-open collects limit and market orders, and they trade when trading begins", () => {
    const { at, book, packet, place } = world()
    at(monday, "09:02:00")
    place("regular", { ...onShare, price: "100.10" })
    place("regular", { ...onShare, price: "100.10", validity: "IOC" })
    place("regular", { ...onShare, price: "101", trigger_price: "100.50", order_type: "SL" })
    packet()
    expect(book().map(({ status }) => status)).toEqual(["OPEN", "REJECTED", "REJECTED"])
    at(monday, "09:20:00")
    packet()
    expect(book()[0]).toMatchObject({ status: "COMPLETE", average_price: 100.1 })
  })

  it("orders that are open at the close end, and the next day begins with an empty book", () => {
    const { at, book, desk, packet, place, reports } = world()
    at(monday, "15:00:00")
    place("regular", { price: "99" })
    at(monday, "16:30:00")
    expect(book()).toMatchObject([{ status: "CANCELLED", cancelled_quantity: 75 }])
    at(tuesday, "10:00:00")
    packet()
    expect(book()).toEqual([])
    expect(desk.truth()).toHaveLength(1)
    place("regular", { price: "99" })
    at("2026-11-26", "10:00:00")
    packet()
    expect([book(), reports]).toEqual([[], ["OPEN", "CANCELLED", "OPEN", "CANCELLED"]])
  })
})

describe("validity of orders", () => {
  it("a TTL order ends after its minutes, and an IOC order at once with its fills", () => {
    const { at, book, packet, place } = world()
    at(monday, "10:00:00")
    place("regular", { price: "99", validity: "TTL", validity_ttl: "2" })
    place("regular", { price: "100.10", quantity: "150", validity: "IOC" })
    place("regular", { price: "99", validity: "IOC" })
    expect(book().map(({ status, validity }) => [status, validity])).toEqual([
      ["OPEN", "TTL"],
      ["COMPLETE", "IOC"],
      ["CANCELLED", "IOC"]
    ])
    at(monday, "10:01:59")
    packet()
    expect(book()[0]).toMatchObject({ status: "OPEN" })
    at(monday, "10:02:00")
    packet()
    expect(book()[0]).toMatchObject({ status: "CANCELLED" })
  })

  it("refuses a TTL without minutes, and IOC on the commodity exchange", () => {
    const { at, place } = world()
    at(monday, "10:00:00")
    for (const [change, message] of [
      [{ validity: "TTL" }, /validity_ttl/],
      [{ validity: "TTL", validity_ttl: "0" }, /validity_ttl/],
      [{ validity: "IOC", exchange: "MCX", tradingsymbol: "GOLD26DECFUT", quantity: "1" }, /IOC/]
    ] as const)
      expect(place("regular", change)).toMatchObject(Either.left({ message: expect.stringMatching(message) }))
  })

  it("an order is modified 25 times at most", () => {
    const { at, desk, place } = world()
    at(monday, "10:00:00")
    const id = Either.getOrThrow(place("regular", { price: "99" }))
    const modify = (price: string) => desk.modify(first, id, new URLSearchParams({ price }))
    for (let at = 0; at < 25; at++) Either.getOrThrow(modify(at % 2 === 0 ? "98" : "99"))
    expect(modify("97")).toMatchObject(Either.left({ message: "Maximum allowed order modifications exceeded." }))
  })
})
