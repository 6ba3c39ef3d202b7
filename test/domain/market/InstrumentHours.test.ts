import { assert, describe, it } from "@effect/vitest"
import * as BarSession from "../../../src/domain/market/BarSession.ts"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as InstrumentHours from "../../../src/domain/market/InstrumentHours.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { contract } from "../record/Recorder.ts"
import { ist } from "./Ist.ts"

describe("InstrumentHours", () => {
  it("BE-SVC-04 a strategy's candles begin with the market that opens first: 09:00 with a leg of MCX, 09:15 without", () => {
    const crude = { exchange: "MCX", tradingsymbol: "CRUDEOIL26AUGFUT" }
    const nifty = { exchange: "NFO", tradingsymbol: "NIFTY26AUG24500CE" }
    const share = { exchange: "NSE", tradingsymbol: "INFY" }
    const unknown = { exchange: "NYSE", tradingsymbol: "ABC" }
    const minutes = [[crude], [nifty], [share], [nifty, crude], [], [unknown]].map(
      (held) => InstrumentHours.gridOpenOfAllMs(shipped, held, ist("2026-08-03T12:00:00")) / 60_000
    )
    assert.deepStrictEqual(minutes, [540, 555, 555, 540, 555, 555])
  })

  it("BE-DAY-07 bars and history agree on the session of an index, a share, a future and an option", () => {
    const instrument = (token: number, instrumentType: Instrument.InstrumentType, exchange: string): Instrument.Instrument => ({
      token,
      exchangeToken: token >> 8,
      tradingsymbol: "NIFTY",
      name: "NIFTY",
      expiry: null,
      strike: 0,
      tickSize: 5,
      lotSize: 1,
      instrumentType,
      segment: exchange,
      exchange
    })
    const all = [
      instrument(256265, "EQ", "NSE"),
      instrument(408065, "EQ", "NSE"),
      instrument(0x10402, "FUT", "NFO"),
      instrument(0x10502, "CE", "NFO")
    ]
    const names = { exchange: "NSE", underlying: "NIFTY" }
    for (const day of ["2026-07-28", "2026-08-03", "2026-02-01"])
      for (const hasDerivatives of [true, false])
        for (const one of all) {
          const kind = one.token === 256265 ? "INDEX" : one.instrumentType
          const place = BarSession.placeOf(shipped, names, contract({ instrument_token: one.token, kind }), hasDerivatives)
          const { opensAtMs, closesAtMs } = BarSession.sessionAt(shipped, place, ist(`${day}T10:00:00`))
          const history = InstrumentHours.on(shipped, InstrumentHours.placeOf(shipped, one, hasDerivatives), day)
          assert.deepStrictEqual(history, { opensAtMs, closesAtMs }, `${kind} on ${day}`)
        }
  })

  it("BE-SVC-04 the last opened day is today from the opening on; a closed day never is, and a day of unknown hours is once it is over", () => {
    const share: InstrumentHours.Place = { segment: "NSE_CM", security: "cas" }
    const lastAt = (place: InstrumentHours.Place | undefined, time: string) => InstrumentHours.lastOpenedDay(shipped, place, ist(time))
    assert.strictEqual(lastAt(share, "2026-07-28T00:00:00"), "2026-07-27")
    assert.strictEqual(lastAt(share, "2026-07-28T09:14:59.999"), "2026-07-27")
    assert.strictEqual(lastAt(share, "2026-07-28T09:15:00"), "2026-07-28")
    assert.strictEqual(lastAt(share, "2026-07-28T23:59:59"), "2026-07-28")
    // Saturday, Sunday and the early Monday.
    for (const time of ["2026-07-25T12:00:00", "2026-07-26T12:00:00", "2026-07-27T09:14:59"])
      assert.strictEqual(lastAt(share, time), "2026-07-24")
    assert.strictEqual(lastAt({ segment: "MCX_NON_AGRI", security: "future" }, "2026-07-28T09:00:00"), "2026-07-28")
    assert.strictEqual(lastAt(undefined, "2026-07-28T23:59:59"), "2026-07-27")
  })
})
