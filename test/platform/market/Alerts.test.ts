import { createHmac } from "node:crypto"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { AlertEvent } from "../../../src/domain/alerts/AlertMessage.ts"
import { ask, eventually, natsClient, readAll, start, world } from "../PlatformWorld.ts"

interface Sent {
  readonly signature: string
  readonly timestamp: string
  readonly body: string
}

/** The user's own receiver of events, on this machine. */
const receiver = Effect.gen(function* () {
  const sent: Array<Sent> = []
  const server = http.createServer((request, response) => {
    let body = ""
    request.on("data", (chunk) => {
      body += chunk
    })
    request.on("end", () => {
      sent.push({ signature: String(request.headers["tarang-signature"]), timestamp: String(request.headers["tarang-timestamp"]), body })
      response.writeHead(200).end()
    })
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
    () => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
  )
  return { sent, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events` }
})

describe("alerts on the whole platform", () => {
  it.scopedLive(
    "a price, a chain, a strategy and an account's feed fire once each; NATS and the webhook have the events",
    () =>
      Effect.gen(function* () {
        const { sent, url } = yield* receiver
        const { config, nats } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 4 }, { WEBHOOK_NETWORKS: "127.0.0.0/8" })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const { expiries } = (yield* eventually("chains", ask(running, "/fo/expiries?symbol=NIFTY"), ({ status }) => status === 200)).body
        const watched = [
          { source: "instrument", symbol: "NIFTY", field: "last_price" },
          { source: "chain", symbol: "NIFTY", expiry: expiries[0], field: "spot" },
          { source: "strategy", strategy_id: 1, field: "realised_pnl" },
          { source: "feed", account_id: "sim1", field: "is_streaming" }
        ]
        const secrets = new Map<number, string>()
        for (const on of watched) {
          const body = { name: on.source, on, condition: "above", threshold: "0", webhook_url: url }
          const made = yield* eventually(
            `an alert on ${on.source}`,
            ask(running, "/alerts", { method: "POST", body }),
            ({ status }) => status === 201
          )
          secrets.set(made.body.alert_id, made.body.webhook_secret)
        }
        const nc = yield* natsClient(nats)
        const published = yield* eventually(
          "NATS has an event of each",
          readAll<AlertEvent>(nc, "ALERT", "alert.evt.demo"),
          (events) => events.length === watched.length
        )
        assert.deepStrictEqual(published.map(({ name }) => name).sort(), watched.map(({ source }) => source).sort())
        yield* eventually(
          "the webhook has them",
          Effect.sync(() => sent.length),
          (count) => count >= watched.length
        )
        for (const { body, signature, timestamp } of sent) {
          const event: AlertEvent = JSON.parse(body)
          const secret = secrets.get(event.alert_id) ?? ""
          assert.strictEqual(signature, `v1=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}`)
        }
        for (const id of secrets.keys()) {
          const { events } = (yield* eventually(
            "its delivery is noted",
            ask(running, `/alerts/${id}/events`),
            ({ body }) => body.events[0]?.delivery?.state === "delivered"
          )).body
          assert.deepStrictEqual([events.length, events[0].delivery], [1, { state: "delivered", attempts: 1, error: null }])
          assert.strictEqual((yield* ask(running, `/alerts/${id}`)).body.state, "done")
        }
      }),
    300_000
  )
})
