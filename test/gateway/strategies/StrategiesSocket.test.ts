import { assert, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, metric, ready, token, World, world } from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

const money = (text: string) => new Money.Decimal(text)
const publishMark = (owner: string, strategyId: number, m2m: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const { engine } = yield* World
    const mark = {
      v: 1,
      as_of: "2026-11-24T09:30:00.000Z",
      seq: 5,
      strategy_id: strategyId,
      m2m: money(m2m),
      unrealised_pnl: money("2.5"),
      realised_pnl: money("0"),
      total_pnl: money("2.5"),
      net_delta: 1,
      net_gamma: null,
      net_theta: -3,
      net_vega: 4,
      complete: false,
      missing: [7]
    } as const
    return (yield* engine.publish(Subjects.Mark.at({ owner, strategy: String(strategyId) }), Subjects.Mark.encode(mark), { headers })).seq
  })
/** The body of another user's mark, as it is stored. */
const bodyOfAnother = Effect.gen(function* () {
  const { engine } = yield* World
  const seq = yield* publishMark("another", 777, "668")
  return Option.getOrThrow(yield* engine.at("STRAT", seq)).data
})
const create = (owner: string) =>
  Effect.map(ask("/strategies", { method: "POST", as: owner, body: { name: "s" } }), ({ body }) => body.strategy_id)
const stream = (owner: string) =>
  Effect.tap(
    Effect.flatMap(token({ sub: owner }), (jwt) => connect(`/strategies/stream?token=${jwt}`)),
    (client) => client.next
  )

layer(world(), { excludeTestServices: true })("/strategies/stream", (it) => {
  it.scoped(
    "BE-ISO-02 a mark of a replaced process, an earlier one that is published again, and one of another strategy reach no client",
    () =>
      Effect.gen(function* () {
        yield* ready
        const { engine } = yield* World
        const id = yield* create("fenced")
        const client = yield* stream("fenced")
        yield* client.ask({ action: "subscribe", strategy_ids: [id] })
        const refused = yield* metric("bridge_undecodable_total")
        const of = (m2m: string, place: string) => publishMark("fenced", id, m2m, { "Tarang-Input": place })
        yield* of("1", "9 100 0 7")
        yield* of("666", "9 101 0 3")
        yield* of("667", "9 100 0 7")
        yield* engine.publish(Subjects.Mark.at({ owner: "fenced", strategy: String(id) }), yield* bodyOfAnother)
        yield* of("2", "9 101 0 7")
        assert.deepInclude(yield* client.next, { type: "m2m", m2m: "1" })
        assert.deepInclude(yield* client.next, { type: "m2m", m2m: "2" })
        yield* eventually(
          "they are counted",
          Effect.map(metric("bridge_undecodable_total"), (now) => now === refused + 3)
        )
      })
  )

  it.scoped("sends the newest mark at once, then each change, with its position in the stream", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine } = yield* World
      const owner = "a.b c" // a subject cannot contain this owner's name unchanged
      const id = yield* create(owner)
      const before = yield* publishMark(owner, id, "-100.05")
      yield* eventually(
        "the mark is known",
        Effect.map(ask(`/strategies/${id}`, { as: owner }), ({ body }) => body.latest !== null)
      )
      const client = yield* stream(owner)
      assert.deepStrictEqual(yield* client.ask({ action: "subscribe", strategy_ids: [id, id] }), {
        type: "subscribed",
        strategy_ids: [id],
        total: 1
      })
      const { createdMs } = yield* engine.info("STRAT")
      assert.deepStrictEqual(yield* client.next, {
        type: "m2m",
        v: 1,
        as_of: "2026-11-24T09:30:00.000Z",
        strategy_id: id,
        m2m: "-100.05",
        unrealised_pnl: "2.5",
        realised_pnl: "0",
        total_pnl: "2.5",
        net_delta: 1,
        net_gamma: null,
        net_theta: -3,
        net_vega: 4,
        complete: false,
        missing: [7],
        epoch: createdMs,
        seq: before
      })
      const seq = yield* publishMark(owner, id, "-99")
      assert.deepInclude(yield* client.next, { type: "m2m", strategy_id: id, m2m: "-99", seq })
      assert.deepStrictEqual(yield* client.ask({ action: "unsubscribe", strategy_ids: [id, 5] }), {
        type: "unsubscribed",
        strategy_ids: [id],
        total: 0
      })
      yield* publishMark(owner, id, "-98")
      yield* eventually(
        "the next mark is known",
        Effect.map(ask(`/strategies/${id}`, { as: owner }), ({ body }) => body.latest.m2m === "-98")
      )
      assert.isFalse((yield* client.settled).some(({ m2m }) => m2m === "-98"))
    })
  )

  it.scoped("sends only to the owner's clients which strategy was created, changed or deleted", () =>
    Effect.gen(function* () {
      yield* ready
      const mine = [yield* stream("carol"), yield* stream("carol")]
      const other = yield* stream("dave")
      const id = yield* create("carol")
      yield* ask(`/strategies/${id}`, { method: "PATCH", as: "carol", body: { name: "renamed" } })
      yield* ask(`/strategies/${id}`, { method: "DELETE", as: "carol" })
      for (const client of mine) {
        for (const change of ["created", "changed", "deleted"])
          assert.deepStrictEqual(yield* client.next, { type: "strategy", strategy_id: id, change })
      }
      const own = yield* create("dave")
      assert.deepStrictEqual(yield* other.next, { type: "strategy", strategy_id: own, change: "created" })
    })
  )

  it.scoped("BE-SEC-02 another user's strategy cannot be streamed, nor distinguished from a missing one", () =>
    Effect.gen(function* () {
      yield* ready
      const [theirs, mine] = [yield* create("alice"), yield* create("bob")]
      const client = yield* stream("bob")
      const refused = (id: number) => ({ type: "error", code: "not_found", message: "Strategy not found", strategy_ids: [id] })
      assert.deepStrictEqual(yield* client.ask({ action: "subscribe", strategy_ids: [theirs] }), refused(theirs))
      assert.deepStrictEqual(yield* client.ask({ action: "subscribe", strategy_ids: [987_654] }), refused(987_654))
      assert.deepStrictEqual(yield* client.ask({ action: "subscribe", strategy_ids: [mine, theirs] }), refused(theirs))
      assert.deepStrictEqual(yield* client.next, { type: "subscribed", strategy_ids: [mine], total: 1 })
      yield* publishMark("alice", theirs, "1")
      // Even a mark of that number under the wrong owner is not bob's.
      yield* publishMark("alice", mine, "2")
      yield* publishMark("bob", mine, "3")
      assert.strictEqual((yield* client.nextOf("m2m")).m2m, "3")
      assert.strictEqual((yield* client.settled).filter(({ type }) => type === "m2m").length, 1)
      for (const wrong of [{ strategy_ids: ["1"] }, { strategy_ids: [0] }, { strategy_ids: 1 }, {}]) {
        assert.match((yield* client.ask({ action: "subscribe", ...wrong })).message, /^Validation error: /)
      }
    })
  )
})
