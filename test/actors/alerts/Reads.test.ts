import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as AlertActor from "../../../src/actors/alerts/AlertActor.ts"
import { readings } from "../../../src/actors/alerts/Inputs.ts"
import { initialState } from "../../../src/domain/alerts/AlertRule.ts"
import * as Money from "../../../src/domain/Money.ts"
import type * as StrategyMessage from "../../../src/domain/strategy/StrategyMessage.ts"
import { AlertRepo } from "../../../src/store/alerts/AlertRepo.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { fresh } from "../../store/Stores.ts"
import { backend, streams, until } from "../../streams/Nats.ts"

const World = Layer.mergeAll(fresh(), streams).pipe(Layer.provideMerge(backend))

const owner = "u1"
const markOf = (strategy: number) => Subjects.Mark.at({ owner, strategy: String(strategy) })

const publish = (strategyId: number, m2m: number) =>
  Effect.flatMap(JetStream, (jetStream) => {
    const mark: StrategyMessage.PublishedMark = {
      ...{ v: 1, as_of: "2026-08-19T04:30:00Z", seq: 1, strategy_id: strategyId, m2m: String(m2m) },
      ...{ unrealised_pnl: null, realised_pnl: "0", total_pnl: null },
      ...{ net_delta: null, net_gamma: null, net_theta: null, net_vega: null, complete: true, missing: [] }
    }
    return jetStream.publish(markOf(strategyId), Subjects.Mark.write(mark))
  })

const create = Effect.flatMap(AlertRepo, (repo) =>
  repo.create(owner, {
    name: "loss",
    watch: { source: "strategy", strategy_id: 7, field: "m2m" },
    condition: "above",
    threshold: new Money.Decimal(100),
    hysteresis: Money.zero,
    repeat: true,
    cooldownS: 0,
    webhook: null,
    state: initialState("above")
  })
)

/** The reads of the stream of marks: their filters, and the number of messages that each got. */
const reads = Effect.flatMap(JetStream, ({ jsm }) =>
  Effect.promise(async () => {
    const page = await jsm.consumers.list(Subjects.Mark.stream).next()
    return page.map(({ config, delivered }) => ({
      filters: config.filter_subjects ?? [config.filter_subject],
      delivered: delivered.consumer_seq
    }))
  })
)

layer(World, { excludeTestServices: true })("what alerts read", (it) => {
  it.effect("marks of strategies without an alert are not read", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const repo = yield* AlertRepo
        yield* Effect.forkScoped(Effect.flatten(AlertActor.make))
        yield* publish(7, 500)
        yield* until("every input has its place", () =>
          Effect.forEach(Object.keys(readings) as Array<keyof typeof readings>, repo.place).pipe(
            Effect.map((places) => places.every(({ _tag }) => _tag === "Some"))
          )
        )
        assert.deepStrictEqual(yield* reads, [], "without alerts")

        const alert = yield* create
        yield* until("the alert is read for", () => Effect.map(reads, ([read]) => read !== undefined))
        for (let n = 0; n < 20; n++) yield* publish(8, 1_000 + n)
        yield* publish(7, 200)
        yield* until("it fires", () => Effect.map(repo.events(owner, alert.alertId, 9, 0), ({ total }) => total === 1))
        // The mark from before the alert may be read, to recognise duplicates.
        const [read] = yield* reads
        assert.deepStrictEqual(read?.filters, [markOf(7)])
        assert.isAtMost(read?.delivered ?? 0, 2)

        yield* repo.remove(owner, alert.alertId)
        yield* until("nothing is read", () => Effect.map(reads, (found) => found.length === 0))
      })
    )
  )

  it.effect("more than 100 subjects are read by one filter, and packets are read together with clock frames", () =>
    Effect.sync(() => {
      const many = (count: number) => new Set(Array.from({ length: count }, (_, n) => markOf(n)))
      assert.deepStrictEqual(readings.strategy.filters(many(2)), [markOf(0), markOf(1)])
      assert.lengthOf(readings.strategy.filters(many(100)), 100)
      assert.deepStrictEqual(readings.strategy.filters(many(101)), [Subjects.Mark.filter()])
      const frame = Subjects.Frame.at({ exchange: "NSE", underlying: "NIFTY" })
      assert.deepStrictEqual(readings.packet.filters(new Set([frame])), [Subjects.Clock.filter(), frame])
    })
  )
})
