import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ask, chainMessage, near, publishChain, tokens, world } from "../GatewayWorld.ts"

const admin = { as: "root", role: "admin" } as const
const utc = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/
/** A day and a time of it, whatever their zone and form. */
const looksLikeTime = /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}|^\d{1,2} \w{3} \d{4}|GMT|\+05:?30/

/** Every text of a body with the path that leads to it. */
const texts = (value: unknown, path = ""): ReadonlyArray<readonly [path: string, text: string]> => {
  if (typeof value === "string") return [[path, value]]
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, one]) => texts(one, `${path}.${key}`))
}

layer(world(), { excludeTestServices: true })("Times", (it) => {
  it.effect("BE-DAT-02 every time in an answer is ISO 8601 in UTC, and a session of India comes out in UTC too", () =>
    Effect.gen(function* () {
      yield* publishChain(chainMessage("chain", [{ strike: 24_500, side: "CE", token: tokens.call, price: 120 }]))
      yield* ask("/subscriptions", { method: "POST", body: { instrument_token: tokens.call, requested_mode: "FULL" } })
      const leg = { tradingsymbol: "NIFTY98JAN24500CE", exchange: "NFO", direction: "BUY", quantity: 75, entry_price: "120.05" }
      const strategy = yield* ask("/strategies", { ...admin, method: "POST", body: { name: "one", instruments: [leg] } })
      assert.strictEqual(strategy.status, 201)
      const entry = { date: "2026-09-15", name: "Flood", kind: "holiday", calendars: ["NSE_FO"], source: ["circular"] }
      assert.strictEqual((yield* ask("/calendar/holidays", { ...admin, method: "POST", body: entry })).status, 201)
      const paths = [
        "/health",
        "/subscriptions",
        "/strategies",
        `/strategies/${strategy.body.strategy_id}`,
        `/fo/strikes?symbol=NIFTY&expiry=${near}`,
        "/calendar/status?exchange=NFO",
        "/calendar/hours?exchange=NFO&date=2026-08-03",
        "/calendar/expiries?symbol=NIFTY",
        "/calendar/holidays/changes"
      ]
      let seen = 0
      for (const path of paths) {
        const { status, body } = yield* ask(path, admin)
        assert.isBelow(status, 300, path)
        for (const [at, text] of texts(body)) {
          if (!looksLikeTime.test(text)) continue
          seen++
          assert.match(text, utc, `${path} ${at}`)
        }
      }
      assert.isAbove(seen, 10)
      const { body } = yield* ask("/calendar/hours?exchange=NFO&date=2026-08-03")
      assert.deepStrictEqual(body.session, { opens_at: "2026-08-03T03:45:00.000Z", closes_at: "2026-08-03T10:10:00.000Z" })
    })
  )
})
