import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Bars } from "../../../src/domain/market/Bar.ts"
import type { Break } from "../../../src/domain/record/Break.ts"
import { accountIds, ask, eventually, metric, natsClient, readAll, receivedUntilStop, socket, start, world } from "../PlatformWorld.ts"
import { readRecord } from "../record/Record.ts"

const nifty = 256_265
const minutesOf = 60
/** Minutes of the recording that pass in a second. NATS is away, starts again and is found again while it lasts, also on a busy machine. */
const minutesPerSecond = 1
/** NATS is away from here on, in minutes of the recording. */
const awayFromMinute = 8
/** Room for two minutes of the recording. */
const roomBytes = 2_000
/** Packets that are dropped before NATS returns. */
const droppedWanted = 40

const spotAt = (minute: number) => 24_500 + ((minute * 7) % 5) * 10
const minuteOf = (minute: number) => {
  const at = 9 * 60 + 15 + minute
  return `${String(Math.floor(at / 60)).padStart(2, "0")}${String(at % 60).padStart(2, "0")}`
}
/** An hour of one expiry: each minute the spot, and a call and a put at two strikes. */
const csv = [
  "timestamp,expiry,strike,option_type,spot,ltp,volume,oi",
  ...Array.from({ length: minutesOf }, (_, minute) => minute).flatMap((minute) =>
    [24_400, 24_500].flatMap((strike) =>
      (["CE", "PE"] as const).map((side) => {
        const price = Math.max(0, side === "CE" ? spotAt(minute) - strike : strike - spotAt(minute)) + 60 + (minute % 9)
        return `20260819${minuteOf(minute)},25-Aug-2026,${strike},${side},${spotAt(minute)}.25,${price},${1_000 + minute * 65},${65_000 + minute * 65}`
      })
    )
  )
].join("\n")

const recorded = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "tarang-room-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const file = join(folder, "day.csv")
  yield* Effect.promise(() => writeFile(file, csv))
  return yield* world(
    { mode: "recorded", file, underlying: "NIFTY", speed: 60 * minutesPerSecond },
    { FRAME_BUFFER_BYTES_MAX: String(roomBytes), SEED_USER: "demo" }
  )
})

describe("NATS away for longer than the publisher has room", () => {
  it.live(
    "BE-REC-02 the record counts every dropped packet, clients learn of the gap, and its bars say incomplete and are filled from history",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* recorded
        const running = yield* start(config)
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick").length)
        yield* eventually("ticks", ticks, (count) => count >= awayFromMinute)
        yield* Effect.promise(nats.kill)
        yield* eventually("packets find no room", metric(running, "packets_dropped_total"), (dropped) => dropped >= droppedWanted)
        assert.isAtMost(yield* metric(running, "frame_buffer_bytes"), accountIds.length * roomBytes)
        yield* Effect.promise(nats.start)
        const before = yield* ticks
        yield* eventually("ticks go on", ticks, (count) => count > before + 3)
        const gaps = yield* eventually(
          "the client learns of the gap",
          Effect.sync(() => client.received.filter(({ type, interruption }) => type === "gap" && interruption?.cause === "room")),
          (found) => found.length > 0
        )
        yield* eventually("the recording ends", ask(running, "/health"), ({ body }) => body.market?.state === "ended")

        const nc = yield* natsClient(nats)
        // A break without an acknowledgement is sent again.
        const all = yield* readAll<typeof Break.Encoded>(nc, "MD_FRAMES", "md.break.>")
        const breaks = [...new Map(all.map((one) => [JSON.stringify(one), one])).values()].filter(({ cause }) => cause === "room")
        const [first] = breaks
        assert.isDefined(first)
        assert.deepInclude(gaps[0].interruption, { account_id: first.account, from: first.from })
        const isBroken = (startMs: number) =>
          breaks.some(({ from, to }) => startMs + 60_000 > Date.parse(from) && startMs <= Date.parse(to ?? "9999"))
        const bars = Effect.map(readAll<Bars>(nc, "MD_BARS", `md.bar.1m.NSE.NIFTY.${nifty}`), (all) =>
          all.flatMap((one) => one.bars.filter(({ closed }) => closed))
        )
        const closed = yield* eventually("bars until the end", bars, (all) => all.at(-1)?.timestamp.slice(11, 16) === "04:44")
        const incomplete = closed.filter(({ complete }) => !complete)
        assert.isAbove(incomplete.filter(({ timestamp }) => isBroken(Date.parse(timestamp))).length, 0)
        for (const { timestamp, complete } of closed) if (complete) assert.isFalse(isBroken(Date.parse(timestamp)), timestamp)

        const span = `instrument_token=${nifty}&interval=minute&from=2026-08-19&to=2026-08-19&sources=1`
        const filled = yield* eventually(
          "each minute of the gap comes from the broker",
          Effect.map(ask(running, `/history?${span}`), ({ body }) => body.candles ?? []),
          (all) =>
            all.length === minutesOf &&
            all.every(({ date, source }: { date: string; source: string }) => !isBroken(Date.parse(date)) || source === "broker")
        )
        assert.deepStrictEqual(
          filled.map(({ close, complete }: { close: number; complete?: boolean }) => [close, complete ?? true]),
          Array.from({ length: minutesOf }, (_, minute) => [spotAt(minute) + 0.25, true])
        )

        const dropped = yield* metric(running, "packets_dropped_total")
        const received = yield* receivedUntilStop(nc, running)
        const lost = breaks.reduce((sum, { packets }) => sum + (packets ?? 0), 0)
        assert.strictEqual(lost, dropped)
        const record = yield* Effect.promise(() => readRecord(nc, nifty))
        assert.strictEqual(record.packets + lost, received, "what was received is stored or counted")
        for (const [key, numbers] of record.numbers) assert.strictEqual(Math.max(...numbers) + 1, numbers.size, `holes in ${key}`)
      }).pipe(Effect.scoped),
    600_000
  )
})
