import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { Decimal } from "../../../src/domain/Money.ts"
import * as BrokerLimits from "../../../src/domain/rules/BrokerLimits.ts"
import * as Charges from "../../../src/domain/rules/Charges.ts"
import * as Day from "../../../src/domain/rules/Day.ts"
import * as Quantities from "../../../src/domain/rules/Quantities.ts"
import * as Segments from "../../../src/domain/rules/Segments.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as Ticks from "../../../src/domain/rules/Ticks.ts"

const left = (found: Either.Either<unknown, Error>): string => Either.match(found, { onLeft: ({ message }) => message, onRight: () => "" })

describe("lots and freeze quantities", () => {
  const lot = (symbol: string, expiry: string, on: string) => Quantities.lot(shipped, "NFO", symbol, expiry, on)
  const size = (symbol: string, expiry: string, on: string) => Either.getOrThrow(lot(symbol, expiry, on)).quantity

  it("go by the expiry for weekly and monthly contracts and by the trade date for long-dated ones", () => {
    assert.strictEqual(size("NIFTY", "2025-12-30", "2025-12-01"), 75)
    assert.strictEqual(size("NIFTY", "2026-01-06", "2025-12-29"), 65)
    assert.strictEqual(size("NIFTY", "2026-06-30", "2025-12-30"), 75)
    assert.strictEqual(size("NIFTY", "2026-06-30", "2025-12-31"), 65)
  })

  it("BE-DAY-01 no row is an error", () => {
    assert.match(left(lot("FOO", "2026-08-25", "2026-08-18")), /no lot of the symbol/)
    assert.match(left(lot("INFY", "2027-08-31", "2027-08-18")), /no row fits/)
    assert.match(left(Quantities.freezeQuantity(shipped, "NFO", "NIFTY", "2025-10-15")), /no row covers the day/)
    assert.match(left(Quantities.freezeQuantity(shipped, "NFO", "NIFTY", "2025-07-31")), /no row covers the day/)
    assert.match(left(Quantities.freezeQuantity(shipped, "BFO", "SENSEX", "2026-08-03")), /no freeze quantity of the symbol/)
  })

  it("a freeze quantity is certain in its month, and later it is the last known value", () => {
    const freeze = (on: string) => Either.getOrThrow(Quantities.freezeQuantity(shipped, "NFO", "NIFTY", on))
    assert.deepStrictEqual(freeze("2026-08-31"), { quantity: 1800, confidence: 1 })
    assert.deepStrictEqual(freeze("2026-09-01"), { quantity: 1800, confidence: 0 })
  })
})

describe("ticks", () => {
  const tick = (question: Ticks.Question) => Ticks.tick(shipped.ticks, question)
  const on = "2026-08-18"

  it("of share options follow the share, of FOCIT's future its own row", () => {
    const option = (underlyingTick: string) =>
      Either.getOrThrow(tick({ instrument: "NSE stock options", on, underlyingTick: new Decimal(underlyingTick) })).tick.toString()
    assert.deepStrictEqual([option("0.01"), option("0.1")], ["0.01", "0.05"])
    const future = (underlying: string) => Either.getOrThrow(tick({ instrument: "BSE index futures", on, underlying })).tick.toString()
    assert.deepStrictEqual([future("SENSEX"), future("FOCIT")], ["0.05", "1"])
  })

  it("BE-DAY-01 need the price that fixes the band", () => {
    assert.match(left(tick({ instrument: "NSE cash", on })), /price that fixes the band is missing/)
    assert.match(left(tick({ instrument: "NSE stock options", on })), /tick of the share is missing/)
  })
})

describe("units and multipliers", () => {
  it("BE-DAY-08 every segment has its divisor and an unknown one is refused by its number", () => {
    const divisor = (token: number) => Either.getOrThrow(Segments.divisor(shipped.segments, token))
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 6, 7, 9, 12].map((byte) => divisor(256 * 1_000 + byte)),
      [100, 100, 1e7, 100, 100, 1e4, 100, 100, 1e4]
    )
    assert.strictEqual(3_782_000 / divisor(31_132_428), 378.2)
    assert.strictEqual(84_940_000 / divisor(33_539_084), 8494)
    for (const byte of [0, 8, 10, 11, 13, 255])
      assert.match(left(Segments.divisor(shipped.segments, 256 * 1_000 + byte)), new RegExp(`segment ${byte} `))
  })

  it("BE-DAY-08 one contract of 1250 down 6.70 is -8375; shares and F&O count units", () => {
    const multiplier = (exchange: string, underlying: string) =>
      Segments.multiplier(shipped.segments, exchange, underlying, Day.ofIso("2026-08-18"))
    const of = (exchange: string, underlying: string) => Either.getOrThrow(multiplier(exchange, underlying)).multiplier
    assert.strictEqual(new Decimal("-6.70").times(of("MCX", "NATURALGAS")).toString(), "-8375")
    assert.deepStrictEqual([of("NFO", "NIFTY"), of("BSE", "INFY"), of("MCX", "LEADMINI")], [1, 1, 1000])
    assert.match(left(multiplier("MCX", "UNOBTAINIUM")), /instrument dump/)
  })
})

describe("charges", () => {
  const order: Charges.Order = {
    on: "2026-08-18",
    segment: "equity_options",
    exchange: "NSE",
    underlying: "NIFTY",
    side: "BUY",
    quantity: new Decimal(65),
    price: new Decimal("112.35")
  }
  const of = (change: Partial<Charges.Order>) => Charges.charges(shipped, { ...order, ...change })

  it("add up to the total, with IPFT, stamp duty and GST apart", () => {
    const it = Either.getOrThrow(of({}))
    const parts = [it.brokerage, it.transactionTax, it.exchange, it.ipft, it.sebi, it.stampDuty, it.gst]
    assert.strictEqual(it.total.toString(), parts.reduce((sum, part) => sum.plus(part)).toString())
    assert.strictEqual(it.stampDuty.toString(), "0.2190825")
    assert.strictEqual(it.confidence, 2)
  })

  it("agricultural futures pay no CTT", () => {
    const tax = (underlying: string) =>
      Either.getOrThrow(of({ segment: "commodity_futures", exchange: "MCX", side: "SELL", underlying })).transactionTax.isZero()
    assert.deepStrictEqual([tax("MENTHAOIL"), tax("GOLD")], [true, false])
  })

  it("BE-DAY-01 a date without a row is an error", () => {
    assert.match(left(of({ on: "2019-12-31" })), /brokerage .* on 2019-12-31 is unknown/)
    assert.match(left(of({ exchange: "MCX" })), /exchange charge/)
  })
})

describe("the broker's limits", () => {
  it("have their dates", () => {
    const limit = (on: string) => Either.getOrThrow(BrokerLimits.limit(shipped.documents.broker, "orders_per_minute", on)).value
    assert.deepStrictEqual([limit("2026-07-13"), limit("2026-07-14")], [200, 400])
    const policy = (on: string) => BrokerLimits.policy(shipped.documents.broker, "static_ip_required", on).value
    assert.deepStrictEqual([policy("2026-03-31"), policy("2026-04-01")], [false, true])
    const band = (price: string, on = "2026-08-18") =>
      Either.map(BrokerLimits.protectionPercent(shipped.documents.broker, "options", new Decimal(price), on), ({ value }) =>
        value.toString()
      )
    assert.deepStrictEqual(
      ["9.95", "10", "500", "501"].map((price) => Either.getOrThrow(band(price))),
      ["5", "3", "1", "1"]
    )
    assert.match(left(band("5", "2026-03-31")), /market protection/)
  })
})
