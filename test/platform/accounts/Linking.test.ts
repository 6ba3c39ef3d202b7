import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { observer } from "../../store/Stores.ts"
import { ask, eventually, natsClient, type Running, readAll, spareAccount, start, token, type World, world } from "../PlatformWorld.ts"

interface Ticker {
  readonly state: string
  readonly ticks: number
}
interface Event {
  readonly kind: string
  readonly detail: { readonly token_dies_at?: string | null }
}
const market = { mode: "synthetic", rate: 5, strikesEachSide: 2 } as const
const mine = {
  account_id: "mine",
  user_id: spareAccount.userId,
  api_key: spareAccount.apiKey,
  api_secret: spareAccount.apiSecret
}
const link = (running: Running, body: object = mine, user = "demo") => ask(running, "/accounts", { method: "POST", body, user })

/** The address to which /kite/login redirects, or the answer if it does not. */
const loginPage = (running: Running, account: string, user = "demo") =>
  Effect.gen(function* () {
    const jwt = yield* token(user)
    return yield* Effect.promise(async () => {
      const answer = await fetch(`${running.url}/kite/login?account=${account}`, {
        redirect: "manual",
        headers: { authorization: `Bearer ${jwt}` }
      })
      await answer.body?.cancel()
      return { status: answer.status, location: answer.headers.get("location") }
    })
  })
/** What the broker's page adds to our callback's address after a person has signed in there. */
const signedIn = (page: string) =>
  Effect.promise(async () => {
    const answer = await fetch(page, { redirect: "manual" })
    return new URL(answer.headers.get("location") ?? "").search
  })
const callback = (running: Running, search: string) =>
  Effect.promise(async () => {
    const answer = await fetch(`${running.url}/kite/callback${search}`)
    return { status: answer.status, text: await answer.text() }
  })
/** All texts of the accounts' tables. */
const stored = ({ databaseUrl }: World) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return JSON.stringify([
      yield* sql`SELECT * FROM accounts`,
      yield* sql`SELECT * FROM account_logins`,
      yield* sql`SELECT * FROM account_login_states`
    ])
  }).pipe(Effect.provide(observer(databaseUrl)), Effect.orDie)
const tickerOf = (running: Running, account: string) =>
  Effect.map(ask(running, "/health"), ({ body }) => body.ticker.accounts[account] as Ticker | undefined)
const eventsOf = (running: World, account: string) =>
  Effect.flatMap(natsClient(running.nats), (nc) => readAll<Event>(nc, "ORD", `acct.evt.${account}`)).pipe(Effect.scoped)
const secretsOf = (search: string) => [spareAccount.apiSecret, new URLSearchParams(search).get("request_token") ?? "none"]

describe("accounts that users link", () => {
  it.live(
    "an account is linked, signs in at the broker's page, streams, and is removed, without a restart and without a secret in sight",
    () =>
      Effect.gen(function* () {
        const backends = yield* world(market)
        const running = yield* start({ ...backends.config, SEED_USER: "demo" })
        const linked = yield* link(running)
        assert.strictEqual(linked.status, 201, JSON.stringify(linked.body))
        assert.deepInclude(linked.body, { account_id: "mine", origin: "linked", mode: "paper", owners: ["demo"], login_failure: null })
        assert.strictEqual((yield* link(running)).status, 409)
        assert.strictEqual((yield* link(running, { ...mine, account_id: "sim1" }, "other")).status, 409)

        // Another user sees nothing of it.
        for (const path of ["/accounts/mine", "/kite/login?account=mine", "/accounts/mine/mode"])
          assert.strictEqual((yield* ask(running, path, { user: "other" })).status, 404, path)
        assert.deepStrictEqual((yield* ask(running, "/accounts", { user: "other" })).body, {
          accounts: [],
          total: 0,
          limit: 100,
          offset: 0
        })
        assert.strictEqual((yield* ask(running, "/accounts/mine", { method: "DELETE", user: "other" })).status, 404)
        const own = (yield* ask(running, "/accounts")).body.accounts.map(({ account_id }: { account_id: string }) => account_id)
        assert.deepStrictEqual(own, ["sim1", "sim2", "mine"])
        const { accounts, ...page } = (yield* ask(running, "/accounts?limit=1&offset=1")).body
        assert.deepStrictEqual([accounts.length, accounts[0].account_id, page], [1, "sim2", { total: 3, limit: 1, offset: 1 }])
        assert.deepStrictEqual((yield* ask(running, "/accounts?offset=3")).body, { accounts: [], total: 3, limit: 100, offset: 3 })

        const { location, status } = yield* loginPage(running, "mine")
        assert.strictEqual(status, 302)
        assert.match(location ?? "", new RegExp(`^${backends.simulator.url}/connect/login\\?v=3&api_key=`))
        const search = yield* signedIn(location ?? "")
        const done = yield* callback(running, search)
        assert.deepStrictEqual([done.status, /Account mine is signed in/.test(done.text)], [200, true], done.text)
        // A state works once.
        assert.strictEqual((yield* callback(running, search)).status, 404)

        const instrument = (yield* ask(running, "/subscriptions?status=active&limit=1")).body.subscriptions[0]
        const moved = { instrument_token: instrument.instrument_token, requested_mode: instrument.requested_mode, account_id: "mine" }
        assert.strictEqual((yield* ask(running, "/subscriptions", { method: "POST", body: moved })).status, 200)
        yield* eventually("it streams", tickerOf(running, "mine"), (now) => now?.state === "streaming" && now.ticks > 3)
        const shown = yield* eventually(
          "its session is shown",
          ask(running, "/accounts/mine"),
          ({ body }) => body.session?.state === "signed_in" && body.session.token_dies_at !== null
        )
        const events = yield* eventually("its events", eventsOf(backends, "mine"), (all) => all.length >= 2)
        assert.deepStrictEqual(
          events.slice(0, 2).map(({ kind }) => kind),
          ["linked", "logged_in"]
        )
        assert.strictEqual(events[1]?.detail.token_dies_at, shown.body.session.token_dies_at)

        const back = { ...moved, account_id: instrument.account_id }
        assert.strictEqual((yield* ask(running, "/subscriptions", { method: "POST", body: back })).status, 200)
        assert.strictEqual((yield* ask(running, "/accounts/mine", { method: "DELETE" })).status, 200)
        yield* eventually("it is gone", tickerOf(running, "mine"), (now) => now === undefined)
        yield* eventually("its removal is announced", eventsOf(backends, "mine"), (all) => all.at(-1)?.kind === "removed")
        assert.strictEqual((yield* ask(running, "/accounts/mine")).status, 404)
        // Its orders stay the owner's, so nobody else gets the id; the owner begins in paper mode again.
        assert.strictEqual((yield* link(running, mine, "other")).status, 409)
        assert.strictEqual((yield* link(running)).body.mode, "paper")
        assert.strictEqual((yield* ask(running, "/accounts/sim1", { method: "DELETE" })).status, 409)

        const texts = [
          JSON.stringify(running.logs),
          JSON.stringify(linked.body),
          JSON.stringify(shown.body),
          JSON.stringify(events),
          done.text,
          yield* Effect.promise(async () => (await fetch(`${running.url}/metrics`)).text()),
          yield* stored(backends)
        ]
        for (const secret of secretsOf(search)) for (const text of texts) assert.notInclude(text, secret)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "a login whose exchange did not happen before a crash is exchanged once after it, and sealed by the newest key",
    () =>
      Effect.gen(function* () {
        const backends = yield* world(market)
        const refuse = (logins: number) =>
          Effect.promise(() =>
            fetch(`${backends.simulator.adminUrl}/refusals`, { method: "PUT", body: JSON.stringify({ logins, upgrades: 0 }) })
          )
        const first = yield* start({ ...backends.config, SEED_USER: "demo" })
        yield* eventually("the platform's own account streams", tickerOf(first, "sim1"), (now) => now?.state === "streaming")
        assert.strictEqual((yield* link(first)).status, 201)
        yield* refuse(1_000_000)
        const search = yield* signedIn((yield* loginPage(first, "mine")).location ?? "")
        const waiting = callback(first, search).pipe(Effect.catchAllCause(() => Effect.void))
        yield* Effect.forkScoped(waiting)
        yield* eventually("the token is stored", stored(backends), (text) => /"request_token":"sealed:k1:/.test(text))
        assert.notInclude(yield* stored(backends), new URLSearchParams(search).get("request_token") ?? "none")
        yield* first.stop

        yield* refuse(0)
        const second = yield* start(backends.config)
        yield* eventually("the session is stored", stored(backends), (text) => /"access_token":"sealed:k1:/.test(text))
        assert.match(yield* stored(backends), /"request_token":null/)
        assert.strictEqual((yield* ask(second, "/accounts/mine")).body.login_failure, null)

        // A new key becomes the first one; the platform seals again what the old key sealed.
        const keyFile = backends.config["ACCOUNTS_KEY_FILE"] ?? ""
        const old = readFileSync(keyFile, "utf8")
        yield* Effect.sync(() => writeFileSync(keyFile, `k2 ${randomBytes(32).toString("base64")}\n${old}`))
        yield* eventually(
          "all is sealed by the new key",
          stored(backends),
          (text) => text.includes("sealed:k2:") && !text.includes("sealed:k1:")
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "a login of another user of the broker, a stranger's callback and wrong keys are refused, and nothing else stops",
    () =>
      Effect.gen(function* () {
        const backends = yield* world(market)
        const running = yield* start({ ...backends.config, SEED_USER: "demo" })
        yield* eventually("sim1 streams", tickerOf(running, "sim1"), (now) => (now?.ticks ?? 0) > 3)
        assert.strictEqual((yield* link(running, { ...mine, user_id: "SOMEBODY" })).status, 201)
        const search = yield* signedIn((yield* loginPage(running, "mine")).location ?? "")
        const refused = yield* callback(running, search)
        assert.strictEqual(refused.status, 409)
        assert.match(refused.text, /the login belongs to another user than user_id/)
        assert.match((yield* ask(running, "/accounts/mine")).body.login_failure, /another user/)
        assert.strictEqual((yield* callback(running, "?state=guessed&request_token=t&status=success")).status, 404)
        assert.strictEqual((yield* callback(running, "?state=guessed&status=cancelled")).status, 409)

        assert.strictEqual((yield* link(running, { ...mine, account_id: "wrong", api_secret: "not-the-secret" })).status, 201)
        const wrong = yield* callback(running, yield* signedIn((yield* loginPage(running, "wrong")).location ?? ""))
        assert.strictEqual(wrong.status, 409)
        assert.match(wrong.text, /checksum/)
        const unreadable = yield* link(running, { ...mine, account_id: "x", api_secret: "secret with spaces" })
        assert.deepStrictEqual(
          [unreadable.status, unreadable.body.errors],
          [422, [{ field: "api_secret", message: "must be 1 to 512 characters without spaces" }]]
        )
        const jwt = yield* token("demo")
        const broken = yield* Effect.promise(async () => {
          const headers = { authorization: `Bearer ${jwt}`, "content-type": "application/json" }
          const answer = await fetch(`${running.url}/accounts`, { method: "POST", headers, body: `{"api_secret":"canary77" "x"` })
          return `${answer.status} ${await answer.text()}`
        })
        assert.match(broken, /^4/)
        assert.notInclude(broken, "canary77")
        assert.strictEqual((yield* ask(running, "/kite/login?account=sim1")).status, 409)
        const before = (yield* tickerOf(running, "sim1"))?.ticks ?? 0
        yield* eventually("sim1 streams on", tickerOf(running, "sim1"), (now) => (now?.ticks ?? 0) > before)
        for (const text of ["not-the-secret", ...secretsOf(search)]) assert.notInclude(JSON.stringify(running.logs), text)
      }).pipe(Effect.scoped),
    300_000
  )
})
