import { describe, expect, it } from "@effect/vitest"
import * as Position from "../../../src/domain/accounts/Position.ts"
import { recordedAnswer, whereRecorded } from "../../simulator/RecordedShape.ts"

type Row = Readonly<Record<string, number>>

/** The trades that lead to a recorded row, in paise. */
const positionOf = (row: Row, multiplier: number): Position.Position => {
  const of = (name: string) => row[name] ?? 0
  const value = (name: string) => Math.round((of(name) / multiplier) * 100)
  const overnightQuantity = of("overnight_quantity")
  return {
    overnightQuantity,
    overnightValue: overnightQuantity > 0 ? value("buy_value") - value("day_buy_value") : value("sell_value") - value("day_sell_value"),
    dayBuyQuantity: of("day_buy_quantity"),
    dayBuyValue: value("day_buy_value"),
    daySellQuantity: of("day_sell_quantity"),
    daySellValue: value("day_sell_value")
  }
}

describe("a position", () => {
  it("has the figures of Kite's recorded positions, net and of the day", (context) => {
    const recorded = recordedAnswer("positions.json")
    if (recorded === undefined) return context.skip(`no recorded answers in ${whereRecorded}`)
    const { day, net } = recorded.data as Readonly<Record<"net" | "day", ReadonlyArray<Row>>>
    expect([net.length, day.length]).toEqual([3, 3])
    for (const row of [...net, ...day]) {
      const multiplier = row["multiplier"] ?? 1
      const units = (name: string) => Math.round((row[name] ?? 0) * 100)
      const marks = { last: units("last_price"), close: units("close_price"), multiplier, scale: 100 }
      const figures = Object.entries(Position.figures(positionOf(row, multiplier), marks))
      expect(row).toMatchObject(Object.fromEntries(figures.map(([name, value]) => [name, Number(value)])))
    }
  })

  const bought = Position.trade(Position.none, { side: "BUY", quantity: 100, value: 100 * 1_000 })

  it("carries what is open at the average price of its side", () => {
    const more = Position.trade(bought, { side: "BUY", quantity: 100, value: 100 * 1_100 })
    const less = Position.trade(more, { side: "SELL", quantity: 150, value: 150 * 1_200 })
    expect(Position.carry(less)).toEqual({ ...Position.none, overnightQuantity: 50, overnightValue: 50 * 1_050 })
    const short = Position.trade(Position.carry(less), { side: "SELL", quantity: 80, value: 80 * 1_010 })
    expect(Position.carry(short)).toEqual({ ...Position.none, overnightQuantity: -30, overnightValue: 30 * 1_010 })
    expect(Position.carry(Position.carry(short))).toEqual(Position.carry(short))
  })

  it("converts what is open of its day or of the night, at its average price", () => {
    const day: Position.Conversion = { side: "BUY", when: "day", quantity: 40 }
    expect(Position.convertible(bought, day)).toBe(100)
    expect(Position.convertible(bought, { ...day, side: "SELL" })).toBe(0)
    expect(Position.convertible(bought, { ...day, when: "overnight" })).toBe(0)
    const [left, moved] = Position.convert(bought, Position.none, day)
    expect([Position.net(left), Position.net(moved)]).toEqual([60, 40])
    expect([left.dayBuyValue, moved.dayBuyValue]).toEqual([60_000, 40_000])
    const carried = Position.carry(Position.trade(Position.none, { side: "SELL", quantity: 10, value: 5_000 }))
    const night: Position.Conversion = { side: "SELL", when: "overnight", quantity: 10 }
    expect(Position.convertible(carried, night)).toBe(10)
    expect(Position.convert(carried, Position.none, night)).toEqual([Position.none, carried])
  })
})
