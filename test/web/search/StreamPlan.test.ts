import { assert, describe, it } from "@effect/vitest"
import type { Instrument } from "../../../web/src/gateway/Contract.ts"
import * as StreamPlan from "../../../web/src/search/StreamPlan.ts"

const contract = (instrument_token: number, kind: Instrument["kind"], strike: number | null, expiry = "2026-11-24") =>
  ({ instrument_token, kind, strike, expiry }) as Instrument
/** Calls have odd tokens, puts even ones; strikes 100, 200, ... */
const chain = Array.from({ length: 100 }, (_, at) => [
  contract(2 * at + 1, "CE", (at + 1) * 100),
  contract(2 * at + 2, "PE", (at + 1) * 100)
]).flat()
const strikes = (tokens: ReadonlyArray<number>) => [...new Set(tokens.map((token) => Math.ceil(token / 2) * 100))]

describe("StreamPlan", () => {
  it("takes the strikes around the spot on both sides, and the future of the expiry", () => {
    const future = contract(999, "FUT", null)
    const tokens = StreamPlan.ofExpiry([...chain, future, contract(5_000, "CE", 5_000, "2026-12-01")], "2026-11-24", 5_049)
    assert.include(tokens, 999)
    assert.notInclude(tokens, 5_000)
    const found = strikes(tokens.filter((token) => token !== 999))
    assert.deepStrictEqual([found[0], found.at(-1), found.length], [3_000, 7_000, 2 * StreamPlan.strikesEachSide + 1])
  })
  it("takes the available strikes at the edge, and all if the spot is unknown", () => {
    const low = strikes(StreamPlan.ofExpiry(chain, "2026-11-24", 1))
    assert.deepStrictEqual([low[0], low.at(-1)], [100, 2_100])
    assert.strictEqual(StreamPlan.ofExpiry(chain, "2026-11-24", undefined).length, chain.length)
    assert.deepStrictEqual(StreamPlan.ofExpiry([], "2026-11-24", 100), [])
  })
})
