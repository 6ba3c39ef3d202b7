import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as BarGaps from "../../../src/actors/history/BarGaps.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import { fresh } from "../../store/Stores.ts"

const at = (minute: string) => new Date(`2026-08-19T${minute}:00+05:30`)
const token = 1_002 * 256 + 2
const bar = (minute: string, source: NewBar["source"], complete: boolean, more: Partial<NewBar> = {}): NewBar => ({
  exchange: "NFO",
  instrumentToken: token,
  tradingsymbol: "A",
  minutes: 1,
  source,
  at: at(minute),
  open: 10,
  high: 12,
  low: 9,
  close: 11,
  volume: 10,
  oi: null,
  complete,
  ...more
})

layer(fresh(), { excludeTestServices: true })("BarGaps", (it) => {
  it.effect("BE-REC-02 minutes that a break left incomplete or without a bar are filled from the broker's history by themselves", () =>
    Effect.gen(function* () {
      const repo = yield* BarRepo
      // Packets were missing from 10:01:30 to 10:04:20. Nothing traded into a bar at 10:02 and 10:03.
      yield* repo.save([
        bar("10:00", "live", true),
        bar("10:01", "live", false),
        bar("10:04", "live", false),
        bar("10:05", "live", true),
        bar("10:05", "live", false, { instrumentToken: token + 256, tradingsymbol: "B" })
      ])
      const asked: Array<readonly [string, string, string]> = []
      const history = ({ tradingsymbol, from, to }: BarRepo.Gap) =>
        Effect.suspend(() => {
          asked.push([tradingsymbol, from.toISOString(), to.toISOString()])
          const minutes = ["10:01", "10:02", "10:03", "10:04"]
          return tradingsymbol === "A" ? repo.save(minutes.map((minute) => bar(minute, "broker", true))) : Effect.succeed(0)
        })
      let nowMs = at("10:06").getTime()
      const gaps = yield* BarGaps.make(history, () => nowMs)
      yield* gaps.look
      assert.deepStrictEqual(asked, [["A", at("10:01").toISOString(), at("10:04").toISOString()]], "a bar of the newest two minutes waits")
      nowMs = at("10:07").getTime()
      for (let look = 0; look < BarGaps.triesMax + 2; look++) yield* gaps.look
      const b = ["B", at("10:05").toISOString(), at("10:05").toISOString()] as const
      assert.deepStrictEqual(
        asked.slice(1),
        Array(BarGaps.triesMax).fill(b),
        "filled gaps are not asked for again, empty ones are given up"
      )
      const range = { from: at("09:15"), to: at("15:30"), now: at("15:30"), sessions: [], gridOpenMs: 0 }
      const shown = yield* repo.range({ exchange: "NFO", tradingsymbol: "A", minutes: 1, ...range })
      assert.deepStrictEqual(
        shown.map((one) => [one.at.toISOString(), one.ours]),
        ["10:00", "10:01", "10:02", "10:03", "10:04", "10:05"].map((minute) => [
          at(minute).toISOString(),
          minute === "10:00" || minute === "10:05"
        ])
      )
    })
  )

  it.effect("a gap whose history fails is tried again, and the others are filled", () =>
    Effect.gen(function* () {
      const repo = yield* BarRepo
      const symbols = ["C", "D"]
      yield* repo.save(
        symbols.map((tradingsymbol, n) => bar("11:00", "live", false, { instrumentToken: (2_000 + n) * 256 + 2, tradingsymbol }))
      )
      const asked: Array<string> = []
      const gaps = yield* BarGaps.make(
        ({ tradingsymbol }) =>
          Effect.suspend(() => {
            asked.push(tradingsymbol)
            return tradingsymbol === "C" ? Effect.fail("away") : Effect.void
          }),
        () => at("11:05").getTime()
      )
      yield* gaps.look
      yield* gaps.look
      assert.deepStrictEqual(
        asked.filter((one) => symbols.includes(one)),
        ["C", "D", "C", "D"]
      )
    })
  )
})
