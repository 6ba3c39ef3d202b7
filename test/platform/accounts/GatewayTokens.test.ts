import { spawn } from "node:child_process"
import { closeSync, openSync, readFileSync, readSync } from "node:fs"
import { readFile } from "node:fs/promises"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Redacted } from "effect"
import * as Vault from "../../../src/broker/Vault.ts"
import { platformProgram } from "../../BuiltProgram.ts"
import { freePort } from "../../FreePort.ts"
import { observer } from "../../store/Stores.ts"
import { ask, eventually, type Running, simulatorAccount, start, token, type World, world } from "../PlatformWorld.ts"

const mine = simulatorAccount("spare")

/** A gateway in a process of its own. */
const gateway = (config: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const file = yield* platformProgram
    const port = yield* freePort
    const env = { ...config, PATH: process.env["PATH"] ?? "", ROLES: "gateway", GATEWAY_PORT: String(port) }
    const child = spawn(process.execPath, [file], { env, stdio: ["ignore", "ignore", "inherit"] })
    yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
    return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0 }
  })

const chunkBytes = 1 << 20
/** The bytes that a process has in its memory, in pieces that overlap by more than a token. A piece that the system does not give is left out. */
function* memoryOf(pid: number): Generator<Buffer> {
  const overlap = 1024
  const memory = openSync(`/proc/${pid}/mem`, "r")
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? []
      if (from === undefined || to === undefined || line.includes("[v")) continue
      const end = Number.parseInt(to, 16)
      for (let at = Number.parseInt(from, 16); at < end; at += chunkBytes) {
        const piece = Buffer.alloc(Math.min(chunkBytes + overlap, end - at))
        try {
          yield piece.subarray(0, readSync(memory, piece, 0, piece.length, at))
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EIO" && (error as NodeJS.ErrnoException).code !== "EFAULT") throw error
        }
      }
    }
  } finally {
    closeSync(memory)
  }
}
/** Which of the texts are in the memory of a process. */
const held = (pid: number, texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const piece of memoryOf(pid)) for (const text of texts) if (piece.includes(text, 0, "latin1")) found.add(text)
  return [...found]
}

/** Signs the account in at the broker's page and at ours. */
const signIn = (running: Running) =>
  Effect.gen(function* () {
    const jwt = yield* token()
    yield* Effect.promise(async () => {
      const headers = { authorization: `Bearer ${jwt}` }
      const page = await fetch(`${running.url}/kite/login?account=mine`, { redirect: "manual", headers })
      const back = await fetch(page.headers.get("location") ?? "", { redirect: "manual" })
      const done = await fetch(`${running.url}/kite/callback${new URL(back.headers.get("location") ?? "").search}`)
      assert.strictEqual(done.status, 200, await done.text())
    })
  })

/** The account's token at the broker. */
const storedToken = ({ config, databaseUrl }: World) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<{ readonly token: string }>`SELECT access_token AS token FROM account_logins WHERE account_id = 'mine'`
    const keys = yield* Effect.promise(() => readFile(config["ACCOUNTS_KEY_FILE"] ?? "", "utf8"))
    const place = { account: "mine", field: "access_token" } as const
    const opened = Vault.open(Either.getOrThrow(Vault.parseKeys(keys)), place, Redacted.make(row?.token ?? ""))
    return Redacted.value(Either.getOrThrow(opened))
  }).pipe(Effect.provide(observer(databaseUrl)), Effect.orDie)

describe("a gateway in a process of its own", () => {
  // Only Linux shows the memory of a process as a file.
  it.live.runIf(process.platform === "linux")(
    "shows that an account is signed in, and has no token of it in its memory",
    () =>
      Effect.gen(function* () {
        const backends = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 })
        const actors = yield* start({ ...backends.config, SEED_USER: "demo" })
        const { apiKey: api_key, apiSecret: api_secret, userId: user_id } = mine
        const body = { account_id: "mine", api_key, api_secret, user_id }
        assert.strictEqual((yield* ask(actors, "/accounts", { method: "POST", body })).status, 201)
        yield* signIn(actors)
        // Its token is in use: it streams.
        const { instrument_token, requested_mode } = (yield* ask(actors, "/subscriptions?status=active&limit=1")).body.subscriptions[0]
        const moved = { instrument_token, requested_mode, account_id: "mine" }
        assert.strictEqual((yield* ask(actors, "/subscriptions", { method: "POST", body: moved })).status, 200)
        const { pid, url } = yield* gateway(backends.config)
        const jwt = yield* token()
        const session = Effect.promise(async () => {
          try {
            const answer = await fetch(`${url}/accounts/mine`, { headers: { authorization: `Bearer ${jwt}` } })
            return ((await answer.json()) as { readonly session?: { readonly state: string } | null }).session?.state
          } catch {
            return "it is not up yet"
          }
        })
        yield* eventually("it shows the session", session, (state) => state === "signed_in")
        const accessToken = yield* storedToken(backends)
        // Its api_secret shows that the search finds what is there.
        assert.deepStrictEqual(held(pid, [api_secret, accessToken]), [api_secret])
      }).pipe(Effect.scoped),
    300_000
  )
})
