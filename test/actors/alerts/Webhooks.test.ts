import { createHmac } from "node:crypto"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AlertWebhooks from "../../../src/actors/alerts/AlertWebhooks.ts"
import * as Networks from "../../../src/actors/alerts/Networks.ts"
import * as WebhookRequest from "../../../src/actors/alerts/WebhookRequest.ts"

interface Received {
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** A receiver that answers with the given status, and the requests that it got. */
const receiver = (status: number, headers: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const received: Array<Received> = []
    const server = http.createServer((request, response) => {
      let body = ""
      request.on("data", (chunk) => {
        body += chunk
      })
      request.on("end", () => {
        received.push({ headers: request.headers, body })
        response.writeHead(status, headers).end("anything")
      })
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
      () => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
    )
    return { received, port: (server.address() as AddressInfo).port }
  })

const post = (url: string, networks: ReadonlyArray<string> = ["127.0.0.0/8"]) =>
  WebhookRequest.post(Networks.make(networks), { url, secret: "s", eventId: 7, body: '{"v":1}', atMs: 1_795_000_000_999 })

describe("webhooks", () => {
  it.scopedLive("an event arrives with a signature that the receiver can compute again", () =>
    Effect.gen(function* () {
      const { port, received } = yield* receiver(204)
      yield* post(`http://127.0.0.1:${port}/hook`)
      assert.strictEqual(received.length, 1)
      const { body, headers } = received[0] as Received
      assert.strictEqual(body, '{"v":1}')
      assert.deepInclude(headers, { "tarang-event": "7", "tarang-timestamp": "1795000000", "content-type": "application/json" })
      const expected = `v1=${createHmac("sha256", "s").update(`${headers["tarang-timestamp"]}.${body}`).digest("hex")}`
      assert.strictEqual(headers["tarang-signature"], expected)
    })
  )

  it.scopedLive("an address that is not public is never connected to, whether it is written or resolved", () =>
    Effect.gen(function* () {
      const { port, received } = yield* receiver(200)
      for (const host of ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "169.254.169.254"]) {
        for (const scheme of ["http", "https"]) {
          const error = yield* Effect.flip(post(`${scheme}://${host}:${port}/`, []))
          assert.deepStrictEqual([host, error.isFinal], [host, true])
          assert.include(error.reason, "not on the public internet")
        }
      }
      assert.deepStrictEqual(received, [])
    })
  )

  it.scopedLive("a redirect is not followed, 410 ends the deliveries, and a receiver that is away is tried again", () =>
    Effect.gen(function* () {
      const inside = yield* receiver(200)
      const outside = yield* receiver(302, { location: `http://127.0.0.1:${inside.port}/` })
      const moved = yield* Effect.flip(post(`http://127.0.0.1:${outside.port}/`))
      assert.deepInclude(moved, { reason: "the receiver answered 302", isFinal: false })
      assert.deepStrictEqual(inside.received, [])
      const { port } = yield* receiver(410)
      assert.isTrue((yield* Effect.flip(post(`http://127.0.0.1:${port}/`))).isFinal)
      const closed = yield* Effect.scoped(receiver(200))
      assert.deepInclude(yield* Effect.flip(post(`http://127.0.0.1:${closed.port}/`)), { reason: "ECONNREFUSED", isFinal: false })
    })
  )

  it("only public addresses and those of the named networks may be reached", () => {
    const none = Networks.make([])
    const closed = ["10.1.2.3", "100.64.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "224.0.0.1", "255.255.255.255"]
    for (const address of [
      ...closed,
      "::",
      "fe80::1",
      "fc00::1",
      "::ffff:10.1.2.3",
      "64:ff9b::a01:203",
      "2002:a01:203::",
      "not an address"
    ])
      assert.isFalse(none.isAllowed(address), address)
    for (const address of ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"]) assert.isTrue(none.isAllowed(address), address)
    const named = Networks.make(["10.1.0.0/16"])
    assert.deepStrictEqual(
      ["10.1.2.3", "10.2.2.3", "8.8.8.8"].map((address) => [named.isAllowed(address), named.isNamed(address)]),
      [
        [true, true],
        [false, false],
        [true, false]
      ]
    )
  })

  it("pauses grow with each attempt, and the last attempt has none after it", () => {
    const pauses = Array.from({ length: AlertWebhooks.attemptsMax }, (_, at) => AlertWebhooks.againInS(at + 1))
    assert.deepStrictEqual(pauses, [10, 20, 40, 80, 160, 1_280, 2_560, null])
  })
})
