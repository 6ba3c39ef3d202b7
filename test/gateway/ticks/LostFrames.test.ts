import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import type * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import * as SubjectGuards from "../../../src/gateway/ticks/SubjectGuards.ts"
import { ask, eventually, fullPacket, publishFrame, ready, token, tokens, world } from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

describe("SubjectGuards", () => {
  it("a hole that a resend fills is no loss, and a frame that left the window counts once", () => {
    const guards = SubjectGuards.make()
    const header = (number: number): FrameHeader.FrameHeader => ({
      account: "a",
      epoch: 1,
      incarnation: 1,
      number,
      baseReceivedMs: 0,
      source: "kite",
      runs: [1, 0]
    })
    for (const number of [0, 3, 1, 2]) assert.isTrue(guards.isNew("s", header(number)))
    assert.isFalse(guards.isNew("s", header(2)))
    guards.isNew("s", header(6))
    assert.strictEqual(guards.newlyLost(), 0) // a resend may still come
    guards.isNew("s", header(6 + 2_000))
    assert.isAbove(guards.newlyLost(), 0)
    assert.strictEqual(guards.newlyLost(), 0)
    guards.clear()
    assert.strictEqual(guards.newlyLost(), 0)
  })
})

layer(world(), { excludeTestServices: true })("Frames that never reach the record", (it) => {
  it.scoped("are counted and reported to every client that has ticks; a frame that is sent again late is not lost", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* connect(`/ws/ticks?token=${yield* token()}`)
      yield* client.next
      yield* client.ask({ action: "subscribe", tokens: [tokens.nifty] })
      const lostFrames = Effect.map(ask("/metrics", { as: null }), ({ body }) =>
        Number(/^frames_lost_total (\d+)/m.exec(String(body))?.[1] ?? 0)
      )
      const before = yield* lostFrames
      const packet = [fullPacket(tokens.nifty, 2_450_000)]
      for (const number of [900_000, 900_005, 900_002]) yield* publishFrame(packet, { number })
      const gap = yield* client.nextOf("gap")
      assert.strictEqual(gap.lost_frames, 3)
      assert.strictEqual(gap.from, gap.to + 1)
      assert.strictEqual(yield* lostFrames, before + 3)
      // A frame that arrives late is delivered, and no loss is reported again.
      yield* publishFrame([fullPacket(tokens.nifty, 2_460_000)], { number: 900_001 })
      yield* eventually(
        "the late tick is delivered",
        Effect.sync(() => client.received.some(({ type, data }) => type === "tick" && data.last_price === 24_600))
      )
      assert.strictEqual(client.received.filter(({ type }) => type === "gap").length, 1)
    })
  )
})
