import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "@effect/vitest"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as Contracts from "../../src/simulator/Contracts.ts"
import { absent, recorded } from "./SimulatorWorld.ts"

const nifty = Contracts.underlyingByName.get("NIFTY")!

describe("Contracts", () => {
  it("writes monthly, weekly and futures symbols as Kite does", () => {
    expect(Contracts.tradingsymbol("NFO", "NIFTY", "2026-11-24", 2_450_000, "CE")).toBe("NIFTY26NOV24500CE")
    expect(Contracts.tradingsymbol("NFO", "NIFTY", "2026-11-17", 2_450_000, "PE")).toBe("NIFTY26N1724500PE")
    expect(Contracts.tradingsymbol("NFO", "NIFTY", "2026-10-06", 2_450_000, "CE")).toBe("NIFTY26O0624500CE")
    expect(Contracts.tradingsymbol("NFO", "NIFTY", "2026-12-01", 2_450_000, "CE")).toBe("NIFTY26D0124500CE")
    expect(Contracts.tradingsymbol("NFO", "NIFTY", "2026-09-08", 2_450_000, "CE")).toBe("NIFTY2690824500CE")
    expect(Contracts.tradingsymbol("NFO", "NIFTY", "2026-12-29", 0, "FUT")).toBe("NIFTY26DECFUT")
    // The 25th, the last Tuesday, is a holiday.
    expect(Contracts.tradingsymbol("NFO", "NIFTY", "2029-12-24", 2_450_000, "CE")).toBe("NIFTY29DEC24500CE")
    expect(Contracts.tradingsymbol("NFO", "INFY", "2026-11-24", 151_250, "CE")).toBe("INFY26NOV1512.5CE")
  })

  it.skipIf(recorded("nse/kite_instruments_nfo_bfo_2026-08-18.csv.gz") === undefined)(
    `gives every NSE contract of a real dump its symbol, token and segment ${absent}`,
    () => {
      const file = recorded("nse/kite_instruments_nfo_bfo_2026-08-18.csv.gz") ?? ""
      const { instruments } = Instrument.parseCsv(gunzipSync(readFileSync(file)).toString())
      const known = instruments.filter((one) => one.exchange === "NFO" && Contracts.underlyingByName.has(one.name))
      expect(known.length).toBeGreaterThan(2000)
      for (const one of known) {
        const underlying = Contracts.underlyingByName.get(one.name)!
        const type = one.instrumentType === "EQ" ? "FUT" : one.instrumentType
        // Tick and lot sizes change over the years and are not part of the symbol.
        expect({
          ...Contracts.contract(underlying, one.exchangeToken, one.expiry ?? "", one.strike, type),
          tickSize: 0,
          lotSize: 0
        }).toEqual({
          ...one,
          tickSize: 0,
          lotSize: 0
        })
      }
    }
  )

  it("lists an index without tick and lot size, and a share with both", () => {
    expect(Contracts.spotInstrument(nifty)).toMatchObject({
      token: 256265,
      exchangeToken: 1001,
      segment: "INDICES",
      tickSize: 0,
      lotSize: 0
    })
    const reliance = Contracts.spotInstrument(Contracts.underlyingByName.get("RELIANCE")!)
    expect(reliance).toMatchObject({ token: 738561, exchangeToken: 2885, segment: "NSE", tickSize: 10, lotSize: 1 })
  })

  it("every underlying's symbol leads back to the `name` of its derivatives", () => {
    for (const underlying of Contracts.underlyings) {
      expect(Instrument.underlyingOf(Contracts.spotInstrument(underlying))).toEqual({
        exchange: underlying.exchange,
        name: underlying.name
      })
      const future = Contracts.contract(underlying, 1, "2026-11-24", 0, "FUT")
      expect(Instrument.underlyingOf(future)).toEqual({ exchange: underlying.exchange, name: underlying.name })
    }
  })
})
