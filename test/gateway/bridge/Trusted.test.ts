import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Trusted from "../../../src/gateway/bridge/Trusted.ts"
import type { Message } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { chainMessage } from "../GatewayWorld.ts"

const message = (data: Uint8Array): Message => ({
  _tag: "Message",
  subject: "opt.delta.NSE.NIFTY.2098-01-30",
  seq: 1,
  timeMs: 0,
  pending: 0,
  data,
  header: () => ""
})
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value))
const read = (value: unknown) => Trusted.chain(message(bytes(value)))
const chain = chainMessage("delta", [
  { strike: 24_500, side: "CE", token: 1, price: 120 },
  { strike: 24_500, side: "PE", token: 2, price: 90 }
])

describe("Trusted", () => {
  it.effect("reads what the schema reads", () =>
    Effect.gen(function* () {
      const data = Subjects.ChainDelta.encode(chain)
      const schema = yield* Subjects.ChainDelta.decode("", data)
      assert.deepStrictEqual(Trusted.chain(message(data)), schema)
      const state = {
        v: 1,
        as_of: "2026-11-24T09:30:00.000Z",
        seq: 4,
        exchange: "NSE",
        underlying: "NIFTY",
        instrument_token: 1,
        spot: 24_500.5,
        spot_change: null,
        futures: [],
        expiries: [{ expiry: "2098-01-30", forward: 24_510, atm_strike: 24_500, atm_iv: 0.14 }]
      } as const
      assert.deepStrictEqual(Trusted.state(message(Subjects.UnderlyingState.encode(state))), state)
    })
  )

  it("leaves messages of another form to the schema", () => {
    const { columns, ...head } = chain
    const wrong: ReadonlyArray<unknown> = [
      "{nope",
      "null",
      "[]",
      "7",
      {},
      { ...chain, v: 2 },
      { ...chain, seq: "1" },
      { ...chain, seq: 1.5 },
      { ...chain, as_of: 5 },
      { ...chain, underlying: null },
      { ...chain, call_oi: null },
      head,
      { ...chain, columns: null },
      { ...chain, columns: { ...columns, iv: undefined } },
      { ...chain, columns: { ...columns, bid: "none" } },
      { ...chain, columns: { ...columns, price_change: 5 } }
    ]
    for (const value of wrong) assert.isUndefined(read(value), JSON.stringify(value).slice(0, 200))
    assert.isUndefined(read({ ...chain, columns: { ...columns, bid: [] } }))
    assert.isDefined(read(chain))
  })
})
