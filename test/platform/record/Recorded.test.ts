import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, type Running, start } from "../PlatformWorld.ts"
import { recordedWorld, sixMinutes } from "./RecordedWorld.ts"

interface Last {
  readonly expiry: string
  readonly strike: number
  readonly side: "CE" | "PE"
  readonly lastPrice: number
  readonly volume: number
  readonly oi: number
  readonly oiChange: number
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
/** NIFTY's lot on the day. The file counts contracts, and the platform units. */
const lot = 65
const isoOf = (text: string) => {
  const [day = "", month = "", year = ""] = text.split("-")
  return `${year}-${String(months.indexOf(month) + 1).padStart(2, "0")}-${day}`
}

/** The last known value of every contract in a file of this form, read by the test itself. */
const lastValues = (csv: string) => {
  const [header = "", ...lines] = csv.trim().split("\n")
  const names = header.split(",")
  const last = new Map<string, Last>()
  let spot = 0
  for (const line of lines) {
    const cells = line.split(",")
    const cell = (name: string) => cells[names.indexOf(name)] ?? ""
    if (!/^\d{12}$/.test(cell("timestamp")) || Number.isNaN(Number(cell("strike")))) continue
    const key = `${isoOf(cell("expiry"))} ${cell("strike")} ${cell("option_type")}`
    const previous = last.get(key) // three contracts of the real file lose their previous session within the file
    const base = previous === undefined ? Number(cell("oi")) - Number(cell("oi_chg")) : (previous.oi - previous.oiChange) / lot
    const one: Last = {
      expiry: isoOf(cell("expiry")),
      strike: Number(cell("strike")),
      side: cell("option_type") as "CE" | "PE",
      lastPrice: Number(cell("ltp")),
      volume: Number(cell("volume")) * lot,
      oi: Number(cell("oi")) * lot,
      oiChange: (Number(cell("oi")) - base) * lot
    }
    last.set(key, one)
    spot = Math.round(Number(cell("spot")) * 100) / 100
  }
  return { last: [...last.values()], spot }
}

const painOf = (rows: ReadonlyArray<Last>) => {
  const strikes = [...new Set(rows.map(({ strike }) => strike))].sort((a, b) => a - b)
  const pain = (at: number) =>
    rows.reduce((sum, { strike, side, oi }) => sum + oi * Math.max(0, side === "CE" ? at - strike : strike - at), 0)
  return strikes.reduce((best, strike) => (pain(strike) < pain(best) ? strike : best), strikes[0] ?? 0)
}

/** Compares every answer about every expiry with the file's last values. */
const isAsTheFileSays = (running: Running, csv: string) =>
  Effect.gen(function* () {
    const { last, spot } = lastValues(csv)
    const expiries = [...new Set(last.map(({ expiry }) => expiry))].sort()
    const known = (yield* ask(running, "/fo/expiries?symbol=NIFTY")).body.expiries
    assert.includeMembers(known, expiries)
    for (const expiry of expiries) {
      const rows = last.filter((one) => one.expiry === expiry)
      const { body } = yield* ask(running, `/fo/strikes?symbol=NIFTY&expiry=${expiry}`)
      assert.strictEqual(body.spot, spot)
      const found = body.strikes.flatMap(
        (row: Record<string, { last_price: number; volume: number; oi: number; oi_change: number } | null> & { strike: number }) =>
          (["call", "put"] as const).flatMap((side) =>
            row[side] === null || row[side] === undefined
              ? []
              : [[row.strike, side === "call" ? "CE" : "PE", row[side].last_price, row[side].volume, row[side].oi, row[side].oi_change]]
          )
      )
      const wanted = rows
        .sort((a, b) => a.strike - b.strike || (a.side < b.side ? -1 : 1))
        .map(({ strike, side, lastPrice, volume, oi, oiChange }) => [strike, side, lastPrice, volume, oi, oiChange])
      assert.deepStrictEqual(found, wanted, expiry)
      assert.strictEqual((yield* ask(running, `/fo/oi-analysis?symbol=NIFTY&expiry=${expiry}`)).body.oi_change_from, "previous_session")
      const { body: exposure } = yield* ask(running, `/fo/gex?symbol=NIFTY&expiry=${expiry}`)
      const known = body.strikes.filter((row: { call: { gamma: number } | null }) => (row.call?.gamma ?? 0) > 5e-4)
      assert.isNotEmpty(known)
      for (const { strike, call } of known) {
        const published = exposure.strikes.find((one: { strike: number }) => one.strike === strike).call
        assert.closeTo(published / (call.gamma * call.oi * body.forward ** 2 * 0.01), 1, 1e-3, `gamma exposure of ${expiry} ${strike}`)
      }
      const totals = (side: "CE" | "PE") => rows.filter((one) => one.side === side).reduce((sum, { oi }) => sum + oi, 0)
      const maxPain = (yield* ask(running, `/fo/max-pain?symbol=NIFTY&expiry=${expiry}`)).body
      assert.strictEqual(maxPain.max_pain, painOf(rows), expiry)
      const pcr = (yield* ask(running, `/fo/pcr?symbol=NIFTY&expiry=${expiry}`)).body
      assert.deepStrictEqual([pcr.call_oi, pcr.put_oi], [totals("CE"), totals("PE")])
      assert.closeTo(pcr.pcr_oi, totals("PE") / totals("CE"), 1e-4)
    }
  })

const play = (
  csv: string,
  dump: string | undefined,
  more: (running: Running, config: Record<string, string>) => Effect.Effect<void, never, import("effect").Scope.Scope>
) =>
  Effect.gen(function* () {
    const { config } = yield* recordedWorld(csv, dump)
    const running = yield* start(config)
    yield* eventually("the end of the recording", ask(running, "/health"), ({ body }) => body.market?.state === "ended")
    yield* more(running, config)
  }).pipe(Effect.scoped)

const reference = process.env["TARANG_REFERENCE_DATA"]
const realDay = reference === undefined ? "" : join(reference, "nse/nifty_option_chain_20260819.csv.gz")
const realDump = reference === undefined ? "" : join(reference, "nse/kite_instruments_nfo_bfo_2026-08-18.csv.gz")

describe("Recorded market", () => {
  it.live(
    "BE-FIN-08 plays a file to its last values, saves each minute's candle once, and a restart keeps both",
    () =>
      play(
        sixMinutes(),
        undefined,
        (running, config) =>
          Effect.gen(function* () {
            yield* isAsTheFileSays(running, sixMinutes())
            const { body: market } = yield* eventually(
              "the recording's last clock",
              ask(running, "/health"),
              ({ body }) => body.market.time === "2026-08-19T06:36:00.000Z"
            )
            assert.strictEqual(market.market.mode, "recorded")
            const candles = yield* eventually("six minute candles", ask(running, "/strategies/1/m2m"), ({ body }) => body.total === 6)
            const minutes = candles.body.candles.map(({ timestamp }: { timestamp: string }) => timestamp.slice(11, 16))
            assert.deepStrictEqual(minutes, ["06:30", "06:31", "06:32", "06:33", "06:34", "06:35"])
            for (const { open, high, low, close } of candles.body.candles as ReadonlyArray<
              Record<"open" | "high" | "low" | "close", string>
            >) {
              assert.deepStrictEqual([open, high, low], [close, close, close]) // one snapshot a minute
            }
            const { body: strategy } = yield* ask(running, "/strategies/1")
            assert.isTrue(strategy.latest.complete)
            assert.strictEqual(candles.body.candles[5].close, strategy.latest.m2m)

            yield* running.stop
            const again = yield* start(config)
            yield* eventually("health", ask(again, "/health"), ({ body }) => body.market?.state === "ended")
            yield* isAsTheFileSays(again, sixMinutes())
            assert.strictEqual((yield* ask(again, "/strategies/1/m2m")).body.total, 6)
          }) as never
      ),
    300_000
  )

  it.live.skipIf(!existsSync(realDay))(
    "a real NIFTY afternoon ends in the file's last values for every contract (skipped without TARANG_REFERENCE_DATA)",
    () => {
      const csv = gunzipSync(readFileSync(realDay)).toString()
      return play(csv, realDump, (running) => isAsTheFileSays(running, csv) as never)
    },
    300_000
  )
})
