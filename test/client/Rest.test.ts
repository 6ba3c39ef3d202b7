import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Client from "../../src/client/Client.ts"
import { near, ready, token, tokens, World, world } from "../gateway/GatewayWorld.ts"

const client = (user = "u1") =>
  Effect.gen(function* () {
    const { url } = yield* World
    const jwt = yield* token({ sub: user })
    return Client.make({ url, token: jwt })
  })
const leg = (price: string) =>
  ({
    tradingsymbol: "NIFTY98JAN24500CE",
    exchange: "NFO",
    direction: "BUY",
    quantity: 75,
    entry_price: new Client.Decimal(price)
  }) as const

layer(world(), { excludeTestServices: true })("Client of the REST interface", (it) => {
  it.effect("creates a strategy with a leg and reads it back: money is a decimal, times and lists have their types", () =>
    Effect.gen(function* () {
      yield* ready
      const { effects } = yield* client()
      const made = yield* effects.strategies.create({ payload: { name: "Long call", tags: ["a"] } })
      const added = yield* effects.strategies.addLeg({ path: { id: made.strategy_id }, payload: leg("120.05") })
      assert.strictEqual(added.entry_price.toFixed(), "120.05")
      const found = yield* effects.strategies.get({ path: { id: made.strategy_id } })
      assert.deepStrictEqual(found.instruments, [added])
      const list = yield* effects.strategies.list({ urlParams: {} })
      assert.deepStrictEqual([list.total, list.limit, list.offset, list.strategies.map(({ name }) => name)], [1, 100, 0, ["Long call"]])
      const { expiries } = yield* effects.fo.expiries({ urlParams: { symbol: "nifty" } })
      assert.include(expiries, near)
    })
  )

  it.effect("an error of the contract has its class and its fields", () =>
    Effect.gen(function* () {
      const { effects } = yield* client()
      const missing = yield* Effect.flip(effects.strategies.get({ path: { id: 987_654 } }))
      if (missing._tag !== "NotFound") return assert.fail(missing._tag)
      assert.instanceOf(missing, Client.NotFound)
      assert.deepStrictEqual([missing.code, missing.detail, missing.message], ["not_found", "Strategy not found", "Strategy not found"])
      assert.match(missing.request_id ?? "", /^[A-Za-z0-9._-]{8,64}$/)
      const forbidden = yield* Effect.flip(effects.instruments.bySymbol({ path: { exchange: "NSE", tradingsymbol: "NOPE" } }))
      assert.strictEqual(forbidden._tag, "NotFound")
      const unknown = yield* Effect.flip(effects.fo.strikes({ urlParams: { symbol: "NIFTY", expiry: "2001-01-01" } }))
      assert.strictEqual(unknown._tag, "NotFound")
    })
  )

  it.effect("a refusal by the gateway's rules is Invalid with the field; an error that the client can see is never sent", () =>
    Effect.gen(function* () {
      const { effects } = yield* client()
      const { strategy_id } = yield* effects.strategies.create({ payload: { name: "x" } })
      const path = { id: strategy_id }
      const urlParams = { from: new Date("2026-11-25"), to: new Date("2026-11-24"), interval: 5 }
      const refused = yield* Effect.flip(effects.strategies.m2m({ path, urlParams }))
      if (refused._tag !== "Invalid") return assert.fail(refused._tag)
      assert.deepStrictEqual([refused.code, refused.message], ["validation_error", "Validation error: from: must not be after to"])
      assert.deepStrictEqual(
        [...(refused.errors ?? [])].map(({ field }) => field),
        ["from"]
      )
      const unsent = yield* Effect.flip(effects.strategies.addLeg({ path, payload: { ...leg("1"), quantity: -1 } }))
      assert.strictEqual(unsent._tag, "Unreadable")
      assert.include(unsent.message, "expected a whole number, zero or more")
    })
  )

  it.effect("a rejected token is Unauthorized; a token function is called every time", () =>
    Effect.gen(function* () {
      const { url } = yield* World
      const good = yield* token()
      const given = ["junk", good]
      const { rest } = Client.make({ url: `${url}/`, token: async () => given.shift() ?? "none left" })
      const error = yield* Effect.flip(Effect.tryPromise({ try: () => rest.authTest(), catch: (cause) => cause }))
      assert.instanceOf(error, Client.Unauthorized)
      assert.strictEqual(error instanceof Error ? error.message : "", "Invalid or expired token")
      const who = yield* Effect.promise(() => rest.authTest())
      assert.deepStrictEqual([who.user_id, who.role], ["u1", "trader"])
    })
  )

  it.effect("promises reject with the same classes", () =>
    Effect.gen(function* () {
      const { rest } = yield* client()
      const outcome = yield* Effect.either(
        Effect.tryPromise({ try: () => rest.subscriptions.get({ path: { token: 1 } }), catch: (cause) => cause })
      )
      if (Either.isRight(outcome)) return assert.fail("found")
      assert.instanceOf(outcome.left, Client.NotFound)
      const saved = yield* Effect.promise(() =>
        rest.subscriptions.save({ payload: { instrument_token: tokens.infy, requested_mode: "FULL" } })
      )
      assert.deepStrictEqual(saved, { message: "Subscription created", instrument_token: tokens.infy })
    })
  )
})

/** A gateway that gives the same answer to every request. */
const answering = (status: number, body: string) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly url: string; readonly stop: () => void }>((resolve) => {
          const server = createServer((_, response) => {
            if (status === 0) return
            response.writeHead(status, { "content-type": "application/json" }).end(body)
          })
          server.listen(0, "127.0.0.1", () =>
            resolve({
              url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
              stop: () => {
                server.closeAllConnections()
                server.close()
              }
            })
          )
        })
    ),
    ({ stop }) => Effect.sync(stop)
  )

describe("Client of a broken gateway", () => {
  const failure = (status: number, body: string, answerMsMax = 5_000) =>
    Effect.gen(function* () {
      const { url } = yield* answering(status, body)
      const { effects } = Client.make({ url, token: "t", answerMsMax })
      return yield* Effect.flip(effects.fo.expiries({ urlParams: { symbol: "NIFTY" } }))
    }).pipe(Effect.scoped)

  it.live("a status outside the contract keeps the gateway's text", () =>
    Effect.gen(function* () {
      const problem = { detail: "Internal server error", code: "internal_error", request_id: "r-1234567", errors: [] }
      const told = yield* failure(500, JSON.stringify(problem))
      if (told._tag !== "Refused") return assert.fail(told._tag)
      assert.deepInclude({ ...told }, { ...problem, status: 500 })
      const mute = yield* failure(502, "<html>")
      if (mute._tag !== "Refused") return assert.fail(mute._tag)
      assert.deepStrictEqual([mute.status, mute.code], [502, "unknown"])
      assert.match(mute.message, /^GET http:.*\/fo\/expiries answered 502$/)
    })
  )

  it.live("an answer of another form is Unreadable, no answer is Unreachable", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* failure(200, '{"symbol":"NIFTY"}'))._tag, "Unreadable")
      const late = yield* failure(0, "", 50)
      assert.deepStrictEqual([late._tag, late.message], ["Unreachable", "The gateway does not answer within 50ms"])
      const { effects } = Client.make({ url: "http://127.0.0.1:1", token: "t" })
      assert.strictEqual((yield* Effect.flip(effects.live()))._tag, "Unreachable")
    })
  )
})
