import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { connect } from "nats"
import * as Nats from "../../src/client/Nats.ts"
import * as Money from "../../src/domain/Money.ts"
import { chainMessage, near, publishChain, tokens, World, world } from "../gateway/GatewayWorld.ts"

const connection = (role: "reader" | "operator") =>
  Effect.flatMap(World, ({ nats }) =>
    Effect.acquireRelease(
      Effect.promise(() => connect(nats.as(role))),
      (nc) => Effect.promise(() => nc.close())
    )
  )
const row = (price: number) => [{ strike: 24_500, side: "CE", token: tokens.call, price } as const]
const gathered = async <A>(events: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for await (const event of events) all.push(event)
  return all
}

layer(world(), { excludeTestServices: true })("Client of the subjects", (it) => {
  it.scoped("reads published messages, with the names of the subject and the decoded body", () =>
    Effect.gen(function* () {
      const nc = yield* connection("reader")
      const deltas = gathered(Nats.listen(nc, Nats.ChainDelta, { names: { underlying: "NIFTY" }, max: 2 }))
      yield* Effect.promise(() => nc.flush())
      yield* publishChain(chainMessage("delta", row(9), { underlying: "BANKNIFTY" }))
      for (const price of [1, 2]) yield* publishChain(chainMessage("delta", row(price)))
      const found = yield* Effect.promise(() => deltas)
      assert.deepStrictEqual(
        found.map(({ subject, names, body }) => [subject, names, body.columns.last_price]),
        [1, 2].map((price) => [`opt.delta.NSE.NIFTY.${near}`, { exchange: "NSE", underlying: "NIFTY", expiry: near }, [price]])
      )
    })
  )

  it.scoped("gives the newest state of every subject at once, then the changes", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      for (const underlying of ["A", "B", "M&M"]) {
        yield* publishChain(chainMessage("chain", row(1), { underlying }))
        yield* publishChain(chainMessage("chain", row(2), { underlying }))
      }
      const nc = yield* connection("reader")
      const found = yield* Effect.promise(async () => {
        const all: Array<string> = []
        for await (const { names, body, isLive } of Nats.latest(nc, Nats.ChainKeyframe, { max: 4 })) {
          all.push(`${names.underlying} ${body.columns.last_price[0]} ${isLive}`)
          if (all.length < 3) continue
          const subject = Nats.ChainKeyframe
          const message = chainMessage("chain", row(3))
          await Effect.runPromise(engine.publish(subject.at({ exchange: "NSE", underlying: "C", expiry: near }), subject.encode(message)))
        }
        return all
      })
      assert.deepStrictEqual([...found.slice(0, 3)].sort(), ["A 2 false", "B 2 false", "M&M 2 false"])
      assert.strictEqual(found[3], "C 3 true")
    })
  )

  it.scoped("a body outside the contract ends the reading, unless a handler is given", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      const nc = yield* connection("operator")
      const mark = {
        ...{
          v: 1 as const,
          as_of: "2026-11-24T09:30:00.000Z",
          seq: 5,
          strategy_id: 7,
          m2m: new Money.Decimal("-1.5"),
          realised_pnl: Money.zero
        },
        ...{
          unrealised_pnl: null,
          total_pnl: null,
          net_delta: 1,
          net_gamma: null,
          net_theta: -3,
          net_vega: 4,
          complete: false,
          missing: []
        }
      } as const
      const problems: Array<string> = []
      const strict = gathered(Nats.listen(nc, Nats.Mark)).catch((error: unknown) => error)
      const lenient = gathered(Nats.listen(nc, Nats.Mark, { max: 2, onUnreadable: ({ subject }) => problems.push(subject) }))
      yield* Effect.promise(() => nc.flush())
      const subject = Nats.Mark.at({ owner: "a.b", strategy: "7" })
      yield* engine.publish(subject, new TextEncoder().encode('{"v":1}'))
      yield* engine.publish(subject, Nats.Mark.encode(mark))
      const found = yield* Effect.promise(() => lenient)
      assert.deepStrictEqual(
        found.map(({ names, body }) => [names.owner, body.m2m?.toFixed()]),
        [["a.b", "-1.5"]]
      )
      assert.deepStrictEqual(problems, [subject])
      assert.instanceOf(yield* Effect.promise(() => strict), Nats.DecodeError)
    })
  )
})
