import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Subjects from "../../../src/streams/Subjects.ts"
import {
  ask,
  type ChainRow,
  chainMessage,
  eventually,
  far,
  gone,
  metric,
  near,
  publishChain,
  ready,
  token,
  tokens,
  World,
  world
} from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

const rows: ReadonlyArray<ChainRow> = [
  { strike: 24_500, side: "PE", token: tokens.put, price: 90 },
  { strike: 24_500, side: "CE", token: tokens.call, price: 120 },
  { strike: 24_400, side: "CE", token: 0x20002, price: 180 }
]

const strikes = ask(`/fo/strikes?symbol=NIFTY&expiry=${near}`)

layer(world(), { excludeTestServices: true })("Option chains", (it) => {
  it.effect("expiries are those not past at market time, ascending; the futures' if there are no options", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* ask("/fo/expiries?symbol=nifty")).body, { symbol: "NIFTY", expiries: [near, far] })
      assert.deepStrictEqual((yield* ask("/fo/expiries?symbol=GOLDM")).body, { symbol: "GOLDM", expiries: [far] })
      assert.deepStrictEqual((yield* ask("/fo/expiries?symbol=INFY")).body, { symbol: "INFY", expiries: [] })
    })
  )

  it.effect("an unlisted chain is 404, a malformed request 422", () =>
    Effect.gen(function* () {
      for (const path of ["strikes", "max-pain", "pcr"]) {
        const cases: ReadonlyArray<readonly [string, number, string]> = [
          [`symbol=NOSUCH&expiry=${near}`, 404, "Symbol not found"],
          ["symbol=NIFTY&expiry=2098-01-31", 404, "Expiry not found"],
          ["symbol=NIFTY&expiry=2026-13-01", 422, "Validation error: expiry: expected a day YYYY-MM-DD"],
          ["symbol=NIFTY&expiry=tomorrow", 422, "Validation error: expiry: expected a day YYYY-MM-DD"],
          ["symbol=NIFTY", 422, "Validation error: expiry: is missing"],
          [`symbol=&expiry=${near}`, 422, "Validation error: symbol: must not be empty"],
          [`symbol=NIFTY&expiry=${near}&strike=1`, 422, "Validation error: strike: is unexpected"]
        ]
        for (const [query, status, detail] of cases) {
          const answer = yield* ask(`/fo/${path}?${query}`)
          assert.deepStrictEqual([answer.status, answer.body.detail.slice(0, detail.length)], [status, detail], `${path}?${query}`)
        }
        assert.strictEqual((yield* ask(`/fo/${path}?symbol=NIFTY&expiry=${near}`, { as: null })).status, 401)
      }
    })
  )

  it.effect("a listed expiry that was never published is empty, not 404", () =>
    Effect.gen(function* () {
      const answer = yield* ask(`/fo/strikes?symbol=NIFTY&expiry=${gone}`)
      assert.strictEqual(answer.status, 200)
      assert.deepInclude(answer.body, { forward: null, atm_strike: null, strikes: [] })
      const pain = yield* ask(`/fo/max-pain?symbol=NIFTY&expiry=${far}`)
      assert.deepStrictEqual(pain.body, { symbol: "NIFTY", expiry: far, max_pain: null, strikes: [], oi_coverage: null, as_of: null })
    })
  )

  it.effect("BE-REC-04 strikes, max pain and PCR return the published chain, calls and puts side by side, with the age of each price", () =>
    Effect.gen(function* () {
      yield* ready
      const delta = yield* publishChain(chainMessage("delta", rows))
      yield* publishChain(chainMessage("chain", rows, { delta_seq: delta }))
      const { body } = yield* eventually(
        "the chain is there",
        Effect.map(strikes, (answer) => (answer.body.strikes.length === 2 ? answer : undefined))
      )
      const { strikes: list, ...head } = body
      assert.deepStrictEqual(head, {
        symbol: "NIFTY",
        expiry: near,
        spot: 24_510.35,
        spot_change: null,
        forward: 24_530.1,
        atm_strike: 24_500,
        atm_iv: null,
        oi_change_from: "first_seen",
        as_of: "2026-11-24T09:30:00.000Z",
        valued_at: "2026-11-24T09:30:00.000Z"
      })
      assert.deepStrictEqual(
        list.map((row: { strike: number; put: unknown }) => [row.strike, row.put === null]),
        [
          [24_400, true],
          [24_500, false]
        ]
      )
      assert.deepStrictEqual(list[1].call, {
        instrument_token: tokens.call,
        tradingsymbol: "NIFTY98JAN24500CE",
        last_price: 120,
        bid: 119.5,
        ask: 120.5,
        volume: 7500,
        oi: 50,
        oi_change: 5,
        price_change: null,
        iv: 0.142,
        delta: 0.52,
        gamma: 0.0008,
        theta: -9.5,
        vega: 12.25,
        rho: 3.5,
        as_of: "2026-11-24T09:29:59.000Z",
        priced_at: "2026-11-24T09:29:57.500Z",
        age_ms: 2_500,
        quality: "live",
        moneyness: "ATM"
      })
      assert.deepStrictEqual(
        list.map(({ call, put }: Record<"call" | "put", { moneyness: string } | null>) => [call?.moneyness, put?.moneyness]),
        [
          ["ITM1", undefined],
          ["ATM", "ATM"]
        ]
      )
      const query = `symbol=nifty&expiry=${near}`
      assert.deepStrictEqual((yield* ask(`/fo/max-pain?${query}`)).body, {
        symbol: "NIFTY",
        expiry: near,
        max_pain: 24_500,
        strikes: [24_400, 24_500],
        oi_coverage: { counted: 3, listed: 4 },
        as_of: "2026-11-24T09:30:00.000Z"
      })
      assert.deepStrictEqual((yield* ask(`/fo/pcr?${query}`)).body, {
        symbol: "NIFTY",
        expiry: near,
        pcr_oi: 1.5,
        pcr_volume: 0.75,
        call_oi: 100,
        put_oi: 150,
        oi_coverage: { counted: 3, listed: 4 },
        as_of: "2026-11-24T09:30:00.000Z"
      })
    })
  )

  it.scoped(
    "BE-API-05 /fo/stream: welcome, subscribe {symbol, expiry}, the chain at once, then updates with the strikes that changed",
    () =>
      Effect.gen(function* () {
        yield* ready
        const { engine } = yield* World
        yield* publishChain(chainMessage("chain", rows, { delta_seq: yield* publishChain(chainMessage("delta", rows)) }))
        yield* eventually(
          "the chain is there",
          Effect.map(strikes, ({ body }) => body.strikes.length === 2)
        )
        const client = yield* connect(`/fo/stream?token=${yield* token()}`)
        const welcome = yield* client.next
        assert.deepInclude(welcome, { type: "welcome", user: { user_id: "u1", email: "u1@example.org", name: "User One" } })
        assert.strictEqual(typeof welcome.connection_id, "string")
        assert.deepStrictEqual(yield* client.ask({ action: "subscribe", symbol: "nifty", expiry: near }), {
          type: "subscribed",
          symbol: "NIFTY",
          expiry: near,
          total: 1
        })
        const first = yield* client.next
        assert.deepInclude(first, {
          type: "update",
          symbol: "NIFTY",
          expiry: near,
          kind: "chain",
          spot: 24_510.35,
          max_pain: 24_500,
          pcr: 1.5
        })
        const unlabelled = (key: string, value: unknown) => (key === "moneyness" ? undefined : value)
        assert.deepStrictEqual(first.strikes, JSON.parse(JSON.stringify((yield* strikes).body.strikes, unlabelled)))
        assert.deepStrictEqual(first.totals, { call_oi: 100, put_oi: 150, pcr_volume: 0.75 })
        const { createdMs } = yield* engine.info("OPT")
        assert.strictEqual(first.epoch, createdMs)

        const changed = { strike: 24_500, side: "CE", token: tokens.call, price: 121.5 } as const
        const seq = yield* publishChain(chainMessage("delta", [changed], { spot: 24_520 }))
        const update = yield* eventually(
          "the update has come",
          Effect.map(client.next, (message) => (message.spot === 24_520 ? message : undefined))
        )
        assert.deepInclude(update, { type: "update", kind: "delta", seq, epoch: createdMs, spot: 24_520 })
        assert.deepStrictEqual(
          update.strikes.map(({ strike, call, put }: { strike: number; call: { last_price: number }; put: { last_price: number } }) => [
            strike,
            call.last_price,
            put.last_price
          ]),
          [[24_500, 121.5, 90]]
        )
        assert.strictEqual((yield* strikes).body.strikes[1].call.last_price, 121.5)

        assert.deepStrictEqual(yield* client.ask({ action: "unsubscribe", symbol: "NIFTY", expiry: near }), {
          type: "unsubscribed",
          symbol: "NIFTY",
          expiry: near,
          total: 0
        })
        const unknown = yield* client.ask({ action: "subscribe", symbol: "NOSUCH", expiry: near })
        assert.deepStrictEqual(unknown, { type: "error", code: "not_found", message: "Symbol not found", symbol: "NOSUCH", expiry: near })
        assert.strictEqual((yield* client.ask({ action: "subscribe", symbol: "NIFTY", expiry: "2098-01-31" })).message, "Expiry not found")
        assert.match((yield* client.ask({ action: "subscribe", symbol: "NIFTY" })).message, /^Validation error: expiry/)
      })
  )

  it.effect("TC-WSS-043 a message that cannot be read is logged, counted and skipped; the next one arrives", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine, logs } = yield* World
      const before = yield* metric("bridge_undecodable_total")
      const junk = new TextEncoder().encode('{"v":1,"kind":"delta"}')
      yield* engine.publish(Subjects.ChainDelta.at({ exchange: "NSE", underlying: "NIFTY", expiry: near }), junk)
      yield* engine.publish(Subjects.ChainKeyframe.at({ exchange: "NSE", underlying: "NIFTY", expiry: far }), new Uint8Array([0xff]))
      yield* engine.publish(Subjects.Mark.at({ owner: "u1", strategy: "1" }), junk)
      yield* engine.publish(Subjects.Frame.at({ exchange: "NSE", underlying: "NIFTY" }), junk)
      yield* publishChain(chainMessage("delta", rows, { spot: 30_000 }))
      yield* eventually(
        "the next delta is there",
        Effect.map(strikes, ({ body }) => body.spot === 30_000)
      )
      yield* eventually(
        "all four were counted",
        Effect.map(metric("bridge_undecodable_total"), (count) => count === before + 4)
      )
      const named = logs.filter(({ message }) => message.startsWith("message skipped")).map(({ annotations }) => annotations["subject"])
      assert.includeMembers(named, [`opt.delta.NSE.NIFTY.${near}`, `opt.chain.NSE.NIFTY.${far}`, "strat.m2m.u1.1", "md.frame.NSE.NIFTY"])
    })
  )
})
