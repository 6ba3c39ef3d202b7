import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, start, world } from "../PlatformWorld.ts"

const from = "2026-08-17"
const to = "2026-08-21"
/** Five full days of 375 minutes each. */
const minutes = 5 * 375

describe("backfill on the whole platform", () => {
  it.scopedLive(
    "BE-SVC-05 fetches the missing bars from the simulated broker without an error, goes on after a restart, and shows how far it is",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world({ mode: "synthetic", rate: 1, strikesEachSide: 2 })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const body = { symbols: ["NIFTY", "RELIANCE"], timeframe: "1m", from, to }
        const begun = yield* ask(running, "/backfills", { method: "POST", body })
        assert.deepStrictEqual([begun.status, begun.body.instruments, begun.body.created_by], [202, 2, "demo"])
        yield* running.stop

        const again = yield* start({ ...config, SEED_USER: "demo" })
        const path = `/backfills/${begun.body.backfill_id}`
        const { body: ended } = yield* eventually("the backfill ends", ask(again, path), ({ body }) => body.ended_at !== null)
        assert.deepInclude(ended, { state: "completed", errors: 0, done: 2, problem: null })
        assert.isAtLeast(ended.rows, 2 * minutes)
        const parts = (yield* ask(again, `${path}/instruments`)).body
        assert.deepStrictEqual(
          parts.instruments.map(({ tradingsymbol, state, error }: Record<string, unknown>) => [tradingsymbol, state, error]),
          [
            ["NIFTY 50", "done", null],
            ["RELIANCE", "done", null]
          ]
        )
        const { candles } = (yield* ask(again, `/historical?symbol=RELIANCE&timeframe=minute&from=${from}&to=${to}&sources=true`)).body
        assert.isAtLeast(candles.length, minutes)

        const second = yield* ask(again, "/backfills", { method: "POST", body })
        assert.notStrictEqual(second.body.backfill_id, begun.body.backfill_id)
        const { body: nothing } = yield* eventually(
          "the second one ends",
          ask(again, `/backfills/${second.body.backfill_id}`),
          ({ body }) => body.ended_at !== null
        )
        assert.deepInclude(nothing, { state: "completed", rows: 0, requests: 0, errors: 0, days_missing: 0 })
      }),
    300_000
  )
})
