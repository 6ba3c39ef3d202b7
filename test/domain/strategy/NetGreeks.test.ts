import { assert, describe, it } from "@effect/vitest"
import * as NetGreeks from "../../../src/domain/strategy/NetGreeks.ts"

const call: NetGreeks.Greeks = { delta: 0.5, gamma: 0.001, theta: -8, vega: 12, rho: 3 }

describe("NetGreeks", () => {
  it("add up signed quantities: what is sold counts against what is bought", () => {
    const sold = NetGreeks.times(-75, call)
    const future = NetGreeks.times(50, NetGreeks.ofUnderlying)
    assert.deepStrictEqual(NetGreeks.net([sold, future]), { delta: 12.5, gamma: -0.075, theta: 600, vega: -900, rho: -225 })
  })

  it("are zero without positions", () => {
    assert.deepStrictEqual(NetGreeks.net([]), { delta: 0, gamma: 0, theta: 0, vega: 0, rho: 0 })
  })

  it("leave unknown only the number that one position does not know", () => {
    const net = NetGreeks.net([call, { ...call, vega: Number.NaN }])
    assert.deepStrictEqual(net, { delta: 1, gamma: 0.002, theta: -16, vega: Number.NaN, rho: 6 })
  })
})
