/** Two gateways in a process each. One revokes API keys, and the other's requests, WebSockets and connections to NATS with them end. */
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { ConfigProvider, Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import { SignJWT } from "jose"
import { connect } from "nats"
import WebSocket from "ws"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Times from "../load/Times.ts"
import type { ChildHandle, Ground } from "../pipeline/Ground.ts"

/** Keys that are revoked one after the other, in each way. */
export const keys = 40
const owner = "bench"
const readyMsMax = 60_000
const unauthorized = 401

/** How a key is revoked: by a request, or in Postgres alone, as if the announcement on NATS were lost. */
export const ways = ["announced", "announcement lost"] as const
export type Way = (typeof ways)[number]
/** From the revocation's end until the other gateway refused a request, closed the WebSocket, and NATS ended the connection; ms. */
export interface Ends {
  readonly way: Way
  readonly request: Times.Times
  readonly socket: Times.Times
  readonly nats: Times.Times
}

interface Stage {
  readonly ports: readonly [number, number]
  readonly natsUrl: string
  readonly jwt: string
  /** Revokes a key in Postgres, and announces nothing. */
  readonly revokeSilently: (keyId: number) => Promise<unknown>
  readonly close: () => Promise<void>
}

const quiet = Logger.minimumLogLevel(LogLevel.Warning)
const provider = (settings: Readonly<Record<string, string>>) => ConfigProvider.fromMap(new Map(Object.entries(settings)))

const makeStreams = (settings: Readonly<Record<string, string>>) =>
  Effect.runPromise(
    Effect.scoped(Layer.build(Streams.layer.pipe(Layer.provide(JetStream.layer("engine"))))).pipe(
      Effect.withConfigProvider(provider(settings)),
      Effect.provide(quiet)
    )
  )

const open = async (ground: Ground): Promise<Stage> => {
  const home = join(ground.folder, "keys")
  await mkdir(home, { recursive: true })
  const password = () => randomBytes(12).toString("base64url")
  const passwords = { engine: password(), gateway: password(), reader: password(), operator: password() }
  const callout = ground.backends.newCallout()
  const { child: nats, port: natsPort } = await ground.backends.startNats(ground.natsProgram, home, { passwords, callout })
  const natsUrl = `nats://127.0.0.1:${natsPort}`
  const url = new URL(ground.postgresUrl)
  url.pathname = "/keys"
  const sql = (target: string, statement: string) =>
    Effect.runPromise(
      Effect.flatMap(PgClient.PgClient, (client) => client.unsafe(statement)).pipe(
        Effect.provide(PgClient.layer({ url: Redacted.make(target), maxConnections: 1 }))
      )
    )
  await sql(ground.postgresUrl, "CREATE DATABASE keys")
  const accountsFile = join(home, "accounts.json")
  const account = { account_id: "a1", user_id: "A1", api_key: "key", api_secret: "secret" }
  writeFileSync(accountsFile, JSON.stringify([account]), { mode: 0o600 })
  const secret = randomBytes(32).toString("hex")
  const { NODE_OPTIONS: _, REDIS_URL: __, SEED_USER: ___, ...inherited } = process.env
  const settings = {
    NATS_URL: natsUrl,
    NATS_ENGINE_PASSWORD: passwords.engine,
    NATS_GATEWAY_PASSWORD: passwords.gateway,
    NATS_CALLOUT_PASSWORD: callout.password,
    NATS_CALLOUT_SEED: callout.seed,
    DATABASE_URL: url.href,
    ACCOUNTS_FILE: accountsFile,
    JWT_SECRET: secret,
    RATE_LIMIT_READS: "0",
    RATE_LIMIT_WRITES: "0",
    GATEWAY_HOST: "127.0.0.1",
    WEB_ROOT: join(process.cwd(), "test/data/web")
  }
  await makeStreams(settings)
  const gateways: Array<ChildHandle> = []
  const close = async () => {
    for (const one of gateways) await one.stop()
    await nats.stop()
  }
  const gateway = async (name: string): Promise<number> => {
    const port = await ground.ports.freePort()
    const one = ground.children.start(name, process.execPath, [join(process.cwd(), ".cache/bench/bench/pipeline/Platform.js")], {
      log: join(home, `${name}.log`),
      cwd: process.cwd(),
      graceMs: readyMsMax,
      env: { ...inherited, ...settings, ROLES: "gateway", GATEWAY_PORT: String(port) }
    })
    gateways.push(one)
    const isReady = await ground.ports.until(
      () => ground.ports.ping.http(port, "/health/ready"),
      () => !one.isUp(),
      readyMsMax
    )
    if (!isReady) throw new Error(`${name} is not ready\n${one.output()}`)
    return port
  }
  try {
    const ports = [await gateway("one"), await gateway("two")] as const
    const jwt = await new SignJWT({ role: "user" })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(owner)
      .setIssuer("tarang")
      .setAudience("tarang")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(secret))
    const revokeSilently = (keyId: number) => sql(url.href, `UPDATE api_keys SET revoked_at = now() WHERE key_id = ${keyId}`)
    return { ports, natsUrl, jwt, revokeSilently, close }
  } catch (error) {
    await close()
    throw error
  }
}

const call = (port: number, path: string, method: string, headers: Readonly<Record<string, string>>, body?: unknown) =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })

/** One key from its first use at the second gateway to its end there; how long each way in stayed open after the revocation, ms. */
const end = async ({ jwt, natsUrl, ports: [one, two], revokeSilently }: Stage, way: Way) => {
  const asOwner = { authorization: `Bearer ${jwt}` }
  const made = await call(one, "/api-keys", "POST", asOwner, { name: "bench", scopes: ["strategies:read"] })
  const { key, key_id } = (await made.json()) as { readonly key: string; readonly key_id: number }
  const status = async () => (await call(two, "/strategies", "GET", { "x-api-key": key })).status
  if ((await status()) !== 200) throw new Error("the second gateway does not know the key")
  const socket = new WebSocket(`ws://127.0.0.1:${two}/strategies/stream`, { headers: { "x-api-key": key } })
  await new Promise<void>((resolve, reject) => socket.once("open", resolve).once("error", reject))
  const socketClosed = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now())))
  const nc = await connect({ servers: natsUrl, user: owner, pass: key, reconnect: false })
  const natsClosed = nc.closed().then(() => performance.now())
  if (way === "announced") await call(one, `/api-keys/${key_id}`, "DELETE", asOwner)
  else await revokeSilently(key_id)
  const fromMs = performance.now()
  while ((await status()) !== unauthorized);
  const refusedMs = performance.now()
  const since = (atMs: number) => Math.max(0, atMs - fromMs)
  return { request: since(refusedMs), socket: since(await socketClosed), nats: since(await natsClosed) }
}

export const run = async (ground: Ground, say: (text: string) => void): Promise<ReadonlyArray<Ends>> => {
  const stage = await open(ground)
  try {
    const found: Array<Ends> = []
    for (const way of ways) {
      say(`${keys} keys, ${way}`)
      const ends: Array<Awaited<ReturnType<typeof end>>> = []
      for (let at = 0; at < keys; at++) ends.push(await end(stage, way))
      const of = (what: keyof (typeof ends)[number]) => Times.of(ends.map((one) => one[what]))
      found.push({ way, request: of("request"), socket: of("socket"), nats: of("nats") })
    }
    return found
  } finally {
    await stage.close()
  }
}
