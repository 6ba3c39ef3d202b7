import { assert, describe, layer, it as plain } from "@effect/vitest"
import { Effect } from "effect"
import { connect, type NatsConnection } from "nats"
import * as Holder from "../../../src/gateway/nats/Holder.ts"
import * as SubjectRights from "../../../src/streams/callout/SubjectRights.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { keysOf } from "../Callers.ts"
import { eventually, metric, ready, token, World, world } from "../GatewayWorld.ts"

/** The owner's id needs escaping in a subject. */
const owner = "u 1.a"
const accountId = "acc1"

const mayRead = (...groups: ReadonlyArray<string>) => ({ mayRead: (group: string) => groups.length === 0 || groups.includes(group) })
describe("SubjectRights", () => {
  const reader = { owner, accountIds: ["acc1", "a.2"] }
  plain("BE-SEC-02 an owner may read the market, the owner's own subjects and those of the owner's accounts", () => {
    assert.deepStrictEqual(SubjectRights.filtersOf({ ...reader, ...mayRead() }), [
      "md.>",
      "opt.>",
      "und.>",
      "ind.>",
      "strat.*.u%201%2Ea.>",
      "label.evt.u%201%2Ea.>",
      "alert.evt.u%201%2Ea",
      "ord.evt.acc1.>",
      "ord.evt.a%2E2.>",
      "acct.evt.acc1",
      "acct.evt.a%2E2"
    ])
  })
  plain("BE-SEC-03 a key gets the subjects of its scopes and no others", () => {
    assert.deepStrictEqual(SubjectRights.filtersOf({ ...reader, ...mayRead("history", "alerts") }), ["md.bar.>", "alert.evt.u%201%2Ea"])
    assert.deepStrictEqual(SubjectRights.filtersOf({ ...reader, ...mayRead("api-keys") }), [])
  })
  plain("an owner whose name is a wildcard gets no more than that name", () => {
    const filters = SubjectRights.filtersOf({ owner: "*", accountIds: [">"], ...mayRead("strategies", "accounts") })
    assert.deepStrictEqual(filters, ["strat.*.%2A.>", "acct.evt.%3E"])
  })
})

describe("Holder", () => {
  plain("a connection's owner is read from its name, and from no other text", () => {
    const holder = { owner, role: "viewer", keyId: 12, accounts: Holder.accountsDigest(["b", "a"]) } as const
    assert.deepStrictEqual(Holder.parse(Holder.format(holder)), holder)
    const signedIn = { ...holder, owner: "u%1", keyId: null }
    assert.deepStrictEqual(Holder.parse(Holder.format(signedIn)), signedIn)
    assert.strictEqual(Holder.accountsDigest(["a", "b"]), holder.accounts)
    assert.notStrictEqual(Holder.accountsDigest(["a"]), holder.accounts)
    for (const text of ["", "u1", "u1 trader - xyz", "u1 root - 0123456789ab"]) assert.isUndefined(Holder.parse(text), text)
  })
})

type Names = Readonly<Record<string, string>>
const holes = ["exchange", "underlying", "part", "strategy", "interval", "token", "expiry", "symbol", "timeframe", "indicator"].concat([
  "writer",
  "process",
  "kind",
  "what",
  "task"
])
const namesOf = (id: string, account: string): Names => ({ owner: id, account, ...Object.fromEntries(holes.map((hole) => [hole, "x"])) })

const catalogue: Readonly<Record<SubjectRights.Name, { readonly at: (names: never) => string }>> = Subjects
/** One subject of each template for an owner and an account, with its right. */
const subjectsOf = (id: string, account: string) =>
  Object.entries(SubjectRights.rights).map(([name, right]) => ({
    right,
    subject: (catalogue[name as SubjectRights.Name].at as (names: Names) => string)(namesOf(id, account))
  }))
const [owners, others] = [subjectsOf(owner, accountId), subjectsOf("u2", "acc9")]
const platforms = [
  Subjects.deadLetter("x"),
  "$KV.actors.x",
  "_INBOX_engine.x",
  "_INBOX_gateway.x",
  "$JS.API.STREAM.DELETE.STRAT",
  "$SYS.REQ.USER.AUTH"
]
const every = [...new Set([...owners, ...others].map(({ subject }) => subject).concat(platforms))]

/** A connection with valid credentials. A busy gateway may answer a login later than the server waits. */
const open = (secret: string) =>
  Effect.flatMap(World, ({ nats }) => {
    const attempt = () =>
      connect({ servers: nats.url, user: "anything", pass: secret, noAsyncTraces: true, reconnectTimeWait: 50 }).catch(() => undefined)
    return Effect.acquireRelease(eventually("the login is admitted", Effect.promise(attempt)), (nc) => Effect.promise(() => nc.close()))
  })
/** The code with which the server refuses a login. */
const refusal = (credentials: { readonly user?: string; readonly pass?: string; readonly token?: string }) =>
  Effect.flatMap(World, ({ nats }) =>
    Effect.promise(() =>
      connect({ servers: nats.url, reconnect: false, ...credentials }).then(
        async (nc) => {
          await nc.close()
          return "connected"
        },
        ({ code }: { readonly code: string }) => code
      )
    )
  )
const admitted = (sub: string) =>
  Effect.flatMap(token({ sub }), (jwt) =>
    eventually(
      `${sub} is admitted`,
      Effect.map(refusal({ token: jwt }), (code) => code === "connected")
    )
  )
/** Logins are answered once the gateway's second connection is there. */
const answered = admitted(owner)

/** The subjects on which a connection hears what the platform publishes. */
const heard = (nc: NatsConnection) =>
  Effect.gen(function* () {
    const { nats } = yield* World
    const got = new Set<string>()
    for (const subject of every) nc.subscribe(subject, { callback: (error, message) => void (error === null && got.add(message.subject)) })
    yield* Effect.promise(async () => {
      await nc.flush()
      for (const role of ["engine", "gateway"] as const) {
        const publisher = await connect({ ...nats.as(role), noAsyncTraces: true })
        for (const subject of every) publisher.publish(subject, "x")
        await publisher.drain()
      }
      // The server delivers before it answers what the reader asks afterwards.
      await nc.flush()
    })
    return [...got].toSorted()
  })
/** What a user should hear: the market, and the owner's and the account's subjects if they are the user's. */
const readable = (groups: ReadonlyArray<string>, isOwner: boolean, hasAccount = isOwner) =>
  [
    ...new Set(
      [...owners, ...others]
        .filter((one) => {
          const { right } = one
          if (right.reach === "platform" || !groups.includes(right.group)) return false
          return right.reach === "market" || (owners.includes(one) && (right.reach === "owner" ? isOwner : hasAccount))
        })
        .map(({ subject }) => subject)
    )
  ].toSorted()
const groups = ["ticks", "history", "fo", "indicators", "strategies", "labels", "alerts", "orders", "accounts"]
const scopes = groups.map((group) => `${group}:read`)

const options = { hasStoredKeys: true, hasNatsUsers: true, owners: [owner], config: { NATS_CONNECTIONS_PER_USER_MAX: "20" } }
const ended = 'nats_logins_total{result="ended"}'

layer(world(options), { excludeTestServices: true })("owners on NATS", (it) => {
  it.scoped(
    "BE-SEC-02 BE-SEC-03 each kind of user hears, of every subject of the catalogue, exactly what is its own and within its scopes",
    () =>
      Effect.gen(function* () {
        yield* ready
        yield* answered
        const keys = keysOf(owner, "trader")
        const jwt = (sub: string, role: string) => token({ sub, role })
        const hears = (secret: string) => Effect.scoped(Effect.flatMap(open(secret), heard))
        assert.isAbove(every.length, 40)
        assert.deepStrictEqual(yield* hears(yield* jwt(owner, "trader")), readable(groups, true))
        // A viewer reads what a trader reads.
        assert.deepStrictEqual(yield* hears(yield* jwt(owner, "viewer")), readable(groups, true))
        for (const role of ["trader", "viewer"]) assert.deepStrictEqual(yield* hears(yield* jwt("t1", role)), readable(groups, false), role)
        // An administrator may use every account, and has no other user's strategies, labels and alerts.
        assert.deepStrictEqual(yield* hears(yield* jwt("root", "admin")), readable(groups, false, true))
        for (const group of groups) {
          const rest = groups.filter((one) => one !== group)
          const { headers } = yield* keys.keyOf(
            `without ${group}`,
            scopes.filter((one) => one !== `${group}:read`)
          )
          assert.deepStrictEqual(yield* hears(headers["x-api-key"] ?? ""), readable(rest, true), `a key without ${group}:read`)
        }
      })
  )

  it.scoped(
    "BE-SEC-01 BE-SEC-03 BE-SEC-06 nobody without valid credentials connects, and nobody connects as one of the platform's users",
    () =>
      Effect.gen(function* () {
        yield* ready
        yield* answered
        const keys = keysOf("another", "trader")
        const [expired, revoked] = [yield* keys.expiredKey, yield* keys.revokedKey]
        const { headers: none } = yield* keys.keyOf("no subject", ["calendar:read", "*:write"])
        const jwt = yield* token({ sub: owner })
        const refused: ReadonlyArray<Parameters<typeof refusal>[0]> = [
          {},
          { user: owner },
          { user: owner, pass: "" },
          { user: owner, pass: "wrong" },
          { token: "wrong" },
          { pass: `tk_${"a".repeat(16)}_${"b".repeat(43)}` },
          { pass: expired["x-api-key"] ?? "" },
          { pass: revoked["x-api-key"] ?? "" },
          { pass: none["x-api-key"] ?? "" },
          { pass: yield* token({ sub: owner, exp: 1 }) },
          { pass: yield* token({ sub: owner, aud: "another" }) },
          { pass: yield* token({ sub: owner, secret: "another-secret-of-at-least-32-bytes" }) },
          ...["engine", "gateway", "reader", "operator", "callout"].map((user) => ({ user, pass: jwt }))
        ].map((one) => ("pass" in one && !("user" in one) ? { user: "x", ...one } : one))
        for (const credentials of refused)
          assert.strictEqual(yield* refusal(credentials), "AUTHORIZATION_VIOLATION", JSON.stringify(credentials))
        yield* admitted(owner)
        const { logs } = yield* World
        assert.notInclude(logs.map(({ text }) => text).join("\n"), (revoked["x-api-key"] ?? "").slice(25))
      })
  )

  it.scoped("BE-SEC-03 a revoked key's connection ends at once, and another key's stays", () =>
    Effect.gen(function* () {
      yield* ready
      yield* answered
      const keys = keysOf(owner, "trader")
      const [doomed, spared] = [yield* keys.keyOf("doomed", scopes), yield* keys.keyOf("spared", scopes)]
      const [gone, stays] = [yield* open(doomed.headers["x-api-key"] ?? ""), yield* open(spared.headers["x-api-key"] ?? "")]
      const events: Array<string> = []
      void (async () => {
        for await (const { type } of gone.status()) events.push(type)
      })()
      const before = yield* metric(ended)
      yield* keys.revoke(doomed)
      // The client tries to come back, and is refused until it gives up.
      yield* eventually(
        "the connection of the revoked key has ended for good",
        Effect.sync(() => events.includes("disconnect") && gone.isClosed())
      )
      yield* Effect.promise(() => stays.flush())
      assert.isFalse(stays.isClosed())
      assert.isAbove(yield* metric(ended), before)
    })
  )

  it.scoped("BE-ISO-01 an owner has a limited number of connections, and another owner is not affected", () =>
    Effect.gen(function* () {
      yield* ready
      yield* answered
      const jwt = yield* token({ sub: "many" })
      yield* Effect.forEach(Array.from({ length: 20 }), () => open(jwt))
      assert.strictEqual(yield* refusal({ token: jwt }), "AUTHORIZATION_VIOLATION")
      yield* admitted("few")
    })
  )
})
