import { assert, describe, it } from "@effect/vitest"
import { isMute, muteAfterMs, newestExchangeMs } from "../../../src/actors/market/TickerActor.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"

describe("TickerActor", () => {
  it("a connection is mute a while after its last data, or after it opened when it never had any", () => {
    const openedMs = 1_000_000
    assert.isFalse(isMute(openedMs + muteAfterMs, openedMs, null))
    assert.isTrue(isMute(openedMs + muteAfterMs + 1, openedMs, null))
    const dataMs = openedMs + 30_000
    assert.isFalse(isMute(dataMs + muteAfterMs, openedMs, dataMs))
    assert.isTrue(isMute(dataMs + muteAfterMs + 1, openedMs, dataMs))
    // Opened again: what came before the break says nothing of this connection.
    assert.isFalse(isMute(dataMs + 100_000, dataMs + 90_000, dataMs))
  })
  it("the newest exchange time of a frame is 0 where no packet carries one", () => {
    assert.strictEqual(newestExchangeMs(Frame.frameOf([Frame.encodeLtp({ token: 256265, lastPrice: 100 })])), 0)
  })
})
