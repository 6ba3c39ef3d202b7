import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { builtProgram } from "../BuiltProgram.ts"
import { waitMsMax } from "../Patience.ts"
import { httpServer } from "./KiteServer.ts"

const dump = `instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange
12683010,49543,NIFTY26AUG24500CE,NIFTY,0.0,2026-08-25,24500.0,0.05,75,CE,NFO-OPT,NFO
`
/** In New York, summer time begins on this day: the local time 02:30 does not exist. */
const quote = {
  instrument_token: 408065,
  timestamp: "2026-03-08 02:30:00",
  last_trade_time: "2026-03-08 00:10:00",
  last_price: 1,
  ohlc: { open: 1, high: 1, low: 1, close: 1 }
}

describe("time zones", () => {
  it.scopedLive(
    "programs in New York, Kolkata and UTC read the same instants from the same answers",
    () =>
      Effect.gen(function* () {
        const server = yield* httpServer((request, response) => {
          if (request.url?.startsWith("/quote")) {
            const body = JSON.stringify({ status: "success", data: { "NSE:INFY": quote } })
            response.writeHead(200, { "content-type": "application/json" }).end(body)
          } else response.writeHead(200, { "content-type": "text/csv" }).end(dump)
        })
        const probe = yield* builtProgram("zone-probe", "test/broker/zoneProbe.ts")
        const zones = [
          ["America/New_York", 300],
          ["Asia/Kolkata", -330],
          ["UTC", 0]
        ] as const
        for (const [zone, offsetMinutes] of zones) {
          const env = { ...process.env, TZ: zone, KITE_ROOT: server.url }
          const { stdout } = yield* Effect.promise(() => promisify(execFile)(process.execPath, [probe], { env, timeout: waitMsMax }))
          assert.deepStrictEqual(JSON.parse(stdout), {
            offsetMinutes,
            token: 19,
            timestamp: "2026-03-07T21:00:00.000Z",
            lastTradeTime: "2026-03-07T18:40:00.000Z",
            expiry: "2026-08-25"
          })
        }
      }),
    300_000
  )
})
