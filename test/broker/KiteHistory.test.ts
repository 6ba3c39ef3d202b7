import type { IncomingMessage } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as KiteClient from "../../src/broker/KiteClient.ts"
import * as KiteRest from "../../src/broker/KiteRest.ts"
import * as KiteHistory from "../../src/domain/market/KiteHistory.ts"
import * as KiteTime from "../../src/domain/market/KiteTime.ts"
import { ist } from "../domain/market/Ist.ts"
import { account, httpServer, sessionOf } from "./KiteServer.ts"

const minute = KiteHistory.byMinutes(1)!

const kite = (candles: (from: string, to: string) => unknown) =>
  Effect.gen(function* () {
    const asked: Array<{ readonly url: URL; readonly headers: IncomingMessage["headers"]; readonly atMs: number }> = []
    const clock = yield* Effect.clock
    const { url } = yield* httpServer((request, response) => {
      const at = new URL(request.url ?? "/", "http://kite")
      asked.push({ url: at, headers: request.headers, atMs: clock.unsafeCurrentTimeMillis() })
      const { status, body } = ((answer) =>
        Array.isArray(answer) ? { status: 200, body: { status: "success", data: { candles: answer } } } : answer)(
        candles(at.searchParams.get("from") ?? "", at.searchParams.get("to") ?? "")
      ) as { status: number; body: unknown }
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    })
    const session = yield* sessionOf(yield* KiteClient.make(account({ root: url })))
    return { asked, rest: KiteRest.make(session) }
  })

describe("KiteRest.history", () => {
  it.scopedLive("asks in Indian time with open interest, and reads times, zeros and missing open interest unchanged", () =>
    Effect.gen(function* () {
      const { asked, rest } = yield* kite(() => [
        ["2026-08-19T09:15:00+0530", 12009.9, 12019.35, 12001.25, 12001.5, 163275, 0],
        ["2026-08-19T09:16:00+0530", 1, 2, 0.05, 1.5, 0]
      ])
      const candles = yield* rest.history(256265, minute, { fromMs: ist("2026-08-19T00:00:00"), toMs: ist("2026-08-19T23:59:59") })
      assert.deepStrictEqual(candles, [
        { atMs: ist("2026-08-19T09:15:00"), open: 12009.9, high: 12019.35, low: 12001.25, close: 12001.5, volume: 163275, oi: 0 },
        { atMs: ist("2026-08-19T09:16:00"), open: 1, high: 2, low: 0.05, close: 1.5, volume: 0, oi: null }
      ])
      const [{ url, headers } = { url: new URL("http://none"), headers: {} as IncomingMessage["headers"] }] = asked
      assert.strictEqual(url.pathname, "/instruments/historical/256265/minute")
      assert.deepStrictEqual(Object.fromEntries(url.searchParams), {
        instrument_token: "256265",
        interval: "minute",
        from: "2026-08-19 00:00:00",
        to: "2026-08-19 23:59:59",
        continuous: "0",
        oi: "1"
      })
      assert.match(headers.authorization ?? "", /^token /)
    })
  )

  it.scopedLive("a long span becomes one call per window that Kite allows, a third of a second apart, with all candles in order", () =>
    Effect.gen(function* () {
      const { asked, rest } = yield* kite((from) => [[`${from.slice(0, 10)}T09:15:00+0530`, 2, 2, 2, 2, 1, 1]])
      const startMs = Date.now()
      const candles = yield* rest.history(1, minute, { fromMs: ist("2026-01-01T00:00:00"), toMs: ist("2026-05-15T15:30:00") })
      assert.deepStrictEqual(
        asked.map(({ url }) => [url.searchParams.get("from"), url.searchParams.get("to")]),
        [
          ["2026-01-01 00:00:00", "2026-03-01 23:59:59"],
          ["2026-03-02 00:00:00", "2026-04-30 23:59:59"],
          ["2026-05-01 00:00:00", "2026-05-15 15:30:00"]
        ]
      )
      assert.deepStrictEqual(
        candles.map(({ atMs }) => KiteTime.format(atMs)),
        ["2026-01-01 09:15:00", "2026-03-02 09:15:00", "2026-05-01 09:15:00"]
      )
      // From the start and not from the call before, which may arrive late on a busy machine.
      for (const [at, { atMs }] of asked.entries()) assert.isAtLeast(atMs - startMs, at * 300)
    })
  )

  it.scopedLive("a refusal keeps Kite's message, and a malformed candle makes the answer UnparsableResponse", () =>
    Effect.gen(function* () {
      const span = { fromMs: ist("2026-01-01T00:00:00"), toMs: ist("2026-01-02T00:00:00") }
      const refusing = yield* kite(() => ({
        status: 400,
        body: { status: "error", error_type: "InputException", message: "invalid token" }
      }))
      const refused = yield* Effect.flip(refusing.rest.history(1, minute, span))
      assert.deepInclude(refused, { _tag: "KiteRefused", status: 400, reason: "invalid token" })
      for (const row of [
        ["yesterday", 1, 1, 1, 1, 1],
        ["2026-08-19T09:15:00+0530", "1", 1, 1, 1, 1],
        ["2026-08-19T09:15:00+0530", 1, 1, 1, 1, -1]
      ]) {
        const odd = yield* kite(() => [row])
        assert.strictEqual((yield* Effect.flip(odd.rest.history(1, minute, span)))._tag, "UnparsableResponse")
      }
    })
  )
})
