import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Break } from "../../../src/domain/record/Break.ts"
import { BreakView, interruptionsMax } from "../../../src/gateway/views/BreakView.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, ready, token, tokens, World, world } from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

const begins: Break = {
  v: 1,
  exchange: "NSE",
  underlying: "NIFTY",
  account: "acc1",
  incarnation: 1,
  cause: "connection",
  from: new Date("2026-11-24T09:00:00.000Z"),
  to: null,
  packets: null
}
const to = new Date("2026-11-24T09:01:00.000Z")

describe("BreakView", () => {
  it("BE-REC-02 counts underlyings and packets of one interruption, and forgets the oldest", () => {
    const view = new BreakView()
    const lost = { ...begins, cause: "room", to } as const
    assert.strictEqual(view.apply({ ...lost, packets: 3 })?.packets, 3)
    assert.isUndefined(view.apply({ ...lost, underlying: "BANKNIFTY", packets: 4 }), "another underlying is no news")
    view.apply({ ...lost, underlying: "BANKNIFTY", packets: 4 })
    assert.deepInclude(view.all()[0], { packets: 7, to })
    view.apply({ ...lost, underlying: "FINNIFTY", packets: null })
    assert.deepStrictEqual([view.all()[0]?.packets, view.all()[0]?.underlyings.size], [null, 3])
    for (let n = 1; n <= interruptionsMax; n++) view.apply({ ...lost, from: new Date(lost.from.getTime() + n) })
    assert.strictEqual(view.all().length, interruptionsMax)
    assert.strictEqual(view.all()[0]?.from.getTime(), lost.from.getTime() + 1)
  })
})

layer(world(), { excludeTestServices: true })("Interruptions of the record", (it) => {
  it.scoped("BE-REC-02 /ws/ticks and /health say when packets are missing and when they are there again", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine } = yield* World
      const client = yield* connect(`/ws/ticks?token=${yield* token()}`)
      yield* client.next
      yield* client.ask({ action: "subscribe", tokens: [tokens.nifty] })
      const publish = (message: Break) =>
        engine.publish(Subjects.Break.at({ exchange: message.exchange, underlying: message.underlying }), Subjects.Break.encode(message))
      yield* publish(begins)
      yield* publish({ ...begins, underlying: "BANKNIFTY" })
      const interruption = { account_id: "acc1", cause: "connection", from: begins.from.toISOString(), to: null }
      const first = yield* client.nextOf("gap")
      assert.deepStrictEqual([first.interruption, first.from], [interruption, first.to + 1])
      yield* publish({ ...begins, to })
      const second = yield* client.nextOf("gap")
      assert.deepStrictEqual(second.interruption, { ...interruption, to: to.toISOString() })
      yield* eventually(
        "/health lists it",
        Effect.map(ask("/health", { as: null }), ({ body }) => body.interruptions.length === 1)
      )
      assert.deepStrictEqual((yield* ask("/health", { as: null })).body.interruptions, [
        { ...interruption, to: to.toISOString(), underlyings: 2, packets: null }
      ])
    })
  )
})
