import * as SqlClient from "@effect/sql/SqlClient"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { pool } from "../../store/Stores.ts"
import { ask, tokens, World, world } from "../GatewayWorld.ts"

const admin = { as: "root", role: "admin", method: "POST" } as const
const day = "2026-07-24"
const openMs = Date.parse(`${day}T09:15:00+05:30`)
const of = { exchange: "NSE", instrumentToken: tokens.infy, tradingsymbol: "INFY", minutes: 1 }
const bar = (minute: number, source: NewBar["source"], price: number): NewBar => ({
  ...of,
  source,
  at: new Date(openMs + minute * 60_000),
  open: price,
  high: price,
  low: price,
  close: price,
  volume: 100,
  oi: null,
  complete: true
})
const split = { symbol: "INFY", ex_date: "2026-07-27", kind: "split", shares_before: 1, shares_after: 2, source: ["circular 1"] }
const importAll = (...actions: ReadonlyArray<object>) => ask("/calendar/corporate-actions/import", { ...admin, body: { actions } })
const closes = (adjusted: string) =>
  Effect.map(ask(`/history?instrument_token=${tokens.infy}&interval=minute&from=${day}&to=${day}${adjusted}`), ({ body }) =>
    body.candles.map((one: { close: number; volume: number }) => [one.close, one.volume])
  )

/** The engine, with a broker that has these bars of the day; answers the symbols it was asked for. */
const engine = (bars: () => ReadonlyArray<NewBar>) =>
  Effect.gen(function* () {
    const { engine: jetStream } = yield* World
    const repo = yield* BarRepo
    const asked: Array<string> = []
    yield* Asks.serve(
      Asks.fetchHistory,
      ({ tradingsymbol }) =>
        Effect.gen(function* () {
          asked.push(tradingsymbol)
          yield* Effect.orDie(repo.markFetched(of, [day]))
          return { bars: yield* Effect.orDie(repo.save(bars())) }
        }),
      1
    ).pipe(Effect.provideService(JetStream, jetStream), Effect.forkScoped)
    yield* Effect.promise(() => jetStream.nc.flush())
    return asked
  })

layer(world(), { excludeTestServices: true })("Corporate actions", (it) => {
  it.effect(
    "BE-SVC-04 an import lists what it knows with factors and sources; the same again changes nothing, and every change is kept",
    () =>
      Effect.gen(function* () {
        const dividend = {
          symbol: "TCS",
          ex_date: "2026-06-01",
          kind: "dividend",
          price: "20.50",
          close_before: "4100.00",
          source: ["note"]
        }
        assert.deepStrictEqual((yield* importAll(dividend)).body, { saved: 1, unchanged: 0 })
        assert.deepStrictEqual((yield* importAll(dividend)).body, { saved: 0, unchanged: 1 })
        const { body } = yield* ask("/calendar/corporate-actions?symbol=TCS")
        assert.strictEqual(body.total, 1)
        assert.deepInclude(body.corporate_actions[0], {
          ...dividend,
          exchange: "NSE",
          price_factor: { numerator: 407_950, denominator: 410_000 },
          volume_factor: { numerator: 1, denominator: 1 },
          imported_by: "root"
        })
        const { id } = body.corporate_actions[0]
        const remove = { ...admin, method: "DELETE" }
        assert.strictEqual((yield* ask(`/calendar/corporate-actions/${id}`, remove)).status, 200)
        assert.strictEqual((yield* ask(`/calendar/corporate-actions/${id}`, remove)).status, 404)
        const { databaseUrl } = yield* World
        const changes = Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql<{ readonly row: unknown }>`SELECT array[change, changed_by, terms->>'symbol', terms->>'price_paise'] AS row
          FROM corporate_action_changes WHERE action_id = ${id} ORDER BY change_id`
        )
        assert.deepStrictEqual(
          (yield* Effect.provide(changes, pool(databaseUrl))).map(({ row }) => row),
          [
            ["saved", "root", "TCS", "2050"],
            ["deleted", "root", "TCS", "2050"]
          ]
        )
      })
  )

  it.effect("BE-SEC-04 BE-SVC-04 only an administrator imports and deletes; wrong terms are 422 by their field, and nothing is saved", () =>
    Effect.gen(function* () {
      const request = { method: "POST", body: { actions: [split] } }
      assert.strictEqual((yield* ask("/calendar/corporate-actions/import", request)).status, 403)
      assert.strictEqual((yield* ask("/calendar/corporate-actions/1", { method: "DELETE" })).status, 403)
      const wrong = yield* importAll(split, { ...split, symbol: "SBIN", shares_after: 1 })
      assert.strictEqual(wrong.status, 422)
      assert.strictEqual(wrong.body.errors[0].field, "actions.1.shares_after")
      assert.strictEqual((yield* importAll({ ...split, exchange: "NYSE" })).status, 422)
      assert.strictEqual((yield* ask("/calendar/corporate-actions?symbol=INFY")).body.total, 0)
    })
  )

  it.scoped("BE-SVC-04 history is at the traded prices, and in the newest shares where `adjusted` is asked for", () =>
    Effect.gen(function* () {
      const registry = yield* InstrumentRegistry
      assert.strictEqual(registry.byToken(tokens.infy)?.instrumentType, "EQ" satisfies Instrument.Instrument["instrumentType"])
      const repo = yield* BarRepo
      yield* repo.save([bar(0, "live", 150_000), bar(1, "broker", 150_000)])
      yield* repo.markFetched(of, [day])
      assert.deepStrictEqual(yield* closes("&adjusted=true"), [
        [1_500, 100],
        [1_500, 100]
      ])
      yield* importAll(split)
      // The broker's bar was fetched before the split was known: it is dropped, and asked for again in the newest shares.
      const asked = yield* engine(() => [bar(1, "broker", 75_000)])
      assert.deepStrictEqual(yield* closes(""), [
        [1_500, 100],
        [1_500, 50]
      ])
      assert.deepStrictEqual(yield* closes("&adjusted=true"), [
        [750, 200],
        [750, 100]
      ])
      assert.deepStrictEqual(asked, ["INFY"])
    })
  )
})
