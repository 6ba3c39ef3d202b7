import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import * as StartFailure from "../../../src/StartFailure.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import { AccountsError } from "../../../src/simulator/SimulatorOptions.ts"
import { MigrationFailed } from "../../../src/store/Migrations.ts"
import * as Postgres from "../../../src/store/Postgres.ts"
import { begin, world } from "../PlatformWorld.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tarang-failure-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)
const takenPort = Effect.acquireRelease(
  Effect.async<ReturnType<typeof createServer>>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
).pipe(Effect.map((server) => (server.address() as AddressInfo).port))

/** One line that a person can act on. */
const isSentence = (text: string | undefined, wanted: RegExp) => {
  assert.match(text ?? "", wanted)
  assert.notMatch(text ?? "", /\n|\bat .*:\d+:\d+|[{}]/, "a sentence, no stack and no JSON")
}

describe("a start that fails", () => {
  it.live(
    "says in a sentence what is wrong and what to do, whatever it is",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world()
        const at = yield* folder
        const file = (name: string, text: string) => {
          writeFileSync(join(at, name), text)
          return join(at, name)
        }
        const port = String(yield* takenPort)
        const cases: ReadonlyArray<readonly [Record<string, string | undefined>, RegExp]> = [
          [{ GATEWAY_PORT: port }, /^The gateway cannot listen: listen EADDRINUSE.* Set GATEWAY_HOST .* GATEWAY_PORT to a free port$/],
          [{ GATEWAY_PORT: "abc" }, /^GATEWAY_PORT: .*integer/],
          [{ GATEWAY_PORT: "70000" }, /^GATEWAY_PORT: a port is 0 \(any free one\) to 65535$/],
          [
            { KITE_CONNECTION_INSTRUMENTS: "3001" },
            /^KITE_CONNECTION_INSTRUMENTS: must be 1 to 3000: Kite takes no more on one connection$/
          ],
          [{ INSTRUMENTS_REFRESH_AT: "25:00" }, /^INSTRUMENTS_REFRESH_AT: expected a time of day such as 08:30 \(IST\)$/],
          [{ ACCOUNTS_FILE: undefined }, /^ACCOUNTS_FILE is not set: docs\/operations\.md says what it is$/],
          [{ ACCOUNTS_FILE: join(at, "absent.json") }, /absent\.json: there is no such file; docs\/operations\.md/],
          [{ ACCOUNTS_FILE: at }, /^ACCOUNTS_FILE .*: (it is no file|cannot be read); docs\/operations\.md/],
          [{ ACCOUNTS_FILE: file("broken.json", "{") }, /broken\.json: is not valid JSON; docs\/operations\.md/],
          [{ ACCOUNTS_FILE: file("other.json", '[{"account_id":"a b"}]') }, /other\.json: \[0\]\.account_id must be 1 to 64 characters/],
          [{ JWT_SECRET: undefined }, /^JWT_SECRET is not set: set JWT_SECRET or JWT_JWKS_URL$/],
          [{ JWT_SECRET: "short" }, /^JWT_SECRET: needs at least 32 bytes$/],
          [{ DATABASE_URL: "nowhere" }, /^DATABASE_URL(: DATABASE_URL)? is not an address such as postgres:/],
          [{ DATABASE_URL: "postgres://u:p@127.0.0.1:1/x" }, /^Failed to connect to database: .*; start Postgres or correct DATABASE_URL$/],
          [{ NATS_URL: "nats://127.0.0.1:1" }, /^Failed to connect to NATS/],
          [{ NATS_ENGINE_PASSWORD: "wrong" }, /^Failed to connect to NATS.*NATS_ENGINE_PASSWORD/],
          [{ LOG_LEVEL: "INFO", REDIS_URL: "redis://127.0.0.1:1", REDIS_REQUIRED: "true" }, /^Failed to connect to Redis: .*; start Redis/]
        ]
        for (const [wrong, text] of cases) {
          const wanted = Object.entries({ ...config, ...wrong }).filter((entry): entry is [string, string] => entry[1] !== undefined)
          const { exit } = yield* begin(Object.fromEntries(wanted))
          assert.isTrue(Exit.isFailure(exit), JSON.stringify(wrong))
          if (Exit.isFailure(exit)) isSentence(StartFailure.sentence(exit.cause), text)
        }
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-ERR-031 a host name that does not resolve is named, whichever backend has it",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world()
        const cases: ReadonlyArray<readonly [Record<string, string>, string]> = [
          [{ DATABASE_URL: "postgres://u:p@nowhere.invalid/x" }, "Failed to connect to database"],
          [{ NATS_URL: "nats://nowhere.invalid:4222" }, "Failed to connect to NATS"],
          [{ REDIS_URL: "redis://nowhere.invalid:6379", REDIS_REQUIRED: "true" }, "Failed to connect to Redis"]
        ]
        for (const [wrong, what] of cases) {
          const { exit } = yield* begin({ ...config, ...wrong })
          if (Exit.isFailure(exit))
            isSentence(StartFailure.sentence(exit.cause), new RegExp(`^${what}: Failed to resolve hostname nowhere\\.invalid; `))
          else assert.fail(`${what}: the start succeeded`)
        }
      }).pipe(Effect.scoped),
    300_000
  )

  it.effect("a database that is too old, or refuses its user, is named with what to do", () =>
    Effect.gen(function* () {
      const server = (version: string, number: number) => (() => Effect.succeed([{ version, number }])) as never
      const old = yield* Effect.exit(Postgres.refuseOld(server("14.9", 140_009)))
      assert.isTrue(Exit.isFailure(old))
      if (Exit.isFailure(old)) isSentence(StartFailure.sentence(old.cause), /Postgres 14\.9, and 15 is the oldest that works; upgrade it/)
      yield* Postgres.refuseOld(server("15.0", 150_000))
      const denied = new MigrationFailed({ step: "1 (instruments)", cause: new Error("permission denied for schema public") })
      isSentence(
        StartFailure.sentence(Cause.fail(denied)),
        /permission denied for schema public; let the user of DATABASE_URL own its database$/
      )
    })
  )

  it.scopedLive("the simulator's accounts file and address are named with what to do", () =>
    Effect.gen(function* () {
      const port = yield* takenPort
      const taken = yield* Effect.exit(Simulator.make({ port, accounts: [], market: { mode: "synthetic" } }))
      if (Exit.isFailure(taken))
        isSentence(StartFailure.sentence(taken.cause), /cannot listen on 127\.0\.0\.1:\d+ .*: set SIMULATOR_HOST and SIMULATOR_PORT/)
      else assert.fail("the port was taken")
      const accounts = new AccountsError({ file: "a.json", reason: "[0].api_key is missing" })
      isSentence(StartFailure.sentence(Cause.fail(accounts)), /^ACCOUNTS_FILE a\.json: \[0\]\.api_key is missing; docs/)
    })
  )

  it("a defect keeps its stack, and a stop is no failure", () => {
    assert.match(StartFailure.sentence(Cause.die(new Error("ours"))) ?? "", /ours\n\s+at /)
    assert.isUndefined(StartFailure.sentence(Cause.interrupt(1 as never)))
  })
})
