import { assert, describe, it } from "@effect/vitest"
import * as Money from "../../../src/domain/Money.ts"
import * as Gate from "../../../src/domain/orders/Gate.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { anInstrument } from "../market/AnInstrument.ts"

const money = (text: string) => new Money.Decimal(text)
const option = anInstrument(0x10002, { instrumentType: "CE", lotSize: 65, strike: 2_450_000, expiry: "2026-08-25" })
const share = anInstrument(408065, { exchange: "NSE", segment: "NSE", name: "INFY", tradingsymbol: "INFY", lotSize: 1 })
const future = anInstrument(0x10407, { exchange: "MCX", segment: "MCX-FUT", name: "NATURALGAS", instrumentType: "FUT", lotSize: 1 })
/** A time of India on a trading Tuesday in the newest rules. */
const at = (time: string, day = "2026-08-18") => Date.parse(`${day}T${time}:00+05:30`)

const order: Gate.Order = {
  variety: "regular",
  side: "BUY",
  quantity: 65,
  product: "NRML",
  orderType: "LIMIT",
  price: money("100.05"),
  triggerPrice: null,
  validity: "DAY",
  marketProtection: null
}
const market: Partial<Gate.Order> = { orderType: "MARKET", price: null, marketProtection: money("-1") }
const situation: Gate.Situation = {
  rules: shipped,
  atMs: at("11:00"),
  instrument: option,
  hasDerivatives: true,
  lastPrice: money("100"),
  limits: Gate.unlimited,
  killed: null,
  lossStop: null,
  dayProfit: null,
  exposure: null,
  otherLots: null,
  sameTermsAtMs: null,
  sent: { second: 0, minute: 0, day: 0 }
}
const limited = (limits: Partial<Gate.Limits>): Partial<Gate.Situation> => ({ limits: { ...Gate.unlimited, ...limits } })

const rules = (change: Partial<Gate.Order>, now: Partial<Gate.Situation> = {}) =>
  Gate.refusals({ ...order, ...change }, { ...situation, ...now }).map(({ rule }) => rule)
const messages = (change: Partial<Gate.Order>, now: Partial<Gate.Situation> = {}) =>
  Gate.refusals({ ...order, ...change }, { ...situation, ...now }).map(({ message }) => message)

describe("the gate", () => {
  it("lets a plain order through, and reports every rule that another breaks", () => {
    assert.deepStrictEqual(Gate.refusals(order, situation), [])
    assert.deepStrictEqual(rules({ quantity: 66, price: money("100.03") }, { killed: "by the owner" }), [
      "kill_switch",
      "lot_size",
      "tick_size"
    ])
    assert.deepStrictEqual(messages({}, { killed: "by the owner" }), ["orders are stopped: by the owner"])
  })

  it("trading_hours follows the dated phases of the segment", () => {
    const hours = (time: string, change: Partial<Gate.Order> = {}, instrument = option, day?: string) =>
      rules(change, { atMs: at(time, day), instrument })
    assert.deepStrictEqual([hours("09:14"), hours("09:15"), hours("15:39"), hours("15:40")], [["trading_hours"], [], [], ["trading_hours"]])
    // Before 2026-08-03 derivatives closed ten minutes earlier.
    assert.deepStrictEqual(hours("15:30", {}, option, "2026-07-28"), ["trading_hours"])
    assert.deepStrictEqual(hours("11:00", {}, option, "2026-08-16"), ["trading_hours"])
    const cash = { product: "CNC" } as const
    assert.deepStrictEqual(hours("09:05", cash, share), [])
    assert.deepStrictEqual(hours("09:10", cash, share), ["trading_hours"])
    // The closing auction collects market orders until 15:25, then limit orders only, and never a stop or an IOC order.
    assert.deepStrictEqual(
      [hours("15:22", { ...cash, ...market }, share), hours("15:26", { ...cash, ...market }, share)],
      [[], ["trading_hours"]]
    )
    assert.deepStrictEqual(hours("15:26", cash, share), [])
    assert.deepStrictEqual(hours("15:22", { ...cash, orderType: "SL", triggerPrice: money("99") }, share), ["trading_hours"])
    assert.deepStrictEqual(hours("15:22", { ...cash, ...market, orderType: "SL-M", triggerPrice: money("99") }, share), ["trading_hours"])
    assert.deepStrictEqual(hours("15:22", { ...cash, validity: "IOC" }, share), ["trading_hours"])
    assert.deepStrictEqual(hours("20:00", { variety: "amo" }), [])
    assert.match(messages({}, { instrument: { ...option, exchange: "XYZ" } })[0] ?? "", /does not know the hours of XYZ/)
    assert.match(messages({}, { atMs: at("11:00", "2031-08-19") })[0] ?? "", /is unknown/)
  })

  it("BE-DAT-03 an order is a positive multiple of the day's lot, and its prices of the day's tick", () => {
    assert.deepStrictEqual(
      [130, 0, 75, -65].map((quantity) => rules({ quantity })),
      [[], ["lot_size"], ["lot_size"], ["lot_size"]]
    )
    assert.include(rules({ quantity: 1 }, { instrument: { ...option, lotSize: 0 } }), "lot_size", "an index has no lot")
    assert.deepStrictEqual(rules({ orderType: "SL", triggerPrice: money("99.99") }), ["tick_size"])
    assert.deepStrictEqual(rules({ orderType: "SL", triggerPrice: money("99.95") }), [])
  })

  it("freeze_quantity refuses only if the quantity is certain; slices obey it and the lot", () => {
    assert.deepStrictEqual([rules({ quantity: 1_755 }), rules({ quantity: 1_820 })], [[], ["freeze_quantity"]])
    // The rulebook's newest value is of August: it is uncertain in September.
    const september: Gate.Situation = { ...situation, atMs: at("11:00", "2026-09-08") }
    assert.deepStrictEqual(Gate.refusals({ ...order, quantity: 1_820 }, september), [])
    assert.deepStrictEqual(Gate.slices(september, 1_820), [1_755, 65])
    assert.deepStrictEqual(Gate.slices(situation, 1_755), [1_755])
    assert.deepStrictEqual(Gate.slices(situation, 3_510), [1_755, 1_755])
    assert.lengthOf(Gate.slices(situation, 17_550) ?? [], 10)
    assert.isNull(Gate.slices(situation, 17_615))
    assert.isNull(Gate.slices({ ...situation, instrument: { ...option, lotSize: 2_000 } }, 4_000))
    assert.deepStrictEqual(Gate.slices({ ...situation, instrument: share }, 1_000_000), [1_000_000])
  })

  it("a position is closed by orders below the freeze quantity, as many as one round may have", () => {
    assert.deepStrictEqual(Gate.closingParts(situation, 65), [65])
    assert.deepStrictEqual(Gate.closingParts(situation, 3_510), [1_755, 1_755])
    assert.deepStrictEqual(Gate.closingParts(situation, 3_575), [1_755, 1_755, 65])
    assert.deepStrictEqual(new Set(Gate.closingParts(situation, 1_000_000)), new Set([1_755]))
    assert.lengthOf(Gate.closingParts(situation, 1_000_000), Gate.closingPartsMax)
    assert.deepStrictEqual(Gate.closingParts({ ...situation, instrument: { ...option, lotSize: 2_000 } }, 4_000), [4_000])
    assert.deepStrictEqual(Gate.closingParts({ ...situation, instrument: share }, 1_000_000), [1_000_000])
  })

  it("position_limit counts the position and the open orders of the side, and lets a position be lowered", () => {
    const lot = option.lotSize
    const holding = (net: number, openBuy = 0, openSell = 0) => ({
      ...limited({ maxPositionLots: 2 }),
      exposure: { net: net * lot, openBuy: openBuy * lot, openSell: openSell * lot }
    })
    const one = (side: Gate.Order["side"], now: Partial<Gate.Situation>) => rules({ side, quantity: lot }, now)
    assert.deepStrictEqual(
      [one("BUY", holding(1)), one("BUY", holding(2)), one("BUY", holding(1, 1))],
      [[], ["position_limit"], ["position_limit"]]
    )
    assert.deepStrictEqual(
      [one("SELL", holding(-1)), one("SELL", holding(-2)), one("SELL", holding(-1, 0, 1))],
      [[], ["position_limit"], ["position_limit"]]
    )
    assert.deepStrictEqual([one("SELL", holding(9)), one("BUY", holding(-9))], [[], []])
    assert.deepStrictEqual(messages({ quantity: lot }, holding(2)), ["the position could exceed its limit, 2 lots"])
    assert.deepStrictEqual(rules({}, limited({ maxPositionLots: 2 })), ["position_limit"])
  })

  it("total_limit counts the lots of all contracts with every open order, long and short alike", () => {
    const lot = option.lotSize
    const holding = (net: number, openBuy: number, openSell: number, otherLots: number | null) => ({
      ...limited({ maxTotalLots: 5 }),
      exposure: { net: net * lot, openBuy: openBuy * lot, openSell: openSell * lot },
      otherLots
    })
    const one = (side: Gate.Order["side"], now: Partial<Gate.Situation>) => rules({ side, quantity: lot }, now)
    assert.deepStrictEqual([one("BUY", holding(0, 0, 0, 4)), one("BUY", holding(0, 0, 0, 5))], [[], ["total_limit"]])
    assert.deepStrictEqual([one("BUY", holding(1, 1, 0, 2)), one("BUY", holding(1, 1, 0, 3))], [[], ["total_limit"]])
    assert.deepStrictEqual([one("SELL", holding(-1, 0, 1, 2)), one("SELL", holding(-1, 0, 1, 3))], [[], ["total_limit"]])
    assert.deepStrictEqual(
      [one("BUY", holding(0, 0, 4, 1)), one("BUY", holding(0, 0, 6, 0))],
      [[], ["total_limit"]],
      "the open sales count"
    )
    assert.deepStrictEqual(one("SELL", holding(2, 0, 1, 90)), [], "an order that only lowers a position passes")
    assert.deepStrictEqual(messages({ quantity: lot }, holding(0, 0, 0, 5)), ["all positions together could exceed their limit, 5 lots"])
    const unknown = "the positions are not known, so they cannot be compared with their limit"
    assert.deepStrictEqual(messages({}, limited({ maxTotalLots: 5 })), [unknown])
    assert.deepStrictEqual(messages({}, holding(0, 0, 0, null)), [unknown])
    assert.deepStrictEqual(rules({ product: "CNC", quantity: 900 }, { ...limited({ maxTotalLots: 1 }), instrument: share }), [])
  })

  it("account_stop lets only orders pass that reduce a position, and so does a loss", () => {
    const lot = option.lotSize
    const stop = { lossStop: "its profit of -1 today has reached the limit of its loss, 1" }
    const loss = { ...limited({ maxDailyLoss: money("1") }), dayProfit: money("-1") }
    const held = { exposure: { net: lot, openBuy: 0, openSell: 0 } }
    for (const [now, rule] of [
      [stop, "account_stop"],
      [loss, "loss_limit"]
    ] as const) {
      assert.deepStrictEqual(rules({ quantity: lot }, now), [rule])
      assert.deepStrictEqual(rules({ quantity: lot }, { ...now, ...held }), [rule])
      assert.deepStrictEqual(rules({ side: "SELL", quantity: lot }, { ...now, ...held }), [])
      assert.deepStrictEqual(rules({ side: "SELL", quantity: 2 * lot }, { ...now, ...held }), [rule])
    }
    assert.deepStrictEqual(messages({}, stop), [`the account is stopped, and its position is not known: ${stop.lossStop}`])
    assert.deepStrictEqual(messages({}, { ...stop, ...held }), [
      `the account is stopped, and only orders that lower a position pass: ${stop.lossStop}`
    ])
  })

  it("price_band and max_value compare with the account's limits, and refuse an order that cannot be compared", () => {
    const band = limited({ priceBandPercent: money("5") })
    assert.deepStrictEqual([rules({ price: money("105") }, band), rules({ price: money("94.95") }, band)], [[], ["price_band"]])
    assert.deepStrictEqual([rules({}, { ...band, lastPrice: null }), rules(market, { ...band, lastPrice: null })], [["price_band"], []])
    assert.deepStrictEqual(rules({ price: null }, band), [])
    const value = limited({ maxOrderValue: money("6503.25") })
    const stop = { ...market, triggerPrice: money("120") }
    assert.deepStrictEqual([rules({ ...stop, orderType: "SL-M" }, value), rules({ ...stop, variety: "co" }, value)], [["max_value"], []])
    assert.deepStrictEqual([rules({}, value), rules({ quantity: 130 }, value)], [[], ["max_value"]])
    assert.deepStrictEqual(rules({ ...market, orderType: "SL-M", triggerPrice: money("101") }, value), ["max_value"])
    assert.deepStrictEqual([rules(market, value), rules(market, { ...value, lastPrice: null })], [[], ["max_value"]])
    // One contract has 1250 units.
    const gas = { ...value, instrument: future }
    assert.deepStrictEqual(
      [rules({ quantity: 1, price: money("5") }, gas), rules({ quantity: 1, price: money("6") }, gas)],
      [[], ["max_value"]]
    )
    assert.match(messages({ quantity: 1 }, { ...gas, instrument: { ...future, name: "UNOBTAINIUM" } }).join(), /multiplier/)
  })

  it("market_protection is needed since 2026-04-01, above zero or -1", () => {
    const protect = (percent: string | null, day?: string) =>
      rules({ ...market, marketProtection: percent === null ? null : money(percent) }, { atMs: at("11:00", day) })
    assert.deepStrictEqual(
      [null, "0", "-2", "101"].map((it) => protect(it)),
      Array.from({ length: 4 }, () => ["market_protection"])
    )
    assert.deepStrictEqual(
      ["-1", "0.5", "100"].map((it) => protect(it)),
      [[], [], []]
    )
    assert.deepStrictEqual([protect(null, "2026-03-30"), protect("-2", "2026-03-30")], [[], ["market_protection"]])
  })

  it("loss_limit and duplicate use the account's own history", () => {
    const loss = (profit: string | null) =>
      rules({}, { ...limited({ maxDailyLoss: money("1000") }), dayProfit: profit === null ? null : money(profit) })
    assert.deepStrictEqual(["-999.95", "-1000", null].map(loss), [[], ["loss_limit"], ["loss_limit"]])
    const again = (agoMs: number | null, windowMs: number | null = 2_000) =>
      rules({}, { ...limited({ duplicateWindowMs: windowMs }), sameTermsAtMs: agoMs === null ? null : situation.atMs - agoMs })
    assert.deepStrictEqual([again(1_999), again(2_000), again(null), again(1, null)], [["duplicate"], [], [], []])
  })

  it("rate_limit keeps the broker's dated budgets and the account's own cap", () => {
    const sent = (second: number, minute: number, day: number, on?: string) =>
      rules({}, { sent: { second, minute, day }, atMs: at("11:00", on) })
    assert.deepStrictEqual(
      [sent(9, 399, 4_999), sent(10, 10, 10), sent(0, 400, 400), sent(0, 0, 5_000)],
      [[], ["rate_limit"], ["rate_limit"], ["rate_limit"]]
    )
    assert.deepStrictEqual(sent(0, 200, 200, "2026-07-13"), ["rate_limit"])
    assert.deepStrictEqual(rules({}, { ...limited({ maxOrdersPerDay: 3 }), sent: { second: 0, minute: 0, day: 3 } }), ["rate_limit"])
    const { documents } = shipped
    const unlimited = { ...shipped, documents: { ...documents, broker: { ...documents.broker, limits: [] } } }
    assert.deepStrictEqual(rules({}, { rules: unlimited, sent: { second: 99, minute: 9_999, day: 99_999 } }), [])
    assert.isNull(Gate.slices({ ...situation, rules: unlimited }, 3_510))
    assert.deepStrictEqual([Gate.mayModify(situation, 24), Gate.mayModify(situation, 25)?.rule], [null, "rate_limit"])
    assert.isNull(Gate.mayModify({ ...situation, rules: unlimited }, 99))
  })
})
