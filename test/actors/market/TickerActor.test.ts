import { assert, describe, it } from "@effect/vitest"
import { isMute, muteAfterMs, newestExchangeMs } from "../../../src/actors/market/TickerActor.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"

describe("TickerActor", () => {
  it("a connection is mute a while after its last data, or after it opened when it never had any", () => {
    const openedMs = 1_000_000
    assert.isFalse(isMute(openedMs + muteAfterMs, openedMs, null, 0))
    assert.isTrue(isMute(openedMs + muteAfterMs + 1, openedMs, null, 0))
    const dataMs = openedMs + 30_000
    assert.isFalse(isMute(dataMs + muteAfterMs, openedMs, dataMs, 0))
    assert.isTrue(isMute(dataMs + muteAfterMs + 1, openedMs, dataMs, 0))
    // Opened again: what came before the break says nothing of this connection.
    assert.isFalse(isMute(dataMs + 100_000, dataMs + 90_000, dataMs, 0))
  })
  it("a connection is mute only while its instruments trade, and not in the first minute of it", () => {
    assert.isFalse(isMute(5 * muteAfterMs, 0, null, undefined))
    assert.isFalse(isMute(5 * muteAfterMs, 0, null, 4 * muteAfterMs))
    assert.isTrue(isMute(5 * muteAfterMs + 1, 0, null, 4 * muteAfterMs))
  })
  it("the newest exchange time of a frame is 0 where no packet carries one", () => {
    assert.strictEqual(newestExchangeMs(Frame.frameOf([Frame.encodeLtp({ token: 256265, lastPrice: 100 })])), 0)
  })
})
