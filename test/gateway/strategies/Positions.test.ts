import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import type * as ChainMessage from "../../../src/domain/options/ChainMessage.ts"
import { quantityMax } from "../../../src/domain/strategy/Position.ts"
import { SettlementRepo } from "../../../src/store/settlements/SettlementRepo.ts"
import { FillRepo } from "../../../src/store/strategies/FillRepo.ts"
import { SubscriptionRepo } from "../../../src/store/subscriptions/SubscriptionRepo.ts"
import { ask, type ChainRow, chainMessage, eventually, far, near, publishChain, publishState, tokens, world } from "../GatewayWorld.ts"

const call = { tradingsymbol: "NIFTY98JAN24500CE", exchange: "NFO" }
const put = { tradingsymbol: "NIFTY98JAN24500PE", exchange: "NFO" }
const goneCall = { tradingsymbol: "NIFTY20JAN24500CE", exchange: "NFO" }
const farCall = { tradingsymbol: "NIFTY99DEC24500CE", exchange: "NFO" }

const create = (as = "u1") =>
  Effect.map(ask("/strategies", { method: "POST", as, body: { name: "s" } }), ({ body }) => body.strategy_id as number)
const addLeg = (id: number, of: object, direction: string, quantity: number, entry_price: number | string) =>
  Effect.map(
    ask(`/strategies/${id}/instruments`, { method: "POST", body: { ...of, direction, quantity, entry_price } }),
    ({ body }) => body.leg_id as number
  )
const record = (id: number | string, fills: ReadonlyArray<object>, as = "u1") =>
  ask(`/strategies/${id}/fills`, { method: "POST", as, body: { fills } })
const fill = (of: object, side: string, quantity: number, price: number | string, more: object = {}) => ({
  ...of,
  side,
  quantity,
  price,
  ...more
})

const stateOf = (spot: number): Partial<ChainMessage.UnderlyingState> => ({
  instrument_token: tokens.nifty,
  spot,
  spot_change: 0,
  expiries: [{ expiry: near, forward: 24_530.1, atm_strike: 24_500, atm_iv: 0.142 }]
})
const straddle = (of: { readonly call: number; readonly put: number }): ReadonlyArray<ChainRow> => [
  { strike: 24_500, side: "CE", token: of.call, price: 120 },
  { strike: 24_500, side: "PE", token: of.put, price: 90 }
]
/** The market: the near call at 120 and put at 90, the spot at `spot`, now. */
const market = (spot: number, expiry = near) =>
  Effect.gen(function* () {
    yield* publishState(stateOf(spot))
    const side = expiry === near ? tokens : { call: tokens.farCall, put: 0x30002 }
    yield* publishChain(chainMessage("chain", straddle(side), { as_of: new Date().toISOString(), delta_seq: 0, expiry }))
    yield* eventually(
      "the market is there",
      Effect.map(ask(`/fo/strikes?symbol=NIFTY&expiry=${expiry}`), ({ body }) => body.strikes.length === 1)
    )
  })

layer(world(), { excludeTestServices: true })("Fills, P&L, Greeks and payoff of a strategy", (it) => {
  it.effect("BE-CHG-02 shows gross and net profit with the rates of each fill's day, and names what is unknown", () =>
    Effect.gen(function* () {
      const id = yield* create()
      const of = { order_id: "o1", executed_at: "2024-09-30T04:00:00Z" }
      const late = { order_id: "o2", executed_at: "2024-10-01T04:00:00Z" }
      yield* record(id, [fill(put, "BUY", 75, "100", of), fill(put, "SELL", 75, "120.05", late), fill(put, "BUY", 75, "100", of)])
      yield* record(id, [fill(put, "SELL", 75, "120.05", of)])
      const { body } = yield* ask(`/strategies/${id}/pnl`)
      const [{ charges, gross, net }] = body.instruments
      // Three orders: o1 bought and sold, o2. The tax is 0.0625 % of 9003.75 and 0.1 % of it.
      assert.deepInclude(charges, { brokerage: "60", stt: "14.63109375", complete: true, unknown: [] })
      assert.deepStrictEqual([gross, body.gross], ["3007.5", "3007.5"])
      assert.strictEqual(net, Money.format(new Money.Decimal(gross).minus(charges.total)))
      assert.deepStrictEqual([body.net, body.charges], [net, charges])
      yield* addLeg(id, farCall, "BUY", 75, "100.05")
      const unknown = (yield* ask(`/strategies/${id}/pnl`)).body
      assert.deepStrictEqual([unknown.net, unknown.charges.complete, unknown.charges.unknown.length], [null, false, 1])
      assert.strictEqual(unknown.charges.total, charges.total)
    })
  )

  it.effect("BE-CHG-02 after a final settlement the holder's net profit has the tax of the exercise, and the writer's has none", () =>
    Effect.gen(function* () {
      const settlements = yield* SettlementRepo
      const price = new Money.Decimal("112.4")
      yield* settlements.save([{ ...goneCall, expiry: "2024-11-28", price, source: "underlying_close", settledAt: new Date() }])
      const of = { order_id: "o1", executed_at: "2024-11-20T04:00:00Z" }
      const profitOf = (side: string) =>
        Effect.gen(function* () {
          const id = yield* create()
          yield* record(id, [fill(goneCall, side, 75, "100", of)])
          return (yield* ask(`/strategies/${id}/pnl`)).body
        })
      const [holder, writer] = [yield* profitOf("BUY"), yield* profitOf("SELL")]
      // 112.4 x 75 at 0.125 % of the expiry's day; the sale of 100 x 75 at 0.1 % of its own.
      assert.deepStrictEqual([holder.gross, holder.charges.stt, holder.charges.unknown], ["930", "10.5375", []])
      assert.deepStrictEqual([writer.gross, writer.charges.stt, writer.charges.unknown], ["-930", "7.5", []])
      for (const { charges, gross, net } of [holder, writer])
        assert.strictEqual(net, Money.format(new Money.Decimal(gross).minus(charges.total)))
    })
  )

  it.effect("without a market the realised profit is known and the rest is reported as missing", () =>
    Effect.gen(function* () {
      const id = yield* create()
      const legId = yield* addLeg(id, farCall, "BUY", 75, "100.05")
      yield* record(id, [fill(put, "BUY", 75, 90), fill(put, "SELL", 75, "91.5")])
      const { body } = yield* ask(`/strategies/${id}/pnl`)
      assert.deepInclude(body, {
        strategy_id: id,
        realised: { fifo: "112.5", average: "112.5" },
        unrealised: { fifo: null, average: null },
        total: null,
        complete: false,
        missing: [farCall.tradingsymbol]
      })
      assert.deepInclude(body.instruments[0], { leg_ids: [legId], source: "leg", last_price: null, total: null })
      assert.deepInclude(body.instruments[1], { leg_ids: [], source: "fills", net_quantity: 0, total: "112.5" })
      const greeks = (yield* ask(`/strategies/${id}/greeks`)).body
      assert.deepStrictEqual(greeks.net, { delta: null, gamma: null, theta: null, vega: null, rho: null })
      const payoff = (yield* ask(`/strategies/${id}/payoff`)).body
      assert.deepInclude(payoff, { complete: false, spot: null, break_evens: null, curve: null, realised: "112.5" })
      assert.deepInclude(payoff.legs[0], { type: "CE", strike: null, quantity: 75, entry_price: "100.05" })
      const empty = (yield* ask(`/strategies/${yield* create()}/pnl`)).body
      assert.deepInclude(empty, { total: "0", instruments: [], complete: true, missing: [] })
      assert.isTrue((yield* ask(`/strategies/${yield* create()}/payoff`)).body.complete)
    })
  )

  it.effect("BE-FIN-03 a leg whose price is stale, or whose chain is old, is reported as missing until it is fresh again", () =>
    Effect.gen(function* () {
      yield* market(24_510.35)
      const id = yield* create()
      yield* addLeg(id, call, "BUY", 75, "118.05")
      yield* addLeg(id, put, "SELL", 75, "95.35")
      const publish = (asOfMs: number, quality: ReadonlyArray<ChainMessage.Quality>) => {
        const message = chainMessage("chain", straddle(tokens), { as_of: new Date(asOfMs).toISOString(), delta_seq: 0 })
        return publishChain({ ...message, columns: { ...message.columns, quality } })
      }
      const becomes = (what: string, complete: boolean, missing: ReadonlyArray<string>) =>
        eventually(
          what,
          Effect.map(ask(`/strategies/${id}/pnl`), ({ body }) => body.complete === complete && body.missing.join() === missing.join())
        )
      yield* publish(Date.now(), ["stale", "live"])
      yield* becomes("the stale leg is missing", false, [call.tradingsymbol])
      yield* publish(Date.now() - 3_600_000, ["live", "live"])
      yield* becomes("both legs of the old chain are missing", false, [call.tradingsymbol, put.tradingsymbol])
      yield* publish(Date.now(), ["live", "live"])
      yield* becomes("nothing is missing", true, [])
    })
  )

  it.effect("BE-FIN-04 P&L by FIFO and by average cost, over legs and fills, partial closes and flips, to the last digit", () =>
    Effect.gen(function* () {
      yield* market(24_510.35)
      const id = yield* create()
      const callLeg = yield* addLeg(id, call, "BUY", 75, "118.05")
      const putLeg = yield* addLeg(id, put, "SELL", 75, "95.35")
      const pnl = Effect.map(ask(`/strategies/${id}/pnl`), ({ body }) => body)
      const before = yield* pnl
      // (120 - 118.05) x 75 and (95.35 - 90) x 75
      assert.deepInclude(before, {
        realised: { fifo: "0", average: "0" },
        unrealised: { fifo: "547.5", average: "547.5" },
        total: "547.5",
        complete: true,
        missing: []
      })
      assert.strictEqual(new Date(before.as_of).toISOString(), before.as_of)

      const answer = yield* record(id, [
        fill(call, "BUY", 75, "100", { executed_at: "2026-11-24T04:00:00Z", external_id: "t1" }),
        fill(call, "BUY", 75, 110, { executed_at: "2026-11-24T04:01:00Z", external_id: "t2" }),
        fill({ ...call, exchange: "nfo" }, "SELL", 100, "115.05", { executed_at: "2026-11-24T04:02:00Z", external_id: "t3" })
      ])
      assert.deepStrictEqual([answer.status, answer.body], [201, { recorded: 3, duplicates: 0 }])
      const after = yield* pnl
      // FIFO: 75 x 15.05 + 25 x 5.05 = 1255, open 50 at 110. Average 105: 100 x 10.05 = 1005, open 50 at 105.
      assert.deepInclude(after, {
        realised: { fifo: "1255", average: "1005" },
        unrealised: { fifo: "901.25", average: "1151.25" },
        total: "2156.25"
      })
      const rows = Object.fromEntries(after.instruments.map((one: { tradingsymbol: string }) => [one.tradingsymbol, one]))
      const { charges, gross, net, ...row } = rows[call.tradingsymbol]
      assert.deepStrictEqual([gross, net], ["1755", Money.format(new Money.Decimal("1755").minus(charges.total))])
      assert.deepStrictEqual(row, {
        leg_ids: [callLeg],
        source: "fills",
        instrument_token: tokens.call,
        ...call,
        net_quantity: 50,
        open_average: { fifo: "110", average: "105" },
        last_price: 120,
        as_of: "2026-11-24T09:29:59.000Z",
        realised: { fifo: "1255", average: "1005" },
        unrealised: { fifo: "500", average: "750" },
        total: "1755"
      })
      assert.deepInclude(rows[put.tradingsymbol], { leg_ids: [putLeg], source: "leg", net_quantity: -75, total: "401.25" })

      // An older trade that arrives late counts at its own time; a flip opens the other side at its own price.
      yield* record(id, [
        fill(call, "BUY", 25, 90, { executed_at: "2026-11-24T03:00:00Z" }),
        fill(call, "SELL", 175, 121, { executed_at: "2026-11-24T05:00:00Z" })
      ])
      const flipped = yield* pnl
      assert.deepInclude(
        flipped.instruments.find(({ source }: { source: string }) => source === "fills"),
        { net_quantity: -100, realised: { fifo: "2580", average: "2580" }, unrealised: { fifo: "100", average: "100" }, total: "2680" }
      )
    })
  )

  it.effect("BE-FIN-04 a broker's average price with a long fraction keeps its digits, and its total is whole money", () =>
    Effect.gen(function* () {
      yield* market(24_510.35)
      const id = yield* create()
      const { status } = yield* record(id, [fill(call, "BUY", 390, 86.4), fill(call, "SELL", 390, 88.08333333333333)])
      assert.strictEqual(status, 201)
      const { body } = yield* ask(`/strategies/${id}/pnl`)
      assert.deepInclude(body, { realised: { fifo: "656.5", average: "656.5" }, total: "656.5" })
      const { fills } = yield* Effect.flatMap(FillRepo, (repo) => Effect.map(repo.list("u1", id), (fills) => ({ fills })))
      assert.deepStrictEqual(
        fills.map(({ price }) => Money.format(price)),
        ["86.4", "88.08333333333333"]
      )
      const legId = yield* addLeg(id, put, "BUY", 75, 88.08333333333333)
      const legs = (yield* ask(`/strategies/${id}`)).body.instruments
      assert.deepInclude(legs[0], { leg_id: legId, entry_price: "88.08333333333333" })
    })
  )

  it.effect("averages with an endless fraction are rounded only for display: both methods add up to the exact total", () =>
    Effect.gen(function* () {
      yield* market(24_510.35)
      const id = yield* create()
      yield* record(id, [fill(call, "BUY", 1, 100), fill(call, "BUY", 2, "100.05"), fill(call, "SELL", 1, 101)])
      const { body } = yield* ask(`/strategies/${id}/pnl`)
      assert.deepInclude(body.realised, { fifo: "1", average: "0.966666666667" })
      assert.deepInclude(body, { total: "40.9" })
      assert.strictEqual(body.unrealised.average, "39.933333333333")
      assert.strictEqual(body.instruments[0].open_average.average, "100.033333333333")
    })
  )

  it.effect("a repeated import changes nothing; the instrument of an open fill is streamed from then on", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      const id = yield* create()
      const batch = [fill(farCall, "BUY", 75, 100, { external_id: "a" }), fill(farCall, "BUY", 75, 101, { external_id: "b" })]
      assert.deepStrictEqual((yield* record(id, batch)).body, { recorded: 2, duplicates: 0 })
      assert.deepStrictEqual((yield* record(id, [...batch, fill(farCall, "SELL", 1, 9)])).body, { recorded: 1, duplicates: 2 })
      const stored = yield* subscriptions.byToken(tokens.farCall)
      assert.deepInclude(
        stored.pipe((found) => (found._tag === "Some" ? found.value : {})),
        { status: "active", requestedMode: "FULL" }
      )
      const refused = yield* ask(`/subscriptions/${tokens.farCall}`, { method: "DELETE" })
      assert.strictEqual(refused.status, 409)
    })
  )

  it.effect("BE-FIN-11 Greeks of every holding and their sum", () =>
    Effect.gen(function* () {
      yield* market(24_510.35)
      const id = yield* create()
      const legId = yield* addLeg(id, call, "BUY", 50, 1)
      yield* addLeg(id, put, "SELL", 75, 1)
      yield* addLeg(id, { tradingsymbol: "NIFTY 50", exchange: "NSE" }, "BUY", 10, 24_000)
      const { body } = yield* ask(`/strategies/${id}/greeks`)
      // 50 x 0.52 + 75 x 0.48 + 10 and -25 of what call and put share.
      assert.deepStrictEqual(body.net, { delta: 72, gamma: -0.02, theta: 237.5, vega: -306.25, rho: -87.5 })
      assert.deepStrictEqual(body.legs[0], {
        leg_ids: [legId],
        source: "leg",
        instrument_token: tokens.call,
        ...call,
        quantity: 50,
        iv: 0.142,
        unit: { delta: 0.52, gamma: 0.0008, theta: -9.5, vega: 12.25, rho: 3.5 },
        position: { delta: 26, gamma: 0.04, theta: -475, vega: 612.5, rho: 175 }
      })
      assert.deepInclude(body.legs[2], { unit: { delta: 1, gamma: 0, theta: 0, vega: 0, rho: 0 }, quantity: 10, iv: null })
      assert.isTrue(body.complete)
      yield* record(id, [fill(call, "BUY", 50, 1), fill(call, "SELL", 25, 1)])
      assert.strictEqual((yield* ask(`/strategies/${id}/greeks`)).body.net.delta, 59)
    })
  )

  it.effect("the payoff of open positions: break-even, extremes, probability, curves, shifted spot and volatility", () =>
    Effect.gen(function* () {
      yield* market(24_510.35)
      const id = yield* create()
      yield* addLeg(id, call, "BUY", 75, "120.05")
      yield* addLeg(id, put, "BUY", 75, "90")
      const path = `/strategies/${id}/payoff`
      const { body } = yield* ask(`${path}?points=11`)
      assert.deepInclude(body, {
        strategy_id: id,
        symbol: "NIFTY",
        spot: 24_510.35,
        realised: "0",
        horizon: `${near}T10:10:00.000Z`,
        break_evens: [24_289.95, 24_710.05],
        max_profit: "unbounded",
        max_loss: "-15753.75",
        net_premium: "15753.75",
        complete: true
      })
      assert.isTrue(body.probability_of_profit > 0 && body.probability_of_profit < 1)
      assert.strictEqual(body.curve.spot.length, 11)
      assert.strictEqual(body.curve.at_expiry.length, 11)
      assert.strictEqual(body.curve.at_expiry[0], Math.round((24_500 - body.curve.spot[0]) * 7_500 - 1_575_375) / 100)
      assert.deepInclude(body.legs[0], {
        type: "CE",
        strike: 24_500,
        expiry: near,
        quantity: 75,
        entry_price: "120.05",
        iv: 0.142,
        forward: 24_530.1
      })
      const shifted = (yield* ask(`${path}?spot_shift=-0.1&vol_shift=0.05&date=2060-01-01`)).body
      assert.deepStrictEqual(shifted.scenario, {
        spot: 22_059.32,
        spot_shift: -0.1,
        vol_shift: 0.05,
        date: "2060-01-01T10:10:00.000Z"
      })
      assert.notStrictEqual(shifted.profit, body.profit)
      assert.deepStrictEqual(shifted.break_evens, body.break_evens, "the horizon is not the scenario")

      yield* record(id, [fill(put, "BUY", 75, 80), fill(put, "SELL", 75, 85)])
      const single = (yield* ask(path)).body
      assert.deepInclude(single, { break_evens: [24_620.05], max_loss: "-9003.75", realised: "375" })
      assert.strictEqual(single.legs.length, 1)

      for (const [query, field] of [
        ["spot_shift=-1", "spot_shift"],
        ["vol_shift=x", "vol_shift"],
        ["points=1", "points"],
        ["date=yesterday", "date"],
        ["date=2020-01-01", "date"],
        [`date=${far}`, "date"],
        ["underlying=BANKNIFTY", "underlying"],
        ["colour=red", "colour"]
      ] as const) {
        const answer = yield* ask(`${path}?${query}`)
        assert.deepStrictEqual([answer.status, answer.body.errors?.[0]?.field], [422, field], query)
      }
    })
  )

  it.effect("open positions under many scenarios: each cell equals the payoff's, and a list is written with commas", () =>
    Effect.gen(function* () {
      yield* market(24_510.35)
      const id = yield* create()
      assert.deepInclude((yield* ask(`/strategies/${id}/scenario`)).body, { complete: true, cells: null })
      yield* addLeg(id, call, "BUY", 75, "120.05")
      yield* addLeg(id, put, "BUY", 75, "90")
      const { body } = yield* ask(`/strategies/${id}/scenario?spot_shifts=-0.1,0.1&vol_shifts=0.05&dates=2060-01-01,${near}`)
      assert.deepInclude(body, { strategy_id: id, symbol: "NIFTY", spot: 24_510.35, realised: "0", complete: true })
      assert.strictEqual(body.cells.length, 4)
      for (const [at, [date, shift]] of [
        ["2060-01-01", -0.1] as const,
        ["2060-01-01", 0.1] as const,
        [near, -0.1] as const,
        [near, 0.1] as const
      ].entries()) {
        const single = (yield* ask(`/strategies/${id}/payoff?spot_shift=${shift}&vol_shift=0.05&date=${date}`)).body
        assert.deepInclude(body.cells[at], { profit: single.profit, spot: single.scenario.spot, date: single.scenario.date })
        // The clock advances between two requests. Greeks per day and point do not change at the displayed places.
        assert.closeTo(body.cells[at].greeks.delta, single.greeks.delta, 1e-3)
      }
      for (const query of ["spot_shifts=x", "spot_shifts=", "dates=yesterday", "dates=2020-01-01", "underlying=BANKNIFTY"]) {
        const answer = yield* ask(`/strategies/${id}/scenario?${query}`)
        assert.deepStrictEqual([answer.status, answer.body.errors?.[0]?.field.split(".")[0]], [422, query.split("=")[0]], query)
      }
    })
  )

  it.effect("BE-SEC-02 another user's strategy does not exist, for fills and everything computed from them", () =>
    Effect.gen(function* () {
      const id = yield* create("alice")
      for (const path of ["pnl", "greeks", "payoff", "scenario"]) {
        for (const gone of [id, 0, 987_654, "9".repeat(30)]) {
          const answer = yield* ask(`/strategies/${gone}/${path}`, { as: "bob" })
          assert.deepStrictEqual([answer.status, answer.body.detail], [404, "Strategy not found"], `${gone} ${path}`)
        }
        assert.strictEqual((yield* ask(`/strategies/${id}/${path}`, { as: null })).status, 401)
      }
      const answer = yield* record(id, [fill(call, "BUY", 1, 1)], "bob")
      assert.deepStrictEqual([answer.status, answer.body.detail], [404, "Strategy not found"])
      assert.deepStrictEqual((yield* ask(`/strategies/${id}/pnl`, { as: "alice" })).body.instruments, [])
      assert.strictEqual((yield* record("abc", [fill(call, "BUY", 1, 1)])).status, 422)
    })
  )

  it.effect("BE-DAT-05 bad fills are refused as a whole, with the field named", () =>
    Effect.gen(function* () {
      const id = yield* create()
      const good = fill(call, "BUY", 75, 100)
      const bad: ReadonlyArray<readonly [object, string]> = [
        [{ ...good, side: "LONG" }, "side"],
        [{ ...good, quantity: 0 }, "quantity"],
        [{ ...good, quantity: -75 }, "quantity"],
        [{ ...good, quantity: 1.5 }, "quantity"],
        [{ ...good, quantity: quantityMax + 1 }, "quantity"],
        [{ ...good, price: -1 }, "price"],
        [{ ...good, price: "1e3" }, "price"],
        [{ ...good, price: "1.000000000000000000001" }, "price"],
        [{ ...good, executed_at: "soon" }, "executed_at"],
        [{ ...good, external_id: "" }, "external_id"],
        [{ ...good, tradingsymbol: "NOSUCH" }, "tradingsymbol"],
        [{ ...good, exchange: "NSE" }, "tradingsymbol"],
        [{ ...good, colour: "red" }, "colour"]
      ]
      for (const [one, field] of bad) {
        const answer = yield* record(id, [good, one])
        assert.deepStrictEqual([answer.status, answer.body.errors[0].field], [422, `fills.1.${field}`], JSON.stringify(answer.body))
      }
      for (const fills of [[], Array.from({ length: 1001 }, () => good)]) {
        const answer = yield* record(id, fills)
        assert.deepStrictEqual([answer.status, answer.body.errors[0].field], [422, "fills"])
      }
      assert.deepStrictEqual((yield* ask(`/strategies/${id}/pnl`)).body.instruments, [])
      assert.deepStrictEqual((yield* record(id, [{ ...good, executed_at: null, external_id: null }])).body, { recorded: 1, duplicates: 0 })
    })
  )
})
