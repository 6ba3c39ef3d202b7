import { randomBytes } from "node:crypto"
import { statSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { join } from "node:path"
import { SqlClient } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Either, Layer, Logger, Option } from "effect"
import { inject } from "vitest"
import { postgres } from "../../../scripts/lib/backends.mjs"
import * as BarWriter from "../../../src/actors/edge/BarWriter.ts"
import type * as Bar from "../../../src/domain/market/Bar.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { supervise } from "../../../src/streams/Supervisor.ts"
import * as Databases from "../../Databases.ts"
import { type SmallDisk, smallDisk } from "../../SmallDisk.ts"
import { started } from "../../store/Stores.ts"
import { until } from "../../streams/Nats.ts"
import { natsServer } from "../../TestBackends.ts"

const diskMegabytes = 48
const barsBefore = 200
const barsDuring = 6_000
const minuteMs = 60_000
const openMs = Date.parse("2026-11-20T04:00:00.000Z")

const live = Layer.unwrapScoped(
  Effect.map(natsServer, (nats) =>
    Streams.layer.pipe(
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provide(
        Layer.setConfigProvider(
          ConfigProvider.fromMap(
            new Map([
              ["NATS_URL", nats.url],
              ["NATS_ENGINE_PASSWORD", nats.passwords.engine]
            ])
          )
        )
      )
    )
  )
)

interface Database {
  readonly url: string
  readonly fill: Effect.Effect<void>
  readonly free: Effect.Effect<void>
}

/**
 * A database whose tables are on a small disk; Postgres' log of changes is elsewhere, as on a machine with a disk for each. The server is not
 * shared with other tests, because its checkpoints fail while the disk is full.
 */
const database = Effect.gen(function* () {
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => postgres(await mkdtemp(join(inject("backends").folder, "postgres-")), { durable: false })),
    (one) => Effect.promise(() => one.stop().then(one.remove))
  )
  const context = yield* Layer.build(Databases.client(server.url))
  const sql = Context.get(context, SqlClient.SqlClient)
  const found = yield* sql<{ readonly folder: string }>`SELECT current_setting('data_directory') AS folder`
  const { uid } = statSync(found[0]?.folder ?? "")
  const disk: SmallDisk = yield* Effect.acquireRelease(
    Effect.sync(() => smallDisk(diskMegabytes, uid)),
    (one) => Effect.sync(one.dispose)
  )
  const name = `t_${randomBytes(6).toString("hex")}`
  const isFull = disk.kind === "tmpfs"
  const run = (statement: string) => Effect.orDie(sql.unsafe(statement))
  if (isFull) yield* run(`CREATE TABLESPACE ${name} LOCATION '${disk.folder}'`)
  yield* run(`CREATE DATABASE ${name}${isFull ? ` TABLESPACE ${name}` : ""}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  /** Where no small disk can be made, a trigger refuses each write with the same error. */
  const inside = (statement: string) =>
    Effect.flatMap(SqlClient.SqlClient, (one) => one.unsafe(statement)).pipe(
      Effect.provide(Databases.client(url.href)),
      Effect.scoped,
      Effect.orDie
    )
  const refuse = `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON bars EXECUTE FUNCTION refuse()`
  return {
    url: url.href,
    fill: isFull ? Effect.sync(() => disk.fill(undefined)) : Effect.asVoid(inside(refuse)),
    free: isFull ? Effect.sync(disk.free) : Effect.asVoid(inside("DROP TRIGGER refuse ON bars"))
  } satisfies Database
})

const bar = (minute: number) =>
  Effect.flatMap(JetStream, ({ publish }) => {
    const timestamp = new Date(openMs + minute * minuteMs).toISOString()
    const one = { timestamp, open: 100.05, high: 101, low: 99.95, close: 100, volume: 75, oi: null, closed: true, complete: true }
    const body: Bar.Bars = {
      ...{ v: 1, as_of: timestamp, seq: 1, exchange: "NSE", underlying: "NIFTY", interval: "1m" },
      ...{ instrument_token: 257, tradingsymbol: "T257", bars: [one] }
    }
    return publish(Subjects.Bars.at({ interval: "1m", exchange: "NSE", underlying: "NIFTY", token: "257" }), Subjects.Bars.encode(body))
  })
const bars = (from: number, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, at) => from + at),
    bar,
    { concurrency: 200, discard: true }
  )

describe("a full disk", () => {
  it.live(
    "BE-RES-01 of Postgres: the writer names it while bars wait in their stream, reads go on, and each bar is saved once there is room, without a restart",
    () =>
      Effect.gen(function* () {
        const { fill, free, url } = yield* database
        const { jsm, last } = yield* JetStream
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const saved = Effect.map(sql<{ readonly n: number }>`SELECT count(*)::int AS n FROM bars`, ([one]) => one?.n ?? -1)
          const status = Effect.map(last("SYS", Subjects.Writer.at({ writer: BarWriter.kind })), (found) =>
            Option.getOrUndefined(Option.flatMap(found, ({ data }) => Either.getRight(Subjects.Writer.decodeEither(data))))
          )
          yield* Effect.forkScoped(supervise(BarWriter.kind, "1", Effect.flatten(BarWriter.make)))
          yield* bars(0, barsBefore)
          yield* until("the first bars are saved", () => Effect.map(saved, (n) => n === barsBefore))

          yield* fill
          yield* bars(barsBefore, barsDuring)
          const isNamed = Effect.map(
            status,
            (one) =>
              one?.state === "failed" &&
              one.waiting > 0 &&
              one.detail === "Database unavailable: the disk of Postgres is full (53100): free space there, then writes go on by themselves"
          )
          yield* until("the writer names it", () => isNamed)
          yield* until("and goes on naming it after its next start", () => isNamed)
          const during = yield* saved
          assert.isAtLeast(during, barsBefore) // what was acknowledged is still read
          assert.isBelow(during, barsBefore + barsDuring)
          const consumer = yield* Effect.promise(() => jsm.consumers.info(Subjects.Bars.stream, BarWriter.kind))
          assert.isAtMost(consumer.num_ack_pending, consumer.config.max_ack_pending ?? 0)

          yield* free
          yield* until("each bar is saved", () => Effect.map(saved, (n) => n === barsBefore + barsDuring))
          yield* until("the writer is well", () => Effect.map(status, (one) => one?.state === "writing" && one.waiting === 0))
        }).pipe(Effect.provide(started(url)))
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )
})
