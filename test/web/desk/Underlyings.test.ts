import { assert, describe, it } from "@effect/vitest"
import * as Underlyings from "../../../web/src/desk/Underlyings.ts"
import type { FoEnabled, Subscription } from "../../../web/src/gateway/Contract.ts"

const subscription = (instrument_token: number, tradingsymbol: string, status: Subscription["status"] = "active") =>
  ({ instrument_token, tradingsymbol, status }) as Subscription
const enabled = (symbol: string, tradingsymbol: string | null, instrument_token: number | null, exchange = "NSE"): FoEnabled => ({
  symbol,
  exchange,
  instrument_token,
  tradingsymbol,
  name: null,
  lot_size: 75,
  expiries: ["2026-11-24"],
  future_expiries: []
})

describe("Underlyings", () => {
  it("lists underlyings with active options, NSE indices first, each with its own instrument if that is streamed", () => {
    const all = [
      enabled("RELIANCE", "RELIANCE", 2),
      enabled("SENSEX", "SENSEX", 8, "BSE"),
      enabled("BANKNIFTY", "NIFTY BANK", 7),
      enabled("NIFTY", "NIFTY 50", 5),
      enabled("NIFTYNXT50", "NIFTY NEXT 50", null),
      enabled("INFY", "INFY", 9)
    ]
    const found = Underlyings.among(all, [
      subscription(1, "RELIANCE26NOV1500CE"),
      subscription(2, "RELIANCE"),
      subscription(3, "BANKNIFTY26NOV55000PE"),
      subscription(4, "NIFTY26D0124500CE"),
      subscription(5, "NIFTY 50"),
      subscription(6, "INFY26NOV1500CE", "inactive"),
      subscription(10, "NIFTYNXT5026NOV65000CE"),
      subscription(11, "SENSEX26NOV80000CE"),
      subscription(12, "INFY26NOVFUT")
    ])
    assert.deepStrictEqual(
      found.map(({ symbol, spotToken, chartSymbol }) => [symbol, spotToken, chartSymbol]),
      [
        ["NIFTY", 5, "NSE:NIFTY 50"],
        ["BANKNIFTY", undefined, "NSE:NIFTY BANK"],
        ["NIFTYNXT50", undefined, "NSE:NIFTY NEXT 50"],
        ["SENSEX", undefined, "BSE:SENSEX"],
        ["RELIANCE", 2, "NSE:RELIANCE"]
      ]
    )
  })
})
