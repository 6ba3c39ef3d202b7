import { assert, describe, it } from "@effect/vitest"
import * as ExchangePhase from "../../../src/domain/orders/ExchangePhase.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { anInstrument } from "../market/AnInstrument.ts"

const option = anInstrument(0x10002, { instrumentType: "CE" })
const share = anInstrument(408065, { exchange: "NSE", segment: "NSE", name: "INFY", tradingsymbol: "INFY", lotSize: 1 })
/** A trading Tuesday. */
const at = (time: string) => Date.parse(`2026-08-18T${time}:00+05:30`)
const names = (instrument: typeof option, times: ReadonlyArray<string>) =>
  times.map((time) => ExchangePhase.at(shipped, instrument, true, at(time))).map(({ name, trades }) => `${name} ${trades}`)

describe("the phase of an exchange for orders", () => {
  it("follows the rulebook's day, and is closed if the rulebook does not know the exchange or the day", () => {
    assert.deepStrictEqual(names(option, ["08:00", "11:00", "20:00"]), ["closed false", "continuous true", "closed false"])
    assert.strictEqual(names(share, ["15:25"])[0]?.split(" ")[1], "false")
    assert.strictEqual(ExchangePhase.at(shipped, { ...option, exchange: "XYZ" }, true, at("11:00")), ExchangePhase.closed)
    assert.strictEqual(ExchangePhase.at(shipped, option, true, Date.parse("1970-01-05T11:00:00+05:30")), ExchangePhase.closed)
  })

  it("takes after-market orders while the exchange is closed, and at any time in the synthetic market", () => {
    const open = ExchangePhase.at(shipped, option, true, at("11:00"))
    assert.deepStrictEqual([open, ExchangePhase.closed, ExchangePhase.always].map(ExchangePhase.takesAmo), [false, true, true])
  })

  it("takes every order in continuous trading, and in an auction those of its types that can wait", () => {
    const open = ExchangePhase.at(shipped, option, true, at("11:00"))
    const auction: ExchangePhase.Phase = { name: "auction", trades: false, takes: ["limit"] }
    const order = { orderType: "LIMIT", validity: "DAY" } as const
    const isTaken = (phase: ExchangePhase.Phase, change: object = {}) => ExchangePhase.refusal(phase, { ...order, ...change }) === null
    assert.isTrue(isTaken(open, { orderType: "SL-M", validity: "IOC" }))
    assert.isFalse(isTaken(ExchangePhase.closed))
    assert.deepStrictEqual(
      [{}, { orderType: "MARKET" }, { orderType: "SL" }, { validity: "IOC" }].map((change) => isTaken(auction, change)),
      [true, false, false, false]
    )
    assert.isTrue(isTaken({ ...auction, takes: ["market"] }, { orderType: "MARKET" }))
  })
})
