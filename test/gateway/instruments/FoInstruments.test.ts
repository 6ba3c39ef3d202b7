import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { storedMetrics } from "../../../src/contract/history/ChainHistoryApi.ts"
import { Metric } from "../../../src/domain/options/StrikeDistribution.ts"
import { inOrder } from "../../../src/gateway/instruments/FoInstrumentsHttp.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { ask, far, gone, near, ready, world } from "../GatewayWorld.ts"

interface Offered {
  readonly metric: string
  readonly is_additive: boolean
  readonly is_stored: boolean
}

describe("The order of contracts", () => {
  it("does not depend on the host's locale, where a small letter comes before a capital one", () => {
    const contracts = ["NIFTYa", "NIFTYB", "NIFTY-C"].map((tradingsymbol, at) => anInstrument(at, { tradingsymbol, expiry: near }))
    assert.deepStrictEqual(
      contracts.toSorted(inOrder).map(({ tradingsymbol }) => tradingsymbol),
      ["NIFTY-C", "NIFTYB", "NIFTYa"]
    )
  })

  it("is the expiry, then the strike, then the symbol", () => {
    const contract = (tradingsymbol: string, expiry: string, strike: number) => anInstrument(1, { tradingsymbol, expiry, strike })
    const wanted = [
      contract("FUT", near, 0),
      contract("CE", near, 100),
      contract("PE", near, 100),
      contract("CE", near, 200),
      contract("FUT", far, 0)
    ]
    assert.deepStrictEqual(wanted.toReversed().sort(inOrder), wanted)
  })
})

layer(world(), { excludeTestServices: true })("/fo/indicators and /fo/instruments", (it) => {
  it.effect("every metric that the endpoints of chains take is offered, and no other", () =>
    Effect.gen(function* () {
      yield* ready
      const { body } = yield* ask("/fo/indicators")
      const metrics: ReadonlyArray<Offered> = body.metrics
      assert.deepStrictEqual(
        metrics.map(({ metric }) => metric),
        Object.keys(Metric)
      )
      assert.deepStrictEqual(metrics.flatMap(({ is_stored, metric }) => (is_stored ? [metric] : [])).sort(), [...storedMetrics].sort())
      for (const { metric, is_additive } of metrics) assert.strictEqual(is_additive, Metric[metric as Metric].additive, metric)
      assert.strictEqual((yield* ask("/fo/indicators", { as: null })).status, 401)
    })
  )

  it.effect("the contracts of an underlying that have not expired, in a stable order and in pages", () =>
    Effect.gen(function* () {
      yield* ready
      const symbols = (path: string) =>
        Effect.map(ask(path), ({ body }) => [
          body.total,
          body.instruments.map(({ tradingsymbol }: { tradingsymbol: string }) => tradingsymbol)
        ])
      const all = ["NIFTY98JAN24500CE", "NIFTY98JAN24500PE", "NIFTY99DEC24500CE"]
      assert.deepStrictEqual(yield* symbols("/fo/instruments?symbol=nifty"), [3, all])
      assert.deepStrictEqual(yield* symbols(`/fo/instruments?symbol=NIFTY&expiry=${near}`), [2, all.slice(0, 2)])
      assert.deepStrictEqual(yield* symbols("/fo/instruments?symbol=NIFTY&limit=1&offset=2"), [3, [all[2]]])
      assert.deepStrictEqual(yield* symbols(`/fo/instruments?symbol=GOLDM&expiry=${far}`), [1, ["GOLDM99DECFUT"]])
      const missing = (path: string) => Effect.map(ask(path), ({ body, status }) => [status, body.detail])
      assert.deepStrictEqual(yield* missing("/fo/instruments?symbol=NOSUCH"), [404, "Symbol not found"])
      assert.deepStrictEqual(yield* missing(`/fo/instruments?symbol=NIFTY&expiry=${gone}`), [404, "Expiry not found"])
    })
  )
})
