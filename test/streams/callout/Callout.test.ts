import { assert, describe, layer, it as plain } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { connect, type NatsConnection, nkeys } from "nats"
import { Census, nameOf, partsOf } from "../../../src/streams/callout/Census.ts"
import * as Claims from "../../../src/streams/callout/Claims.ts"
import { natsServer } from "../../TestBackends.ts"
import { admissionByName, answerLogins, connectOwner } from "../Admissions.ts"
import { Server, until } from "../Nats.ts"

describe("Census", () => {
  const held = (...owners: ReadonlyArray<string>) => owners.map((owner) => ({ owner, login: undefined }))

  plain("counts what every server holds, and who was admitted since", () => {
    const census = new Census(10_000)
    census.page("a", true, held("u1", "u1", "u2"), 0)
    census.page("a", false, held("u1"), 1)
    census.page("b", true, held("u1"), 1)
    assert.deepStrictEqual([census.countOf("u1", 2), census.countOf("u2", 2), census.total], [4, 1, 5])
    census.admitted("u2", "00000001", 3)
    assert.strictEqual(census.countOf("u2", 4), 2)
    // A new first page replaces the server's count.
    census.page("a", true, held("u2"), 5)
    assert.deepStrictEqual([census.countOf("u1", 6), census.countOf("u2", 6)], [1, 2])
    // Server b has not answered for too long, and the login that no answer has shown did not connect.
    census.page("a", true, held("u2"), 12_000)
    assert.deepStrictEqual([census.countOf("u1", 13_100), census.countOf("u2", 13_100)], [0, 1])
  })

  plain("counts a connection once that was admitted and then listed", () => {
    const census = new Census(10_000)
    census.admitted("u1", "00000001", 0)
    census.admitted("u1", "00000002", 0)
    census.page("a", true, [{ owner: "u1", login: "00000001" }], 1)
    assert.strictEqual(census.countOf("u1", 2), 2)
    census.page("a", true, [], 3)
    assert.strictEqual(census.countOf("u1", 4), 1, "the listed connection ended, the other one is on its way")
  })

  plain("finds the login in a connection's name, and none in a name of an earlier version", () => {
    assert.deepStrictEqual(partsOf(nameOf("a#b viewer - 0123456789ab", "00c0ffee")), {
      given: "a#b viewer - 0123456789ab",
      login: "00c0ffee"
    })
    assert.deepStrictEqual(partsOf("a#b viewer - 0123456789ab"), { given: "a#b viewer - 0123456789ab", login: undefined })
  })
})

describe("Claims", () => {
  plain("only the seed of an account signs, a NATS key verifies the signature, and a malformed question is rejected", () => {
    const seedOf = (pair: { getSeed: () => Uint8Array }) => new TextDecoder().decode(pair.getSeed())
    assert.throws(() => Claims.makeSigner("SAnothing"))
    assert.throws(() => Claims.makeSigner(seedOf(nkeys.createUser())), /not the seed of an account/)
    const account = nkeys.createAccount()
    assert.strictEqual(Claims.makeSigner(seedOf(account)).issuer, account.getPublicKey())
    const question = { nats: { user_nkey: "U", server_id: { id: "N" }, connect_opts: {} } }
    const [head = "", body = "", signature = ""] = Claims.makeSigner(seedOf(account)).refuse(1_000, question, "no").split(".")
    const isSigned = (text: string): boolean =>
      nkeys.fromPublic(account.getPublicKey()).verify(Buffer.from(text), Buffer.from(signature, "base64url"))
    assert.deepStrictEqual([isSigned(`${head}.${body}`), isSigned(`${head}.${body}x`)], [true, false])
    for (const text of ["", "a.b.c", `a.${Buffer.from("{}").toString("base64url")}.c`])
      assert.isTrue(Either.isLeft(Claims.readQuestion(text)), text)
  })
})

/** The types of the connection's events. */
const eventsOf = (nc: NatsConnection): ReadonlyArray<string> => {
  const events: Array<string> = []
  void (async () => {
    for await (const { type } of nc.status()) events.push(type)
  })()
  return events
}
const refusal = (credentials: object) =>
  Effect.flatMap(Server, ({ url }) =>
    Effect.promise(() =>
      connect({ servers: url, reconnect: false, ...credentials }).then(
        async (nc) => {
          await nc.close()
          return "connected"
        },
        ({ code }: { readonly code: string }) => code
      )
    )
  )

layer(Layer.scoped(Server, natsServer), { excludeTestServices: true })("Callout", (it) => {
  it.scoped("while nobody answers logins, owners are refused, those who are connected stay, and the platform's users do not notice", () =>
    Effect.gen(function* () {
      const server = yield* Server
      assert.strictEqual(yield* refusal({ user: "u1", pass: "of u1" }), "AUTHORIZATION_VIOLATION")
      const { close } = yield* answerLogins(admissionByName())
      const nc = yield* connectOwner("u1")
      const events = eventsOf(nc)
      const got: Array<string> = []
      nc.subscribe("strat.m2m.u1.*", { callback: (_, message) => void got.push(message.string()) })
      yield* Effect.promise(() => nc.flush())
      yield* close
      assert.strictEqual(yield* refusal({ user: "u1", pass: "of u1" }), "AUTHORIZATION_VIOLATION")
      for (const role of ["engine", "gateway", "reader", "operator"] as const)
        assert.strictEqual(yield* refusal(server.as(role)), "connected", role)
      const engine = yield* Effect.promise(() => connect(server.as("engine")))
      engine.publish("strat.m2m.u1.1", "still here")
      yield* Effect.promise(() => engine.drain())
      yield* until("the owner hears it", () => got.includes("still here"))
      assert.deepStrictEqual(events, [])
      // Logins succeed again as soon as a process answers them.
      yield* answerLogins(admissionByName())
      yield* connectOwner("u1")
    })
  )

  it.scoped(
    "BE-SEC-03 connections end when their rights end, on however many pages the server lists them, and when their time is over",
    () =>
      Effect.gen(function* () {
        const ended = new Set<string>()
        let look = (): void => {}
        const soon = Effect.async<void>((resume) => {
          look = () => resume(Effect.void)
        })
        const { close } = yield* answerLogins(admissionByName(ended), { soon, pageMax: 2 })
        const all = yield* Effect.forEach(["a", "b", "c", "d", "e"], connectOwner)
        const events = all.map(eventsOf)
        ended.add("e")
        look()
        yield* until("the connection on the third page is ended", () => events[4]?.includes("disconnect") === true)
        assert.deepStrictEqual(events.slice(0, 4), [[], [], [], []])
        yield* close

        const { close: closeBrief } = yield* answerLogins(admissionByName(new Set(), 2_000))
        const brief = yield* connectOwner("brief")
        const itsEvents = eventsOf(brief)
        yield* until("the server ends it with its grant", () => itsEvents.includes("disconnect"))
        yield* closeBrief
      })
  )

  it.scoped("an owner's connections are limited, and another owner's logins go on", () =>
    Effect.gen(function* () {
      yield* answerLogins(admissionByName(), {}, { NATS_CONNECTIONS_PER_USER_MAX: "3" })
      yield* Effect.forEach(["many", "many", "many"], connectOwner)
      assert.strictEqual(yield* refusal({ user: "many", pass: "of many" }), "AUTHORIZATION_VIOLATION")
      assert.strictEqual(yield* refusal({ user: "few", pass: "of few" }), "connected")
    })
  )
})
