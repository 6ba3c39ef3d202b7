import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ask, near, world } from "../GatewayWorld.ts"

layer(world(), { excludeTestServices: true })("Calendar", (it) => {
  it.effect("BE-SVC-04 answers the hours of an ordinary day, a special session, a holiday and an unpublished day", () =>
    Effect.gen(function* () {
      const session = (exchange: string, date: string) =>
        Effect.map(ask(`/calendar/hours?exchange=${exchange}&date=${date}`), ({ body }) => body.session?.closes_at ?? null)
      assert.strictEqual(yield* session("NFO", "2026-07-31"), "2026-07-31T10:00:00.000Z")
      assert.strictEqual(yield* session("NFO", "2026-08-03"), "2026-08-03T10:10:00.000Z")
      assert.strictEqual(yield* session("MCX", "2026-07-16"), "2026-07-16T18:00:00.000Z")
      assert.strictEqual(yield* session("NFO", "2026-02-01"), "2026-02-01T10:00:00.000Z")
      assert.strictEqual(yield* session("NFO", "2026-01-26"), null)
      const unknown = yield* ask("/calendar/hours?exchange=NFO&date=2026-11-08")
      assert.strictEqual(unknown.status, 404)
      assert.match(unknown.body.detail, /are not published/)
      assert.strictEqual((yield* ask("/calendar/hours?exchange=NYSE")).status, 422)
    })
  )

  it.effect("BE-SVC-04 trading days, the next one, and the holidays of a year", () =>
    Effect.gen(function* () {
      const days = yield* ask("/calendar/trading-days?exchange=NFO&from=2026-01-23&to=2026-02-02")
      assert.deepStrictEqual(days.body.trading_days, [
        "2026-01-23",
        "2026-01-27",
        "2026-01-28",
        "2026-01-29",
        "2026-01-30",
        "2026-02-01",
        "2026-02-02"
      ])
      const next = yield* ask("/calendar/next-trading-day?exchange=NFO&date=2026-01-23")
      assert.strictEqual(next.body.next_trading_day, "2026-01-27")
      const holidays = yield* ask("/calendar/holidays?exchange=NFO&from=2026-01-01&to=2026-01-31")
      assert.deepStrictEqual(
        holidays.body.holidays.map((one: { date: string; kind: string }) => [one.date, one.kind]),
        [
          ["2026-01-15", "holiday"],
          ["2026-01-26", "holiday"]
        ]
      )
      assert.strictEqual((yield* ask("/calendar/trading-days?from=2027-03-01&to=2027-03-02")).status, 404)
      for (const path of ["trading-days", "holidays"])
        assert.strictEqual((yield* ask(`/calendar/${path}?from=2026-03-02&to=2026-03-01`)).status, 422, path)
    })
  )

  it.effect("BE-SVC-01 status now, and the labelled expiries of a symbol", () =>
    Effect.gen(function* () {
      const status = yield* ask("/calendar/status?exchange=NFO")
      assert.strictEqual(status.status, 200)
      assert.deepStrictEqual([status.body.exchange, status.body.segment], ["NFO", "NSE_FO"])
      const { body } = yield* ask("/calendar/expiries?symbol=NIFTY")
      assert.strictEqual(body.symbol, "NIFTY")
      assert.strictEqual(body.expiries[0].date, near)
      assert.strictEqual(body.expiries[0].expires_at, `${near}T10:10:00.000Z`)
      assert.strictEqual((yield* ask("/calendar/expiries?symbol=NOPE")).status, 404)
    })
  )
})
