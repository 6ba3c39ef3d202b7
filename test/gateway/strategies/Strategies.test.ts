import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import { inputPlacesMax } from "../../../src/domain/Money.ts"
import * as Limits from "../../../src/domain/strategy/Limits.ts"
import type { Mark } from "../../../src/domain/strategy/StrategyMessage.ts"
import { CandleRepo } from "../../../src/store/strategies/CandleRepo.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, tokens, World, world } from "../GatewayWorld.ts"

const leg = { tradingsymbol: "NIFTY98JAN24500CE", exchange: "NFO", direction: "BUY", quantity: 75, entry_price: 120.05 }

const create = (body: object = { name: "condor" }, as = "u1") => ask("/strategies", { method: "POST", as, body })
const addLeg = (id: number, body: object = leg, as = "u1") => ask(`/strategies/${id}/instruments`, { method: "POST", as, body })

const money = (text: string) => new Money.Decimal(text)
const mark = (strategyId: number, m2m: string): Mark => ({
  v: 1,
  as_of: "2026-11-24T09:30:00.000Z",
  seq: 5,
  strategy_id: strategyId,
  m2m: money(m2m),
  unrealised_pnl: money("-12.5"),
  realised_pnl: money("0"),
  total_pnl: money("-12.5"),
  net_delta: 1.5,
  net_gamma: 0.01,
  net_theta: -3,
  net_vega: 4,
  complete: true,
  missing: []
})

layer(world(), { excludeTestServices: true })("Strategies", (it) => {
  it.effect("a strategy is created, read, changed and deleted", () =>
    Effect.gen(function* () {
      const made = yield* create({ name: " condor ", description: "weekly", tags: ["nifty", "short"] })
      assert.strictEqual(made.status, 201)
      const { strategy_id: id, created_at, updated_at, ...rest } = made.body
      assert.isTrue(Number.isInteger(id))
      assert.strictEqual(new Date(created_at).toISOString(), created_at)
      assert.strictEqual(new Date(updated_at).toISOString(), updated_at)
      assert.deepStrictEqual(rest, {
        name: "condor",
        description: "weekly",
        tags: ["nifty", "short"],
        status: "active",
        instruments: [],
        latest: null
      })
      assert.deepStrictEqual((yield* ask(`/strategies/${id}`)).body, made.body)
      const changed = yield* ask(`/strategies/${id}`, { method: "PATCH", body: { name: "iron", description: null, status: "archived" } })
      assert.deepInclude(changed.body, { strategy_id: id, name: "iron", description: null, status: "archived", tags: ["nifty", "short"] })
      const { body: list } = yield* ask("/strategies?limit=1000")
      assert.deepStrictEqual(Object.keys(list).sort(), ["limit", "offset", "strategies", "total"])
      assert.isTrue(list.strategies.some((one: { strategy_id: number }) => one.strategy_id === id))
      assert.deepStrictEqual((yield* ask(`/strategies/${id}`, { method: "DELETE" })).body, { message: "Strategy deleted" })
      for (const method of ["GET", "DELETE"]) {
        const answer = yield* ask(`/strategies/${id}`, { method })
        assert.deepStrictEqual([answer.status, answer.body.detail], [404, "Strategy not found"])
      }
    })
  )

  it.effect("legs are added with exact prices, listed by page and removed", () =>
    Effect.gen(function* () {
      const id = (yield* create()).body.strategy_id
      const added = yield* addLeg(id)
      assert.strictEqual(added.status, 201)
      const first = { ...leg, leg_id: added.body.leg_id, instrument_token: tokens.call, entry_price: "120.05" }
      assert.deepStrictEqual(added.body, first)
      const second = yield* addLeg(id, {
        ...leg,
        exchange: "nfo",
        tradingsymbol: "nifty98jan24500pe",
        direction: "SELL",
        quantity: 0,
        entry_price: "99999999999999999999.0123456789"
      })
      assert.deepInclude(second.body, { instrument_token: tokens.put, entry_price: "99999999999999999999.0123456789", quantity: 0 })
      const { body } = yield* ask(`/strategies/${id}/instruments?limit=1&offset=1`)
      assert.deepStrictEqual(body, { instruments: [second.body], total: 2, limit: 1, offset: 1 })
      assert.deepStrictEqual((yield* ask(`/strategies/${id}`)).body.instruments, [first, second.body])
      const removed = yield* ask(`/strategies/${id}/instruments/${first.leg_id}`, { method: "DELETE" })
      assert.deepStrictEqual([removed.status, removed.body], [200, { message: "Leg removed" }])
      const again = yield* ask(`/strategies/${id}/instruments/${first.leg_id}`, { method: "DELETE" })
      assert.deepStrictEqual([again.status, again.body.detail], [404, "Leg not found"])
    })
  )

  it.effect("a strategy is created with all its legs in one request or not at all, and its instruments are subscribed", () =>
    Effect.gen(function* () {
      const put = { ...leg, tradingsymbol: "nifty98jan24500pe", direction: "SELL", entry_price: "95.35" }
      const before = (yield* ask("/strategies?limit=1")).body.total
      const refused = yield* create({ name: "half", instruments: [leg, { ...leg, tradingsymbol: "NOSUCH" }] })
      assert.deepStrictEqual(
        [refused.status, refused.body.errors],
        [422, [{ field: "instruments.1.tradingsymbol", message: "no such instrument" }]]
      )
      const wrong = yield* create({ name: "half", instruments: [{ ...leg, quantity: -1 }] })
      assert.deepStrictEqual([wrong.status, wrong.body.errors[0].field], [422, "instruments.0.quantity"])
      const many = yield* create({ name: "half", instruments: Array.from({ length: 101 }, () => leg) })
      assert.deepStrictEqual([many.status, many.body.errors[0].message], [422, "at most 100 legs"])
      assert.strictEqual((yield* ask("/strategies?limit=1")).body.total, before)

      const made = yield* create({ name: "whole", instruments: [leg, put] })
      assert.strictEqual(made.status, 201)
      assert.deepStrictEqual(
        made.body.instruments.map(({ leg_id, ...rest }: { leg_id: number }) => rest),
        [
          { ...leg, instrument_token: tokens.call, entry_price: "120.05" },
          { ...put, tradingsymbol: "NIFTY98JAN24500PE", instrument_token: tokens.put }
        ]
      )
      assert.deepStrictEqual((yield* ask(`/strategies/${made.body.strategy_id}`)).body, made.body)
      for (const token of [tokens.call, tokens.put]) assert.strictEqual((yield* ask(`/subscriptions/${token}`)).body.status, "active")
    })
  )

  it.effect("BE-ISO-01 legs of a strategy and strategies of a user have named limits, and other users are not affected", () =>
    Effect.gen(function* () {
      const full = (yield* create({ name: "full", instruments: Array.from({ length: Limits.legsMax }, () => leg) })).body
      const more = yield* ask(`/strategies/${full.strategy_id}/instruments`, { method: "POST", body: leg })
      assert.deepStrictEqual([more.status, more.body.errors], [422, [{ field: "instruments", message: "a strategy has at most 100 legs" }]])

      const sql = yield* PgClient.PgClient
      yield* sql`INSERT INTO strategies (owner, name, tags) SELECT 'many', 's', '{}' FROM generate_series(1, ${Limits.strategiesPerUserMax})`
      const body = { name: "one more" }
      const refused = yield* ask("/strategies", { method: "POST", as: "many", body })
      assert.deepStrictEqual(
        [refused.status, refused.body.errors],
        [422, [{ field: "name", message: "a user has at most 1000 strategies" }]]
      )
      assert.strictEqual((yield* ask("/strategies", { method: "POST", as: "another", body })).status, 201)
    })
  )

  it.effect("a leg's quantity, price and direction are changed in place, only by its owner", () =>
    Effect.gen(function* () {
      const made = (yield* create({ name: "edit", instruments: [leg] })).body
      const path = `/strategies/${made.strategy_id}/instruments/${made.instruments[0].leg_id}`
      const change = (body: object, as = "u1") => ask(path, { method: "PATCH", body, as })
      assert.deepStrictEqual((yield* change({ quantity: 150, entry_price: "99.95" })).body, {
        ...made.instruments[0],
        quantity: 150,
        entry_price: "99.95"
      })
      assert.deepInclude((yield* change({ direction: "SELL" })).body, { direction: "SELL", quantity: 150, entry_price: "99.95" })
      const { body } = yield* ask(`/strategies/${made.strategy_id}`)
      assert.deepInclude(body.instruments[0], { direction: "SELL", quantity: 150, entry_price: "99.95" })
      assert.isAbove(Date.parse(body.updated_at), Date.parse(made.updated_at))
      assert.deepStrictEqual((yield* change({ quantity: 1 }, "mallory")).body.detail, "Strategy not found")
      const gone = yield* ask(`/strategies/${made.strategy_id}/instruments/999999`, { method: "PATCH", body: { quantity: 1 } })
      assert.deepStrictEqual([gone.status, gone.body.detail], [404, "Leg not found"])
      const wrong = yield* change({ quantity: -1 })
      assert.deepStrictEqual([wrong.status, wrong.body.errors[0].field], [422, "quantity"])
    })
  )

  it.effect("the newest mark is returned with the strategy, money as exact text", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      const id = (yield* create()).body.strategy_id
      const at = { owner: "u1", strategy: String(id) }
      for (const m2m of ["1.1", "-9007199254740993.05"]) yield* engine.publish(Subjects.Mark.at(at), Subjects.Mark.encode(mark(id, m2m)))
      const latest = yield* eventually(
        "the mark is there",
        Effect.map(ask(`/strategies/${id}`), ({ body }) => (body.latest?.m2m === "-9007199254740993.05" ? body.latest : undefined))
      )
      assert.deepStrictEqual(latest, {
        ...mark(id, "0"),
        m2m: "-9007199254740993.05",
        unrealised_pnl: "-12.5",
        realised_pnl: "0",
        total_pnl: "-12.5"
      })
    })
  )

  it.effect("GET m2m gives candles by interval, range and page", () =>
    Effect.gen(function* () {
      const candles = yield* CandleRepo
      const id = (yield* create()).body.strategy_id
      const minute = (text: string, close: string) => ({
        strategyId: id,
        minute: new Date(`2026-11-24T${text}:00Z`),
        open: money("1.05"),
        high: money("9.5"),
        low: money("-2"),
        close: money(close),
        totalPnl: close === "3" ? null : money(`-${close}`)
      })
      yield* candles.save([minute("09:15", "2"), minute("09:16", "3"), minute("09:20", "4")])
      const all = yield* ask(`/strategies/${id}/m2m`)
      assert.deepStrictEqual(
        [all.body.total, all.body.limit, all.body.offset, all.body.candles[0]],
        [3, 100, 0, { timestamp: "2026-11-24T09:15:00.000Z", open: "1.05", high: "9.5", low: "-2", close: "2", total_pnl: "-2" }]
      )
      const five = yield* ask(`/strategies/${id}/m2m?interval=5m&limit=1`)
      assert.deepStrictEqual(
        [five.body.total, five.body.candles],
        [2, [{ timestamp: "2026-11-24T09:15:00.000Z", open: "1.05", high: "9.5", low: "-2", close: "3", total_pnl: "-2" }]]
      )
      const late = yield* ask(`/strategies/${id}/m2m?from=2026-11-24T14:46:00%2B05:30&to=2026-11-24T09:16:00Z`)
      assert.deepStrictEqual(
        late.body.candles.map(({ close }: { close: string }) => close),
        ["3"]
      )
      for (const query of [
        "interval=7m",
        "from=yesterday",
        "from=2026-02-30",
        "to=2026-11-24T25:00:00Z",
        "from=2026-11-25&to=2026-11-24"
      ]) {
        const answer = yield* ask(`/strategies/${id}/m2m?${query}`)
        assert.deepStrictEqual([answer.status, answer.body.errors[0].field], [422, query.split("=")[0]], query)
      }
    })
  )

  it.effect("BE-SEC-02 another user's strategy does not exist, for any request", () =>
    Effect.gen(function* () {
      const id = (yield* create({ name: "mine" }, "alice")).body.strategy_id
      const added = (yield* addLeg(id, leg, "alice")).body.leg_id
      const tries: ReadonlyArray<readonly [string, Parameters<typeof ask>[1]]> = [
        [`/strategies/${id}`, {}],
        [`/strategies/${id}`, { method: "PATCH", body: { name: "theirs" } }],
        [`/strategies/${id}`, { method: "DELETE" }],
        [`/strategies/${id}/instruments`, {}],
        [`/strategies/${id}/instruments`, { method: "POST", body: leg }],
        [`/strategies/${id}/instruments/${added}`, { method: "DELETE" }],
        [`/strategies/${id}/m2m`, {}]
      ]
      for (const role of ["user", "admin"]) {
        for (const [path, init] of tries) {
          const answer = yield* ask(path, { ...init, as: "bob", role })
          const nobodys = yield* ask(path.replace(`/strategies/${id}`, "/strategies/987654"), { ...init, as: "bob", role })
          assert.deepStrictEqual([answer.status, answer.body.detail], [404, "Strategy not found"], `${init?.method ?? "GET"} ${path}`)
          assert.deepStrictEqual({ ...nobodys.body, request_id: "" }, { ...answer.body, request_id: "" })
        }
      }
      assert.deepStrictEqual((yield* ask("/strategies", { as: "bob" })).body.total, 0)
      const still = yield* ask(`/strategies/${id}`, { as: "alice" })
      assert.deepStrictEqual([still.body.name, still.body.instruments.length], ["mine", 1])
    })
  )

  it.effect("BE-DAT-05 bad fields are named, impossible ids are 404, unknown instruments too", () =>
    Effect.gen(function* () {
      const id = (yield* create()).body.strategy_id
      const bad: ReadonlyArray<readonly [object, string]> = [
        [{ name: "" }, "name"],
        [{ name: "   " }, "name"],
        [{ name: "x".repeat(201) }, "name"],
        [{ name: "a\u0000" }, "name"],
        [{ name: 5 }, "name"],
        [{ name: "ok", tags: "no" }, "tags"],
        [{ name: "ok", colour: "red" }, "colour"]
      ]
      for (const [body, field] of bad) {
        const answer = yield* create(body)
        assert.deepStrictEqual([answer.status, answer.body.errors[0].field], [422, field], JSON.stringify(answer.body))
      }
      const badLegs: ReadonlyArray<readonly [object, string]> = [
        [{ ...leg, direction: "LONG" }, "direction"],
        [{ ...leg, quantity: -1 }, "quantity"],
        [{ ...leg, quantity: 1.5 }, "quantity"],
        [{ ...leg, quantity: 2 ** 53 }, "quantity"],
        [{ ...leg, quantity: "75" }, "quantity"],
        [{ ...leg, entry_price: -0.05 }, "entry_price"],
        [{ ...leg, entry_price: "1e5" }, "entry_price"],
        [{ ...leg, entry_price: `1.${"0".repeat(inputPlacesMax)}1` }, "entry_price"],
        [{ ...leg, entry_price: null }, "entry_price"],
        [{ ...leg, tradingsymbol: "" }, "tradingsymbol"],
        [{ ...leg, strike: 1 }, "strike"]
      ]
      for (const [body, field] of badLegs) {
        const answer = yield* addLeg(id, body)
        assert.deepStrictEqual([answer.status, answer.body.errors[0].field], [422, field], JSON.stringify([body, answer.body]))
      }
      const unknown = yield* addLeg(id, { ...leg, tradingsymbol: "NOSUCH" })
      assert.deepStrictEqual([unknown.status, unknown.body.detail], [404, "Instrument not found"])
      for (const gone of ["0", "99999", "-3", "9".repeat(30)]) {
        for (const path of [`/strategies/${gone}`, `/strategies/${gone}/instruments`, `/strategies/${gone}/m2m`]) {
          assert.strictEqual((yield* ask(path)).status, 404, path)
        }
        assert.strictEqual((yield* ask(`/strategies/${id}/instruments/${gone}`, { method: "DELETE" })).status, 404)
      }
      for (const odd of ["abc", "1.0", "1e3"]) assert.strictEqual((yield* ask(`/strategies/${odd}`)).status, 422, odd)
      assert.deepStrictEqual((yield* ask(`/strategies/${id}`)).body.instruments, [])
    })
  )
})
