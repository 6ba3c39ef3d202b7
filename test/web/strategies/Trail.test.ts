import { assert, describe, it } from "@effect/vitest"
import { Decimal } from "../../../src/client/Client.ts"
import type { Candle, Mark } from "../../../web/src/gateway/Contract.ts"
import * as Trail from "../../../web/src/strategies/Trail.ts"

const mark = (as_of: string, total: string | null, m2m: string | null) =>
  ({ as_of, total_pnl: total === null ? null : new Decimal(total), m2m: m2m === null ? null : new Decimal(m2m) }) as Mark
const candle = (timestamp: string, close: string, total: string | null) =>
  ({ timestamp, close: new Decimal(close), total_pnl: total === null ? null : new Decimal(total) }) as Candle

describe("Trail", () => {
  it("continues the stored minutes with one live point a second, the newest of each", () => {
    const trail = Trail.make()
    for (const one of [
      mark("2026-11-24T04:02:10.100Z", "1", "10"),
      mark("2026-11-24T04:02:10.900Z", "2", "20"),
      mark("2026-11-24T04:02:11.100Z", null, "30"),
      mark("2026-11-24T04:02:09.000Z", "9", "90")
    ])
      Trail.addMark(trail, one)
    const stored = [
      candle("2026-11-24T04:00:00Z", "-5", "7"),
      candle("2026-11-24T04:01:00Z", "-6", null),
      candle("2026-11-24T04:03:00Z", "-7", "8")
    ]
    assert.deepStrictEqual(
      Trail.whole("pnl", trail, stored).map(({ value }) => value),
      [7, 2]
    )
    assert.deepStrictEqual(
      Trail.whole("m2m", trail, stored).map(({ value }) => value),
      [-5, -6, 20, 30]
    )
  })
})
