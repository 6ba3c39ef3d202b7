import { assert, describe, it } from "@effect/vitest"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as StrikeWindow from "../../../src/domain/options/StrikeWindow.ts"
import { anInstrument } from "../market/AnInstrument.ts"

const strikes = Array.from({ length: 101 }, (_, n) => 22_000 + n * 50)
const chain = (expiry: string, from: number) =>
  strikes.flatMap((strike, n) =>
    (["CE", "PE"] as const).map((instrumentType, side) =>
      anInstrument((from + n * 2 + side) * 256 + 2, { expiry, strike: strike * 100, instrumentType })
    )
  )
const members = [
  anInstrument(256265, { segment: "INDICES", exchange: "NSE" }),
  ...["2026-11-17", "2026-11-24", "2026-12-01", "2026-12-08"].flatMap((expiry, n) => chain(expiry, 1_000 * (n + 1))),
  anInstrument(77, { instrumentType: "FUT", expiry: "2026-12-29" }),
  anInstrument(78, { instrumentType: "FUT", expiry: "2026-11-24" })
]
const isAlive = ({ expiry }: Instrument.Instrument) => (expiry ?? "") >= "2026-11-22"
const shape = { expiries: 2, strikesEachSide: 20 }

describe("StrikeWindow", () => {
  it("takes the spot, the nearest future, and the strikes around the money of the nearest expiries that have not expired", () => {
    const wanted = StrikeWindow.instruments(members, 24_510 * 100, shape, isAlive)
    assert.deepStrictEqual([...new Set(wanted.map(({ expiry }) => expiry))], [null, "2026-11-24", "2026-12-01"])
    const futures = wanted.filter(({ instrumentType }) => instrumentType === "FUT").map(({ token }) => token)
    assert.deepStrictEqual(futures, [78])
    const near = wanted
      .filter(({ expiry, instrumentType }) => expiry === "2026-11-24" && instrumentType === "CE")
      .map(({ strike }) => strike / 100)
    assert.deepStrictEqual([near.length, near[0], near[20], near[40]], [41, 23_500, 24_500, 25_500])
  })
  it("ends at the first and last listed strike", () => {
    const options = members.filter(({ expiry, strike }) => expiry === "2026-11-24" && strike > 0)
    assert.deepStrictEqual(StrikeWindow.strikesAround(options, 0, 1), [2_200_000, 2_205_000])
    assert.deepStrictEqual(StrikeWindow.strikesAround(options, 9_999_999, 1), [2_695_000, 2_700_000])
    assert.deepStrictEqual(StrikeWindow.strikesAround([], 100, 3), [])
  })
  it("keeps two more strikes on either side than it adds", () => {
    const kept = StrikeWindow.instruments(members, 24_510 * 100, StrikeWindow.widened(shape), isAlive)
    const calls = kept.filter(({ expiry, instrumentType }) => expiry === "2026-12-01" && instrumentType === "CE")
    assert.deepStrictEqual([calls.length, calls[0]?.strike], [45, 2_340_000])
  })
})
