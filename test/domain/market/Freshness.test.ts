import { assert, describe, it } from "@effect/vitest"
import * as Freshness from "../../../src/domain/market/Freshness.ts"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as InstrumentHours from "../../../src/domain/market/InstrumentHours.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import { chain, chainPackets, Recorder, settings, spot, spotToken } from "../record/Recorder.ts"
import { ist } from "./Ist.ts"

const share: Instrument.Instrument = {
  token: 408065,
  exchangeToken: 1594,
  tradingsymbol: "INFY",
  name: "INFOSYS",
  expiry: null,
  strike: 0,
  tickSize: 5,
  lotSize: 1,
  instrumentType: "EQ",
  segment: "NSE",
  exchange: "NSE"
}
const index: Instrument.Instrument = { ...share, token: 256265, tradingsymbol: "NIFTY 50", name: "NIFTY 50", segment: "INDICES" }
const future: Instrument.Instrument = {
  ...share,
  token: 0x10402,
  name: "NIFTY",
  instrumentType: "FUT",
  segment: "NFO-FUT",
  exchange: "NFO",
  expiry: "2026-08-25"
}

/** Until when the age of a price counts, as a time of day in India. */
const judged = (instrument: Instrument.Instrument, hasDerivatives: boolean, at: string) => {
  const place = InstrumentHours.placeOf(shipped, instrument, hasDerivatives)
  const ms = Freshness.judgedAtMs(shipped, place, ist(at))
  return new Date(ms + 19_800_000).toISOString().slice(11, 16)
}

describe("freshness in the closing auction", () => {
  it("BE-REC-04 BE-SVC-04 a share with derivatives and an index are judged at 15:15 while F&O trades on, to 15:40", () => {
    for (const instrument of [share, index]) {
      const at = (time: string) => judged(instrument, true, `2026-08-03T${time}`)
      assert.deepStrictEqual(
        ["15:14", "15:15", "15:20", "15:36", "15:39", "15:40", "15:45"].map((time) => at(`${time}:00`)),
        ["15:14", "15:15", "15:15", "15:15", "15:15", "15:40", "15:45"]
      )
    }
  })

  it("BE-REC-04 a mute feed shows at any other time: before the auction existed, in the night, on a holiday, and of a future", () => {
    assert.strictEqual(judged(share, true, "2026-07-28T15:20:00"), "15:20")
    assert.strictEqual(judged(share, true, "2026-08-03T08:00:00"), "08:00")
    assert.strictEqual(judged(share, true, "2026-01-26T15:20:00"), "15:20")
    assert.strictEqual(judged(future, true, "2026-08-03T15:20:00"), "15:20")
    assert.strictEqual(judged({ ...share, exchange: "NYSE" }, true, "2026-08-03T15:20:00"), "15:20")
  })

  it("BE-SVC-04 in the auction the forward follows the options by parity, while the spot does not move", () => {
    const day = "2026-08-04"
    const decider = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
    const forwardAt = (forward: number, time: string) => {
      const atMs = ist(`${day}T${time}`)
      const recorder = new Recorder()
        .clock(ist(`${day}T15:00:00`))
        .reference([spot, ...chain(day)])
        .frame(ist(`${day}T15:14:59`), [{ token: spotToken, price: 24_500 }])
        .frame(atMs - 1_000, chainPackets(forward, 0.14, atMs - 1_000, day))
        .clock(atMs)
      const found = Deciding.fold(decider, decider.initial, recorder.inputs)[1].findLast((one) => one.kind === "chain")
      if (found?.kind !== "chain") throw new Error("no chain")
      return found.message
    }
    for (const [forward, time] of [
      [24_540, "15:20:00"],
      [24_460, "15:34:00"]
    ] as const) {
      const message = forwardAt(forward, time)
      assert.strictEqual(message.forward_source, "parity")
      assert.closeTo(message.forward ?? 0, forward, 1)
      assert.strictEqual(message.spot, 24_500)
      const atm = message.columns.strike.indexOf(message.atm_strike ?? 0)
      assert.strictEqual(message.columns.quality[atm], "live")
    }
  })
})
