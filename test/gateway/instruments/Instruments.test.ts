import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { ask, far, master, near, tokens, World, world } from "../GatewayWorld.ts"

const symbolsOf = (body: { readonly instruments: ReadonlyArray<{ readonly tradingsymbol: string }> }) =>
  body.instruments.map(({ tradingsymbol }) => tradingsymbol)

layer(world(), { excludeTestServices: true })("Instruments", (it) => {
  it.effect("search answers instruments in the contract's form, with exact prices", () =>
    Effect.gen(function* () {
      const { status, body } = yield* ask("/instruments?search=nifty%2024500%20ce&expiry=2098-01-30")
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, {
        instruments: [
          {
            instrument_token: tokens.call,
            exchange_token: tokens.call >>> 8,
            tradingsymbol: "NIFTY98JAN24500CE",
            name: "NIFTY",
            underlying: "NIFTY",
            kind: "CE",
            instrument_type: "CE",
            exchange: "NFO",
            segment: "NFO-OPT",
            expiry: near,
            strike: 24_500,
            tick_size: 0.05,
            lot_size: 75
          }
        ],
        total: 1,
        limit: 100,
        offset: 0,
        trade_date: "2026-11-24"
      })
    })
  )

  it.effect("BE-DAT-07 filters, pages and their limits", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(symbolsOf((yield* ask("/instruments?underlying=nifty&segment=indices")).body), ["NIFTY 50"])
      assert.deepStrictEqual(symbolsOf((yield* ask("/instruments?exchange=MCX")).body), ["GOLDM99DECFUT"])
      const whole = symbolsOf((yield* ask("/instruments")).body)
      assert.strictEqual(whole.length, master.byToken.size)
      const second = (yield* ask("/instruments?limit=2&offset=2")).body
      assert.deepStrictEqual([symbolsOf(second), second.total, second.limit, second.offset], [whole.slice(2, 4), whole.length, 2, 2])
      assert.deepStrictEqual(symbolsOf((yield* ask("/instruments?offset=1000")).body), [])
      for (const query of ["limit=0", "limit=1001", "offset=-1", "limit=x", "expiry=soon", "nosuch=1", `search=${"a".repeat(101)}`]) {
        assert.strictEqual((yield* ask(`/instruments?${query}`)).status, 422, query)
      }
      assert.strictEqual((yield* ask("/instruments", { as: null })).status, 401)
    })
  )

  it.effect("one instrument by token and by symbol; a missing one is 404, an invalid token 422", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask(`/instruments/${tokens.infy}`)).body.tradingsymbol, "INFY")
      assert.strictEqual((yield* ask("/instruments/by-symbol/nse/nifty%2050")).body.instrument_token, tokens.nifty)
      for (const path of ["/instruments/1", "/instruments/0", "/instruments/99999999999999999999", "/instruments/by-symbol/NSE/NOSUCH"]) {
        const answer = yield* ask(path)
        assert.deepStrictEqual([answer.status, answer.body.detail], [404, "Instrument not found"], path)
      }
      assert.strictEqual((yield* ask("/instruments/abc")).status, 422)
    })
  )

  it.effect("fo-enabled lists underlyings with futures or options, and their expiries that have not passed", () =>
    Effect.gen(function* () {
      const { body } = yield* ask("/instruments/fo-enabled")
      assert.deepStrictEqual(body, {
        underlyings: [
          {
            symbol: "GOLDM",
            exchange: "MCX",
            instrument_token: null,
            tradingsymbol: null,
            name: null,
            lot_size: 75,
            expiries: [],
            future_expiries: [far]
          },
          {
            symbol: "NIFTY",
            exchange: "NSE",
            instrument_token: tokens.nifty,
            tradingsymbol: "NIFTY 50",
            name: "NIFTY 50",
            lot_size: 75,
            expiries: [near, far],
            future_expiries: []
          }
        ],
        total: 2,
        limit: 100,
        offset: 0
      })
      assert.strictEqual((yield* ask("/instruments/fo-enabled?exchange=nse")).body.total, 1)
    })
  )

  it.effect("a refresh is requested from the engine, and its answer or refusal is returned", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      let fails = false
      yield* Asks.serve(
        Asks.refreshInstruments,
        () => (fails ? Effect.fail(new Error("the broker is asleep")) : Effect.succeed({ trade_date: "2026-11-24", instruments: 7 })),
        1
      ).pipe(Effect.provideService(JetStream, engine), Effect.forkScoped)
      yield* Effect.promise(() => engine.nc.flush())
      assert.deepStrictEqual((yield* ask("/instruments/refresh", { method: "POST" })).body, {
        message: "Instruments refreshed",
        trade_date: "2026-11-24",
        instruments: 7
      })
      fails = true
      const refused = yield* ask("/instruments/refresh", { method: "POST" })
      assert.deepStrictEqual([refused.status, refused.body.detail], [503, "Engine: the broker is asleep"])
    }).pipe(Effect.scoped)
  )
})

layer(world({ hasInstruments: false }), { excludeTestServices: true })("Instruments, none loaded", (it) => {
  it.effect("BE-DAT-06 every list is empty and well-formed", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* InstrumentRegistry).current())
      const empty = { total: 0, limit: 100, offset: 0 }
      assert.deepStrictEqual((yield* ask("/instruments")).body, { instruments: [], ...empty, trade_date: null })
      assert.deepStrictEqual((yield* ask("/instruments/fo-enabled")).body, { underlyings: [], ...empty })
      assert.strictEqual((yield* ask("/instruments/256265")).status, 404)
    })
  )
})
