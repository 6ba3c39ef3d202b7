import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as Essvi from "../../../src/domain/options/surface/Essvi.ts"
import { endsMs } from "../../Ends.ts"
import { ask, type ChainRow, chainMessage, eventually, near, publishChain, world } from "../GatewayWorld.ts"

/** A week before the expiry. */
const asOf = "2098-01-23T09:30:00.000Z"
const forward = 24_530.1
const years = IndiaTime.yearsTo(endsMs(near), Date.parse(asOf))
const slice: Essvi.Slice = { theta: 0.15 ** 2 * years, rho: -0.3, psi: 0.012 }

/** A synthetic smile at full precision: the out-of-the-money option at each strike. */
const rows: ReadonlyArray<ChainRow> = Array.from({ length: 21 }, (_, at) => {
  const strike = 23_500 + 100 * at
  const side = strike < forward ? ("PE" as const) : ("CE" as const)
  const vol = Essvi.volatility(slice, years, Math.log(strike / forward))
  const price = Black76.priceOf(side === "CE" ? 1 : -1, forward, strike, years, 0.065, vol)
  return { strike, side, token: 0x50002 + 256 * at, price }
})

layer(world(), { excludeTestServices: true })("GET /fo/iv-surface", (it) => {
  it.effect("without a published chain the surface is empty and well-formed; an unknown symbol is 404, a missing one 422", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* ask("/fo/iv-surface?symbol=NIFTY")).body, {
        symbol: "NIFTY",
        spot: null,
        convention: "essvi-1",
        expiries: [],
        arbitrage: { points: 0, least_density: null, least_growth: null, violations: [] },
        as_of: null
      })
      const unknown = yield* ask("/fo/iv-surface?symbol=NOSUCH")
      assert.deepStrictEqual([unknown.status, unknown.body.detail], [404, "Symbol not found"])
      assert.strictEqual((yield* ask("/fo/iv-surface")).status, 422)
      assert.strictEqual((yield* ask("/fo/iv-surface?symbol=NIFTY", { as: null })).status, 401)
    })
  )

  it.effect("recovers the parameters of a synthetic smile, counts omitted strikes, and its prices allow no arbitrage", () =>
    Effect.gen(function* () {
      const { columns, ...head } = chainMessage("chain", rows, { delta_seq: 0, as_of: asOf, forward })
      const bid = columns.last_price.map((price, at) => (at === 2 ? (price ?? 0) + 1 : null))
      const ask_ = columns.last_price.map((price, at) => (at === 2 ? (price ?? 0) - 0.1 : null))
      const quality = columns.quality.map((one, at) => (at === 5 ? ("stale" as const) : one))
      yield* publishChain({ ...head, columns: { ...columns, bid, ask: ask_, quality } })
      yield* eventually(
        "the chain is there",
        Effect.map(ask(`/fo/strikes?symbol=NIFTY&expiry=${near}`), ({ body }) => body.strikes.length === rows.length)
      )
      const { body } = yield* ask("/fo/iv-surface?symbol=NIFTY")
      const [smile] = body.expiries
      assert.deepStrictEqual([body.expiries.length, smile.expiry, smile.forward], [1, near, forward])
      for (const name of ["theta", "rho", "psi"] as const) assert.closeTo(smile.parameters[name], slice[name], 1e-6, name)
      assert.deepStrictEqual(smile.left_out, { far: 0, old: 1, crossed: 1, no_price: 0, no_volatility: 0, wide: 0 })
      assert.strictEqual(smile.strikes.length, rows.length - 2)
      for (const one of smile.strikes) assert.closeTo(one.fitted_iv, one.iv, 1e-5)
      assert.closeTo(smile.atm_iv, 0.15, 1e-5)
      assert.deepStrictEqual(body.arbitrage.violations, [])
      assert.isAbove(body.arbitrage.points, 400)
      assert.isAtLeast(body.arbitrage.least_density, -1e-6)
    })
  )
})
