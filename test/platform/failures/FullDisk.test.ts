import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterEach, beforeEach } from "vitest"
import { supervise } from "../../../scripts/lib/supervise.mjs"
import type { Break } from "../../../src/domain/record/Break.ts"
import { type SmallDisk, smallDisk } from "../../SmallDisk.ts"
import { type NatsServer, natsServerIn } from "../../TestBackends.ts"
import { accountIds, ask, eventually, metric, natsClient, readAll, receivedUntilStop, socket, start, world } from "../PlatformWorld.ts"
import { readRecord } from "../record/Record.ts"

const nifty = 256_265
const diskMegabytes = 96
/** Room for a second or two of packets of one account. */
const roomBytes = 200_000
const droppedWanted = 40

const disk = Effect.acquireRelease(
  Effect.sync(() => smallDisk(diskMegabytes)),
  (one) => Effect.sync(one.dispose)
)

/** Watches NATS as `npm start` does, until the scope ends; answers how often it was started again. */
const watched = (nats: NatsServer, { folder }: SmallDisk) =>
  Effect.gen(function* () {
    let starts = 0
    let isOver = false
    const over = new Promise<never>(() => {})
    const part = {
      name: "NATS",
      port: 0,
      folder,
      staysMute: true,
      child: () => {
        const child = nats.child()
        return { ...child, ended: child.ended.then((end) => (isOver ? over : end)) }
      },
      again: async () => {
        await nats.start()
        starts++
      }
    }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isOver = true
      })
    )
    const list = join(mkdtempSync(join(tmpdir(), "tarang-restarts-")), "restarts.json")
    void supervise([part], list).catch(() => undefined)
    return () => starts
  })

describe("a full disk", () => {
  const before = process.env["DISK_ROOM_BYTES_MIN"]
  beforeEach(() => {
    process.env["DISK_ROOM_BYTES_MIN"] = String((diskMegabytes * 1024 * 1024) / 4)
  })
  afterEach(() => {
    if (before === undefined) delete process.env["DISK_ROOM_BYTES_MIN"]
    else process.env["DISK_ROOM_BYTES_MIN"] = before
  })

  it.live(
    "BE-RES-01 of NATS: /health names it, every packet is stored or counted in a break, clients learn of it, and NATS is started again when there is room",
    () =>
      Effect.gen(function* () {
        const small = yield* disk
        const { config, nats } = yield* world(
          { mode: "synthetic", rate: 20, strikesEachSide: 12 },
          { FRAME_BUFFER_BYTES_MAX: String(roomBytes), NATS_REQUEST_TIMEOUT: "5 seconds" },
          {},
          accountIds,
          natsServerIn(join(small.folder, "nats"))
        )
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick").length)
        yield* eventually("ticks", ticks, (count) => count > 20)

        small.fill(nats.child().pid)
        // Each stream is noticed when its own publisher gets no answer. The record's is one of them.
        const said = yield* eventually("health names the record", ask(running, "/health"), ({ body }) =>
          /NATS answers but has stored nothing in [A-Z_, ]*MD_FRAMES/.test(body.reason ?? "")
        )
        assert.strictEqual(said.body.status, "down")
        assert.match(said.body.reason, / since 20.*: its disk is full .*free space there, then restart nats-server/)
        assert.strictEqual(said.body.dependencies.nats, "ok") // it answers
        assert.isAbove(yield* metric(running, "nats_store_fault"), 0)
        yield* eventually("packets find no room", metric(running, "packets_dropped_total"), (dropped) => dropped >= droppedWanted)

        const starts = yield* watched(nats, small)
        if (small.kind === "tmpfs") assert.strictEqual(starts(), 0) // there is no room yet
        small.free()
        const seen = yield* ticks
        yield* eventually("ticks go on", ticks, (count) => count > seen + 20)
        assert.strictEqual(starts(), 1)
        yield* eventually(
          "health does not say it any longer",
          ask(running, "/health"),
          ({ body }) => !body.reason?.includes("stored nothing")
        )
        const isGap = ({ type, interruption }: { type: string; interruption?: { cause: string } }) =>
          type === "gap" && interruption?.cause === "room"
        yield* eventually(
          "the client learns of the gap",
          Effect.sync(() => client.received.some(isGap)),
          Boolean
        )

        const nc = yield* natsClient(nats)
        const received = yield* receivedUntilStop(nc, running)
        const all = yield* readAll<typeof Break.Encoded>(nc, "MD_FRAMES", "md.break.>")
        const breaks = [...new Map(all.map((one) => [JSON.stringify(one), one])).values()].filter(({ cause }) => cause === "room")
        const lost = breaks.reduce((sum, { packets }) => sum + (packets ?? 0), 0)
        const record = yield* Effect.promise(() => readRecord(nc, nifty))
        assert.isAtLeast(lost, droppedWanted)
        assert.strictEqual(record.packets + lost, received, "what was received is stored or counted")
        for (const [key, numbers] of record.numbers) assert.strictEqual(Math.max(...numbers) + 1, numbers.size, `holes in ${key}`)
      }).pipe(Effect.scoped),
    300_000
  )
})
