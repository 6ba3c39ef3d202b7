import { assert, describe, it } from "@effect/vitest"
import * as Money from "../../../src/domain/Money.ts"
import * as BrokerClose from "../../../src/domain/options/BrokerClose.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { anInstrument } from "../market/AnInstrument.ts"

const nifty = anInstrument(256265, { tradingsymbol: "NIFTY 50", segment: "INDICES", exchange: "NSE" })
const share = anInstrument(408065, { tradingsymbol: "INFY", segment: "NSE", exchange: "NSE" })
const at = (ist: string) => Date.parse(`${ist}+05:30`)
/** A Tuesday; the next day is a trading day. */
const expiry = "2026-08-25"
const quote = (ist: string, lastPrice: number, previousClose: number) => ({ lastPrice, previousClose, atMs: at(ist) })
const worth = (
  instrumentType: "CE" | "PE" | "FUT",
  strike: string,
  quote: BrokerClose.Quote,
  more: { spot?: typeof nifty; on?: string } = {}
) =>
  BrokerClose.settles(
    shipped,
    more.spot ?? nifty,
    { instrumentType, strike: new Money.Decimal(strike), expiry: more.on ?? expiry },
    quote
  )?.toFixed()

describe("a settlement price from the broker", () => {
  it("BE-DAY-03 a future is worth the broker's close of its underlying, an option its exercise value", () => {
    const close = quote(`${expiry}T15:35:00`, 24_550.35, 24_400)
    assert.deepStrictEqual([worth("CE", "24500", close), worth("PE", "24500", close), worth("FUT", "0", close)], ["50.35", "0", "24550.35"])
  })

  it("BE-DAY-03 the next trading day's quote has it as previous close, over a weekend and a holiday too", () => {
    const nextMorning = quote("2026-08-26T09:15:00", 24_700, 24_550.35)
    assert.strictEqual(worth("CE", "24500", nextMorning), "50.35")
    // Friday 2026-10-02 is a holiday: Monday follows Thursday.
    assert.strictEqual(worth("FUT", "0", quote("2026-10-05T09:15:00", 1, 24_600), { on: "2026-10-01" }), "24600")
    // Before the session the broker may not have replaced the close of the day before the expiry.
    assert.isUndefined(worth("CE", "24500", quote("2026-08-26T09:14:59", 24_550.35, 24_400)))
    assert.isUndefined(worth("CE", "24500", quote("2026-08-27T09:15:00", 24_700, 24_550.35)))
  })

  it("a quote of another day, without a time or with a price of zero settles nothing, nor does a share's adjusted close", () => {
    const nextMorning = quote("2026-08-26T09:15:00", 24_700, 24_550.35)
    assert.deepStrictEqual(
      [
        worth("CE", "24500", { ...nextMorning, atMs: null }),
        worth("PE", "24500", quote(`${expiry}T15:35:00`, 0, 24_400)),
        worth("PE", "24500", { ...nextMorning, previousClose: 0 }),
        worth("CE", "24500", quote("2026-08-24T15:35:00", 24_550, 24_550)),
        worth("CE", "1500", nextMorning, { spot: share }),
        // No holiday list covers 2027.
        worth("FUT", "0", quote("2027-01-05T09:15:00", 1, 24_600), { on: "2027-01-04" })
      ],
      [undefined, undefined, undefined, undefined, undefined, undefined]
    )
  })
})
