import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { Effect } from "effect"
import { world } from "../PlatformWorld.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "tarang-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/**
 * Six minutes of two expiries: one contract appears late, one disappears early, and one row is malformed. `rise` is added to all
 * strikes.
 */
export const sixMinutes = (rise = 0) => {
  const lines = ["timestamp,expiry,strike,option_type,spot,ltp,volume,oi,oi_chg,iv"]
  for (let minute = 0; minute < 6; minute++) {
    const spot = 24_050.25 + rise + minute * 3.1
    for (const [expiry, time] of [
      ["25-Aug-2026", 6],
      ["01-Sep-2026", 13]
    ] as const) {
      for (let strike = 23_800 + rise; strike <= 24_300 + rise; strike += 50) {
        for (const side of ["CE", "PE"] as const) {
          if (strike === 24_300 + rise && side === "PE" && minute < 3) continue
          if (strike === 23_800 + rise && side === "CE" && minute > 2) continue
          const intrinsic = Math.max(0, side === "CE" ? spot - strike : strike - spot)
          const price = (intrinsic + 12 * time * Math.exp(-(((spot - strike) / 400) ** 2))).toFixed(1)
          lines.push(
            `20260819120${minute},${expiry},${strike},${side},${spot},${price},${1000 * (minute + 1) + strike},${strike * 3 + minute * 7},${minute * 7 + 1},0`
          )
        }
      }
    }
    if (minute === 2) lines.push("202608191202,25-Aug-2026,not-a-strike,CE,24050,1,1,1,1,0")
  }
  return `${lines.join("\n")}\n`
}

/** Backends and a simulated broker that plays the recording as fast as possible. */
export const recordedWorld = (csv: string, instruments?: string, more: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const file = join(yield* folder, "day.csv.gz")
    yield* Effect.promise(() => writeFile(file, gzipSync(csv)))
    const market = { mode: "recorded", file, ...(instruments && { instruments }), underlying: "NIFTY", speed: "max" } as const
    return yield* world(market, { SEED_USER: "demo", ...more })
  })
