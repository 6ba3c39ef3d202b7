import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as KiteClient from "../../src/broker/KiteClient.ts"
import * as KiteRest from "../../src/broker/KiteRest.ts"
import * as KiteSocket from "../../src/broker/KiteSocket.ts"
import * as Orders from "../../src/broker/orders/Orders.ts"
import { account, eventually, httpServer, sessionOf, socketServer } from "./KiteServer.ts"

/** A second address that every machine has. */
const second = "127.0.0.2"
/** RFC 5737: an address of no machine. */
const foreign = "192.0.2.1"

const profile = { user_id: "AB1234", user_name: "A", broker: "Z", exchanges: [], products: [] }

/** An account with this address, at servers that note the address of each caller. */
const called = (localAddress: string) =>
  Effect.gen(function* () {
    const from: Array<string> = []
    const rest = yield* httpServer((request, response) => {
      from.push(`rest ${request.socket.remoteAddress}`)
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ status: "success", data: profile }))
    })
    const socket = yield* socketServer({
      refuse: (request) => {
        from.push(`socket ${request.socket.remoteAddress}`)
        return undefined
      }
    })
    const of = { ...account({ root: rest.url }), socketRoot: socket.url, localAddress }
    const client = yield* KiteClient.make(of, { ...KiteClient.defaults, agents: yield* Orders.agents(of) })
    return { from, session: yield* sessionOf(client) }
  })

describe("an account's egress address", () => {
  it.scopedLive("is the one from which its requests and sockets leave, and its status shows it", () =>
    Effect.gen(function* () {
      const { from, session } = yield* called(second)
      yield* KiteRest.make(session).profile
      const events = { onFrame: () => {}, onText: () => {}, onState: () => {} }
      const socket = yield* KiteSocket.make({ account: "A1", address: session.socketAddress, events })
      socket.set(new Map([[256265, "full"]]))
      yield* eventually("open", () => socket.stats().state === "open")
      assert.deepStrictEqual(from, [`rest ${second}`, `socket ${second}`])
      assert.strictEqual(session.status().local_address, second)
    })
  )

  it.scopedLive("is checked before anything is sent, and an address that the machine does not have is named", () =>
    Effect.gen(function* () {
      const { from, session } = yield* called(foreign)
      for (const refused of [
        yield* Effect.either(Effect.asVoid(KiteRest.make(session).profile)),
        yield* Effect.either(Effect.asVoid(session.socketAddress))
      ]) {
        assert.isTrue(Either.isLeft(refused))
        if (Either.isLeft(refused)) {
          assert.strictEqual(refused.left._tag, "NoLocalAddress")
          assert.include(refused.left.message, `local_address ${foreign} is not an address of this machine (EADDRNOTAVAIL)`)
        }
      }
      assert.deepStrictEqual(from, [])
    })
  )
})
