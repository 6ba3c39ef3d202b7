import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import * as OutboxRelay from "../../../src/actors/orders/OutboxRelay.ts"
import { Outbox } from "../../../src/store/orders/Outbox.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"

const task = { task_id: "7", status: "RUNNING", undoes: null }
const eventOf = (eventId: number): Outbox.Event => ({
  eventId,
  accountId: "a1",
  taskId: 7,
  kind: "task",
  body: task,
  createdAt: new Date(0)
})

/** A relay over events that are kept here instead of in Postgres. It has already looked once, at its start. */
const world = Effect.gen(function* () {
  let waiting: ReadonlyArray<Outbox.Event> = []
  let looks = 0
  const sent: Array<readonly [subject: string, body: unknown]> = []
  const outbox = {
    waiting: () =>
      Effect.sync(() => {
        looks++
        return waiting
      }),
    published: (ids: ReadonlyArray<number>) =>
      Effect.sync(() => {
        waiting = waiting.filter(({ eventId }) => !ids.includes(eventId))
      })
  }
  const publish = (subject: string, data: Uint8Array) =>
    Effect.sync(() => {
      sent.push([subject, JSON.parse(Buffer.from(data).toString())])
    })
  const services = Layer.merge(
    Layer.succeed(Outbox, outbox as unknown as Outbox),
    Layer.succeed(JetStream, { publish } as unknown as JetStream)
  )
  const relay = yield* OutboxRelay.make("a1").pipe(Effect.provide(services))
  yield* Effect.forkScoped(relay.run.pipe(Effect.provide(services)))
  yield* TestClock.adjust(0)
  return {
    ...relay,
    add: (eventId: number) => {
      waiting = [...waiting, eventOf(eventId)]
    },
    looks: () => looks,
    sent: () => sent.map(([, body]) => (body as { readonly event_id: number }).event_id),
    first: () => sent[0]
  }
})

describe("The relay of an account's events", () => {
  it.scoped("passes the body of a task on as it was saved", () =>
    Effect.gen(function* () {
      const { add, first, poke } = yield* world
      add(1)
      yield* poke
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(first(), ["ord.evt.a1.7", { v: 1, event_id: 1, as_of: "1970-01-01T00:00:00.000Z", task }])
    })
  )

  it.scoped("an event that may wait is published with the next one, in one look", () =>
    Effect.gen(function* () {
      const { add, looks, poke, pokeSoon, sent } = yield* world
      assert.strictEqual(looks(), 1)
      add(1)
      yield* pokeSoon
      yield* TestClock.adjust("99 millis")
      assert.strictEqual(looks(), 1)
      add(2)
      yield* poke
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(sent(), [1, 2])
      assert.strictEqual(looks(), 2, "the first event's time has passed, and nothing waits for it")
    })
  )

  it.scoped("an event that may wait is published alone if no other follows, also after one that did not wait", () =>
    Effect.gen(function* () {
      const { add, looks, poke, pokeSoon, sent } = yield* world
      add(1)
      yield* pokeSoon
      yield* TestClock.adjust("60 millis")
      yield* poke
      yield* TestClock.adjust("20 millis")
      assert.deepStrictEqual(sent(), [1])
      add(2)
      yield* pokeSoon
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(sent(), [1, 2])
      assert.strictEqual(looks(), 3)
      add(3)
      yield* pokeSoon
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(sent(), [1, 2, 3])
    })
  )
})
