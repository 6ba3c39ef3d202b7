import { assert, layer } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import * as AlertActor from "../../../src/actors/alerts/AlertActor.ts"
import * as AlertRelay from "../../../src/actors/alerts/AlertRelay.ts"
import * as SocketMessages from "../../../src/contract/sockets/SocketMessages.ts"
import type { AlertEvent } from "../../../src/domain/alerts/AlertMessage.ts"
import { AlertRepo, perUserMax } from "../../../src/store/alerts/AlertRepo.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, fullPacket, near, publishFrame, ready, token, tokens, World, world } from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

const onNifty = { source: "instrument", symbol: "NIFTY", field: "last_price" }
const rule = { name: "High", on: onNifty, condition: "above", threshold: "24600", hysteresis: "10", cooldown_s: 0 }
const post = (body: object, as = "u1", role?: string) => ask("/alerts", { method: "POST", as, body, ...(role && { role }) })
const patch = (id: number, body: object, as = "u1") => ask(`/alerts/${id}`, { method: "PATCH", as, body })
const remove = (id: number, as = "u1") => ask(`/alerts/${id}`, { method: "DELETE", as })

/** The actors that decide what the gateway wrote, until the scope ends. */
const decided = Effect.gen(function* () {
  const { engine } = yield* World
  for (const actor of [AlertActor.make, AlertRelay.make]) {
    const running = yield* Effect.provideService(actor, JetStream, engine)
    yield* Effect.forkScoped(running)
  }
  yield* ready
})
/** A packet of NIFTY in the record, received at an instant. */
const price = (rupees: number, asOf: string) =>
  publishFrame([fullPacket(tokens.nifty, Math.round(rupees * 100))], { receivedMs: Date.parse(asOf) })
const stateOf = (id: number, as = "u1") => Effect.map(ask(`/alerts/${id}`, { as }), ({ body }) => body.state)
/** Alerts are decided from the moment on at which the actor has taken them up. */
const takenUp = (owner: string, id: number) =>
  eventually(
    "the alert is taken up",
    Effect.flatMap(AlertRepo, (repo) =>
      Effect.map(repo.byId(owner, id), (found) => Option.exists(found, ({ inputSeq }) => inputSeq !== null))
    )
  )
const eventsOf = (id: number, as = "u1") => Effect.map(ask(`/alerts/${id}/events`, { as }), ({ body }) => body.events)

layer(world(), { excludeTestServices: true })("/alerts", (it) => {
  it.effect("an alert is created, read, changed and deleted; its webhook's secret is shown once", () =>
    Effect.gen(function* () {
      yield* ready
      const { status, body } = yield* post({ ...rule, webhook_url: "https://example.org/hook" })
      const { alert_id: id, created_at, updated_at, webhook_secret, ...view } = body
      assert.strictEqual(status, 201)
      assert.deepStrictEqual(view, {
        name: "High",
        on: {
          source: "instrument",
          exchange: "NSE",
          tradingsymbol: "NIFTY 50",
          instrument_token: tokens.nifty,
          underlying: { exchange: "NSE", name: "NIFTY" },
          field: "last_price"
        },
        condition: "above",
        threshold: "24600",
        hysteresis: "10",
        repeat: false,
        cooldown_s: 0,
        status: "active",
        state: "armed",
        webhook_url: "https://example.org/hook",
        fired_at: null
      })
      assert.isAtLeast(webhook_secret.length, 40)
      const read = (yield* ask(`/alerts/${id}`)).body
      assert.deepStrictEqual(read, { alert_id: id, created_at, updated_at, ...view })
      const changed = (yield* patch(id, { threshold: 24_700.05, status: "paused", webhook_url: null })).body
      assert.deepInclude(changed, { threshold: "24700.05", status: "paused", webhook_url: null, webhook_secret: null, hysteresis: "10" })
      const list = (yield* ask("/alerts")).body
      assert.deepStrictEqual([list.total, list.alerts[0].alert_id], [1, id])
      assert.deepStrictEqual((yield* remove(id)).body, { message: "Alert deleted" })
      assert.strictEqual((yield* remove(id)).status, 404)
    })
  )

  it.effect("BE-SEC-02 another user's alerts are neither read nor changed, and answer as if they were not there", () =>
    Effect.gen(function* () {
      yield* ready
      const { alert_id: id } = (yield* post(rule, "owner")).body
      const answers = [
        yield* ask(`/alerts/${id}`, { as: "thief" }),
        yield* ask(`/alerts/${id}/events`, { as: "thief" }),
        yield* patch(id, { name: "Mine" }, "thief"),
        yield* remove(id, "thief")
      ]
      for (const { body, status } of answers) assert.deepStrictEqual([status, body.detail], [404, "Alert not found"])
      assert.strictEqual((yield* ask("/alerts", { as: "thief" })).body.total, 0)
      assert.strictEqual((yield* post(rule, "reader", "viewer")).status, 403)
    })
  )

  it.effect("refuses what does not exist, what is not the caller's, wrong addresses, and more than a user may have", () =>
    Effect.gen(function* () {
      yield* ready
      const wrong = (on: object) => Effect.map(post({ ...rule, on }, "w"), ({ body, status }) => [status, body.detail])
      const none = (thing: string) => [404, `${thing} not found`]
      assert.deepStrictEqual(yield* wrong({ ...onNifty, symbol: "NOSUCH" }), none("Symbol"))
      const chain = { source: "chain", symbol: "NIFTY", expiry: near, field: "pcr_oi" }
      assert.deepStrictEqual(yield* wrong({ ...chain, expiry: "2098-01-31" }), none("Expiry"))
      assert.deepStrictEqual(yield* wrong({ source: "strategy", strategy_id: 999_999, field: "m2m" }), none("Strategy"))
      assert.deepStrictEqual(yield* wrong({ source: "feed", account_id: "nobody", field: "silent_s" }), none("Account"))
      for (const body of [
        { on: { ...onNifty, field: "pcr_oi" } },
        { condition: "near" },
        { hysteresis: "-1" },
        { threshold: "much" },
        { cooldown_s: -1 },
        { name: " " }
      ])
        assert.strictEqual((yield* post({ ...rule, ...body }, "w")).status, 422, JSON.stringify(body))
      for (const webhook_url of ["http://example.org/", "ftp://example.org/", "https://user:word@example.org/", "hook"])
        assert.strictEqual((yield* post({ ...rule, webhook_url }, "w")).body.errors?.[0].field, "webhook_url", webhook_url)
      for (let count = 0; count < perUserMax; count++) assert.strictEqual((yield* post(rule, "many")).status, 201)
      assert.strictEqual((yield* post(rule, "many")).body.errors[0].message, `a user has at most ${perUserMax} alerts`)
    })
  )

  it.scoped("fires once for each message after its creation, also for those that came while no actor ran; NATS has the events", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine } = yield* World
      yield* price(30_000, "2026-11-24T05:00:00.000Z")
      const { alert_id: id } = (yield* post({ ...rule, repeat: true }, "u5")).body
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* decided
          yield* takenUp("u5", id)
          yield* price(24_599.95, "2026-11-24T05:00:01.000Z")
          yield* price(24_600, "2026-11-24T05:00:02.000Z")
          yield* eventually(
            "it fires",
            Effect.map(eventsOf(id, "u5"), (events) => events.length === 1)
          )
        })
      )
      // No actor decides alerts now.
      yield* price(24_595, "2026-11-24T05:00:03.000Z")
      yield* price(24_610, "2026-11-24T05:00:04.000Z")
      yield* price(24_580, "2026-11-24T05:00:05.000Z")
      const { seq } = yield* price(24_611.25, "2026-11-24T05:00:06.000Z")
      yield* decided
      const events = yield* eventually(
        "it fires again",
        Effect.map(eventsOf(id, "u5"), (events) => (events.length === 2 ? events : undefined))
      )
      assert.deepStrictEqual(
        events.map(({ as_of, value }: { as_of: string; value: string }) => [as_of, value]),
        [
          ["2026-11-24T05:00:06.000Z", "24611.25"],
          ["2026-11-24T05:00:02.000Z", "24600"]
        ]
      )
      assert.strictEqual(events[0].seq, seq)
      assert.strictEqual(yield* stateOf(id, "u5"), "waiting")
      const subject = Subjects.AlertEvent.at({ owner: "u5" })
      const published = yield* eventually(
        "NATS has the events",
        Effect.map(engine.last(Subjects.AlertEvent.stream, subject), (found) =>
          Option.getOrUndefined(Option.filter(found, ({ data }) => new TextDecoder().decode(data).includes("24611.25")))
        )
      )
      const event: AlertEvent = yield* Subjects.AlertEvent.decode(subject, published.data)
      assert.deepInclude(event, { owner: "u5", alert_id: id, name: "High", condition: "above", as_of: "2026-11-24T05:00:06.000Z", seq })
      yield* remove(id, "u5")
    })
  )

  it.scoped("an alert without repeat is done once it has fired; a changed threshold begins it again", () =>
    Effect.gen(function* () {
      yield* decided
      const { alert_id: id } = (yield* post(rule, "u6")).body
      yield* takenUp("u6", id)
      yield* price(24_601, "2026-11-24T06:00:00.000Z")
      yield* eventually(
        "it is done",
        Effect.map(stateOf(id, "u6"), (state) => state === "done")
      )
      assert.strictEqual((yield* patch(id, { threshold: "24610" }, "u6")).body.state, "armed")
      yield* takenUp("u6", id)
      yield* price(24_612, "2026-11-24T06:00:01.000Z")
      const events = yield* eventually(
        "it fires at the new threshold",
        Effect.map(eventsOf(id, "u6"), (events) => (events.length === 2 ? events : undefined))
      )
      assert.deepStrictEqual(
        events.map(({ threshold }: { threshold: string }) => threshold),
        ["24610", "24600"]
      )
      yield* remove(id, "u6")
    })
  )
})

const isMessage = Schema.is(Schema.encodedSchema(SocketMessages.AlertStreamMessage))

layer(world(), { excludeTestServices: true })("/alerts/stream", (it) => {
  it.scoped(
    "BE-SEC-02 sends the owner's alerts that fire, to each of the owner's connections and to nobody else, also to one that comes back",
    () =>
      Effect.gen(function* () {
        yield* decided
        const open = (as: string, since?: object) =>
          Effect.gen(function* () {
            const client = yield* connect(`/alerts/stream?token=${yield* token({ sub: as })}`)
            yield* client.next
            return { client, answer: yield* client.ask({ action: "subscribe", ...(since && { since }) }) }
          })
        const [{ answer, client }, { client: twin }, { client: stranger }] = [yield* open("u1"), yield* open("u1"), yield* open("u2")]
        assert.deepInclude(answer, { type: "subscribed", total: 1 })
        const fire = (threshold: string, last: number, asOf: string) =>
          Effect.gen(function* () {
            const { alert_id: id } = (yield* post({ ...rule, threshold })).body
            yield* takenUp("u1", id)
            yield* price(last, asOf)
            return id as number
          })
        const id = yield* fire("24600", 24_600.05, "2026-11-24T07:00:00.000Z")
        const fired = yield* client.next
        assert.deepInclude(fired, { type: "alert", epoch: answer.epoch })
        const { event_id: _, on, ...data } = fired.data
        const wanted = {
          alert_id: id,
          name: "High",
          condition: "above",
          threshold: "24600",
          value: "24600.05",
          as_of: "2026-11-24T07:00:00.000Z"
        }
        assert.deepStrictEqual(data, wanted)
        assert.deepInclude(on, { source: "instrument", field: "last_price" })
        assert.strictEqual((yield* twin.next).data.alert_id, id)
        assert.deepStrictEqual(yield* client.ask({ action: "unsubscribe" }), { type: "unsubscribed", total: 0 })
        const second = yield* fire("25000", 25_000, "2026-11-24T07:00:01.000Z")
        assert.strictEqual((yield* twin.next).data.alert_id, second)
        assert.strictEqual((yield* client.settled).at(-1).type, "pong")
        assert.deepStrictEqual(
          (yield* stranger.settled).map(({ type }) => type),
          ["welcome", "subscribed", "pong"]
        )
        // A client that comes back gets what it missed, and a gap for what can no longer be sent.
        const { client: again } = yield* open("u1", { epoch: fired.epoch, seq: fired.seq })
        assert.strictEqual((yield* again.next).data.alert_id, second)
        const { client: foreign } = yield* open("u1", { epoch: 1, seq: 1 })
        assert.deepInclude(yield* foreign.next, { type: "gap", epoch: fired.epoch })
        for (const { received } of [client, twin, stranger, again, foreign])
          for (const message of received) assert.isTrue(isMessage(message), JSON.stringify(message))
      })
  )
})
