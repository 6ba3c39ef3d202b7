import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as LabelRelay from "../../../src/actors/labels/LabelRelay.ts"
import * as SocketMessages from "../../../src/contract/sockets/SocketMessages.ts"
import { LabelRepo } from "../../../src/store/labels/LabelRepo.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, ready, token, World, world } from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

const nine = "2026-11-24T03:45:00.000Z"
const ten = "2026-11-24T04:45:00.000Z"
const post = (body: object, as = "u1") => ask("/labels", { method: "POST", as, body })
const patch = (id: number, body: object, as = "u1") => ask(`/labels/${id}`, { method: "PATCH", as, body })
const remove = (id: number, as = "u1") => ask(`/labels/${id}`, { method: "DELETE", as })
const span = "from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z"
const seconds = (time: string) => Date.parse(time) / 1_000

/** The actor that publishes what the gateway wrote. */
const relayed = Effect.gen(function* () {
  const { engine } = yield* World
  const relay = yield* Effect.provideService(LabelRelay.make, JetStream, engine)
  yield* Effect.forkScoped(relay)
  yield* ready
})
const isMessage = Schema.is(SocketMessages.LabelStreamMessage)

layer(world(), { excludeTestServices: true })("Labels and marks", (it) => {
  it.effect("BE-SVC-08 labels are created, read, changed and deleted; TradingView's marks show them", () =>
    Effect.gen(function* () {
      yield* ready
      const created = yield* post({ symbol: "nifty", time: nine, text: "Opening range", label: "O", color: "#ff0000" })
      assert.strictEqual(created.status, 201)
      const { label_id, created_at, updated_at, ...rest } = created.body
      assert.deepStrictEqual(rest, {
        exchange: "NSE",
        tradingsymbol: "NIFTY 50",
        time: nine,
        place: "bar",
        label: "O",
        text: "Opening range",
        color: "#ff0000"
      })
      const later = (yield* post({ symbol: "NSE:NIFTY 50", time: ten, text: "Expiry", place: "timescale" })).body
      assert.deepInclude(later, { label: "L", color: "#2962ff", place: "timescale" })
      const list = (yield* ask(`/labels?symbol=NIFTY&${span}`)).body
      assert.deepStrictEqual([list.total, list.labels.map(({ text }: { text: string }) => text)], [2, ["Opening range", "Expiry"]])
      assert.strictEqual((yield* ask("/labels?symbol=INFY")).body.total, 0)
      assert.strictEqual((yield* ask(`/labels?from=${ten}`)).body.total, 1)
      const marks = (yield* ask(`/marks?symbol=NIFTY&${span}&resolution=5`)).body
      assert.deepStrictEqual(marks, [
        {
          id: label_id,
          time: seconds(nine),
          color: { border: "#ff0000", background: "#ff0000" },
          text: "Opening range",
          label: "O",
          labelFontColor: "#ffffff",
          minSize: 14
        }
      ])
      assert.deepStrictEqual((yield* ask(`/timescale_marks?symbol=NIFTY&${span}&resolution=1D`)).body, [
        { id: later.label_id, time: seconds("2026-11-24T00:00:00Z"), color: "#2962ff", label: "L", tooltip: ["Expiry"] }
      ])
      const changed = (yield* patch(label_id, { text: "Opening range broken", time: ten })).body
      assert.deepInclude(changed, { label_id, text: "Opening range broken", time: ten, label: "O", created_at })
      assert.isTrue(changed.updated_at >= updated_at)
      assert.deepStrictEqual((yield* remove(label_id)).body, { message: "Label deleted" })
      assert.strictEqual((yield* remove(label_id)).status, 404)
      assert.deepStrictEqual((yield* ask(`/marks?symbol=NIFTY&${span}`)).body, [])
    })
  )

  it.effect("BE-SVC-08 the UDF offers the caller's marks in its own columns, in seconds", () =>
    Effect.gen(function* () {
      yield* ready
      const { label_id } = (yield* post({ symbol: "INFY", time: nine, text: "Results", label: "R" }, "charts")).body
      assert.deepInclude((yield* ask("/udf/config")).body, { supports_marks: true, supports_timescale_marks: true })
      const query = `symbol=NSE:INFY&from=${seconds(nine) - 60}&to=${seconds(nine) + 60}&resolution=5`
      assert.deepStrictEqual((yield* ask(`/udf/marks?${query}`, { as: "charts" })).body, {
        id: [label_id],
        time: [seconds(nine)],
        color: [{ border: "#2962ff", background: "#2962ff" }],
        text: ["Results"],
        label: ["R"],
        labelFontColor: ["#ffffff"],
        minSize: [14]
      })
      assert.deepStrictEqual((yield* ask(`/udf/timescale_marks?${query}`, { as: "charts" })).body, [])
      assert.deepStrictEqual((yield* ask(`/udf/marks?${query}`, { as: "another" })).body.id, [])
      assert.deepStrictEqual((yield* ask("/udf/marks?symbol=NOSUCH&from=0&to=1", { as: "charts" })).body.id, [])
      assert.strictEqual((yield* ask("/udf/marks?symbol=INFY&from=soon&to=1", { as: "charts" })).body.s, "error")
      for (const path of ["marks", "timescale_marks"])
        assert.deepStrictEqual((yield* ask(`/udf/${path}?symbol=NSE:INFY&from=2&to=1`, { as: "charts" })).body, {
          s: "error",
          errmsg: "from must not be after to"
        })
      assert.strictEqual((yield* ask(`/udf/marks?${query}`, { as: null })).status, 401)
    })
  )

  it.effect("BE-SEC-02 another user's labels cannot be read or changed, and a request for them gets 404", () =>
    Effect.gen(function* () {
      yield* ready
      const { label_id } = (yield* post({ symbol: "NIFTY", time: nine, text: "Mine" }, "owner")).body
      for (const answer of [yield* patch(label_id, { text: "Yours" }, "thief"), yield* remove(label_id, "thief")])
        assert.deepStrictEqual([answer.status, answer.body.detail], [404, "Label not found"])
      assert.strictEqual((yield* ask("/labels", { as: "thief" })).body.total, 0)
      assert.deepStrictEqual((yield* ask("/marks?symbol=NIFTY", { as: "thief" })).body, [])
      assert.strictEqual((yield* ask("/labels", { as: "owner" })).body.labels[0].text, "Mine")
    })
  )

  it.effect("refuses unknown symbols, wrong colours, empty texts and ids that are not there", () =>
    Effect.gen(function* () {
      yield* ready
      assert.strictEqual((yield* post({ symbol: "NOSUCH", time: nine, text: "x" })).body.detail, "Symbol not found")
      const field = (body: object) =>
        Effect.map(post({ symbol: "NIFTY", time: nine, text: "x", ...body }), ({ body }) => body.errors[0].field)
      assert.strictEqual(yield* field({ color: "red" }), "color")
      assert.strictEqual(yield* field({ text: " " }), "text")
      assert.strictEqual(yield* field({ label: "long" }), "label")
      assert.strictEqual(yield* field({ place: "wall" }), "place")
      assert.strictEqual(yield* field({ time: "soon" }), "time")
      for (const id of [0, 999_999, 2 ** 60]) assert.strictEqual((yield* patch(id, { text: "x" })).status, 404)
      for (const path of ["labels", "marks", "timescale_marks"]) {
        const { body, status } = yield* ask(`/${path}?symbol=NIFTY&from=2026-11-25&to=2026-11-24`)
        assert.deepStrictEqual([status, body.errors], [422, [{ field: "from", message: "must not be after to" }]], path)
      }
    })
  )
})

layer(world(), { excludeTestServices: true })("/labels/stream", (it) => {
  it.scoped("BE-SVC-08 sends the owner's changes in order, to each of the owner's connections and to nobody else", () =>
    Effect.gen(function* () {
      yield* relayed
      const { engine } = yield* World
      const open = (as: string) =>
        Effect.gen(function* () {
          const client = yield* connect(`/labels/stream?token=${yield* token({ sub: as })}`)
          assert.strictEqual((yield* client.next).type, "welcome")
          const { epoch, seq, ...answer } = yield* client.ask({ action: "subscribe", symbol: "nifty" })
          assert.deepStrictEqual(answer, { type: "subscribed", symbol: "NIFTY", total: 1 })
          assert.strictEqual(epoch, (yield* engine.info(Subjects.LabelEvent.stream)).createdMs)
          return { client, since: { epoch, seq } }
        })
      const [{ client }, { client: twin }, { client: stranger }] = [yield* open("u1"), yield* open("u1"), yield* open("u2")]
      const { label_id } = (yield* post({ symbol: "NIFTY", time: nine, text: "One" })).body
      const first = yield* client.next
      assert.deepStrictEqual([first.type, first.change, first.label.text], ["label", "created", "One"])
      yield* patch(label_id, { text: "Two" })
      const second = yield* client.next
      assert.deepStrictEqual([second.change, second.label.text, second.seq > first.seq], ["changed", "Two", true])
      assert.deepStrictEqual([(yield* twin.next).change, (yield* twin.next).change], ["created", "changed"])
      yield* remove(label_id)
      assert.strictEqual((yield* client.next).change, "removed")
      assert.deepStrictEqual(yield* client.ask({ action: "unsubscribe", symbol: "NIFTY" }), {
        type: "unsubscribed",
        symbol: "NIFTY",
        total: 0
      })
      yield* post({ symbol: "NIFTY", time: nine, text: "Three" })
      assert.deepStrictEqual([(yield* twin.next).change, (yield* twin.next).label.text], ["removed", "Three"])
      for (const { received } of [client, twin, stranger])
        for (const message of received) assert.isTrue(isMessage(message), JSON.stringify(message))
      assert.deepStrictEqual(
        (yield* stranger.settled).map(({ type }) => type),
        ["welcome", "subscribed", "pong"]
      )
      assert.strictEqual((yield* client.settled).at(-1).type, "pong")
      // A client that comes back gets what it missed, from its position on.
      const again = yield* connect(`/labels/stream?token=${yield* token()}`)
      yield* again.next
      yield* again.ask({ action: "subscribe", symbol: "NIFTY", since: { epoch: first.epoch, seq: second.seq } })
      assert.deepStrictEqual([(yield* again.next).change, (yield* again.next).label.text], ["removed", "Three"])
      const foreign = yield* connect(`/labels/stream?token=${yield* token()}`)
      yield* foreign.next
      yield* foreign.ask({ action: "subscribe", symbol: "NIFTY", since: { epoch: 1, seq: 1 } })
      assert.deepInclude(yield* foreign.next, { type: "gap", epoch: first.epoch, symbol: "NIFTY" })
    })
  )

  it.scoped("events wait in Postgres while nobody relays them, and come once", () =>
    Effect.gen(function* () {
      yield* ready
      const repo = yield* LabelRepo
      const { engine } = yield* World
      const before = (yield* engine.info(Subjects.LabelEvent.stream)).lastSeq
      yield* post({ symbol: "INFY", time: nine, text: "Waiting" }, "late")
      assert.deepStrictEqual(
        (yield* repo.waiting(10)).map(({ owner, change, label }) => [owner, change, label.text]),
        [["late", "created", "Waiting"]]
      )
      yield* relayed
      yield* eventually(
        "the event is published",
        Effect.map(repo.waiting(10), (events) => events.length === 0)
      )
      assert.strictEqual((yield* engine.info(Subjects.LabelEvent.stream)).lastSeq, before + 1)
    })
  )
})
