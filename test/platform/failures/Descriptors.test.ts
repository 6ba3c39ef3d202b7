import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { connect, type Socket as Tcp } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { platformProgram } from "../../BuiltProgram.ts"
import { freePort } from "../../FreePort.ts"
import { waitMsMax } from "../../Patience.ts"
import { ask, eventually, type Running, socket, world } from "../PlatformWorld.ts"

const nifty = 256_265
/** Descriptors that are free when the flood begins, and the connections of the flood. */
const spare = 60
const flood = 300

/** How a new connection fares: a request that is answered, or a connection that is closed or refused. Neither within the limit: hanging. */
const knock = (port: number) =>
  new Promise<{ readonly fate: "answered" | "closed" | "hanging"; readonly tcp: Tcp }>((resolve) => {
    const tcp = connect(port, "127.0.0.1")
    const end = (fate: "answered" | "closed" | "hanging") => {
      clearTimeout(timer)
      resolve({ fate, tcp })
    }
    const timer = setTimeout(() => end("hanging"), waitMsMax / 2)
    tcp.on("error", () => end("closed"))
    tcp.on("close", () => end("closed"))
    tcp.on("data", () => end("answered"))
    tcp.on("connect", () => tcp.write("GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"))
  })

/** Linux's tool that changes a limit of a process that runs. */
const hasLimits = spawnSync("prlimit", ["--version"]).status === 0

describe.skipIf(!hasLimits)("File descriptors (skipped where there is no prlimit)", () => {
  it.live(
    "BE-RES-02 BE-OPS-01 exhausted: new connections are closed at once, the open ones stream and answer on, and afterwards new ones are served; the log has only the configured levels",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world()
        // The program as it runs in production: the descriptors of this process would be those of the test.
        const [file, port] = yield* Effect.all([platformProgram, freePort])
        const env = { ...config, PATH: process.env["PATH"] ?? "", GATEWAY_PORT: String(port), SEED_USER: "demo", LOG_LEVEL: "WARN" }
        const child = yield* Effect.acquireRelease(
          Effect.sync(() => spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "inherit"] })),
          (started) =>
            Effect.promise(async () => {
              if (started.exitCode !== null || started.signalCode !== null) return
              started.kill("SIGKILL")
              await once(started, "close")
            })
        )
        const written: Array<Buffer> = []
        child.stdout.on("data", (some: Buffer) => written.push(some))
        const running: Running = { url: `http://127.0.0.1:${port}`, logs: [], stop: Effect.void }
        const health = ask(running, "/health").pipe(Effect.catchAllDefect(() => Effect.succeed({ status: 0, body: {} })))
        yield* eventually("it streams", health, ({ body }) => body.status === "ok" && body.ticker.accounts.sim1?.ticks > 0)
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick").length)
        yield* eventually("ticks", ticks, (count) => count > 5)
        const early = yield* Effect.promise(() => knock(port))
        assert.strictEqual(early.fate, "answered")

        // Only now: the start opens hundreds of files.
        const limit = readdirSync(`/proc/${child.pid}/fd`).length + spare
        execFileSync("prlimit", ["--pid", String(child.pid), `--nofile=${limit}:${limit}`])
        const all = yield* Effect.promise(() => Promise.all(Array.from({ length: flood }, () => knock(port))))
        const fates = all.map(({ fate }) => fate)
        assert.notInclude(fates, "hanging")
        assert.include(fates, "closed")
        assert.isAbove(fates.filter((fate) => fate === "closed").length, flood - 2 * spare)

        // The connections that were there work on while no descriptor is free.
        const seen = yield* ticks
        yield* eventually("ticks go on", ticks, (count) => count > seen + 20)
        assert.isUndefined(client.closed())
        const answered = new Promise<boolean>((resolve) => early.tcp.once("data", () => resolve(true)))
        early.tcp.write("GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert.isTrue(yield* Effect.promise(() => answered))
        assert.isNull(child.exitCode)

        for (const { tcp } of [...all, early]) tcp.destroy()
        yield* eventually(
          "new connections are served",
          Effect.promise(async () => {
            const { fate, tcp } = await knock(port)
            tcp.destroy()
            return fate
          }),
          (fate) => fate === "answered"
        )
        yield* eventually("all is well", health, ({ body }) => body.status === "ok")
        assert.isEmpty(client.received.filter(({ type }) => type === "gap" || type === "error"))
        // What ends with a line is whole.
        const lines = Buffer.concat(written).toString().split("\n").slice(0, -1)
        const levels: ReadonlyArray<string> = lines.map((line) => JSON.parse(line).logLevel)
        assert.isEmpty(levels.filter((level) => level !== "WARN" && level !== "ERROR"))
      }).pipe(Effect.scoped),
    300_000
  )
})
