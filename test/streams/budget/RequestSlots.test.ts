import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as SteadyTime from "../../../src/loop/SteadyTime.ts"
import { nextTurn } from "../../../src/loop/Turn.ts"
import * as RequestSlots from "../../../src/streams/budget/RequestSlots.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { waitMsMax } from "../../Patience.ts"
import { stall } from "../../Stall.ts"
import { another, backend, until } from "../Nats.ts"

/** The slots as a process of the platform has them, with a connection of its own. */
const slotsOfProcess = Effect.flatMap(another(), (jetStream) => Effect.provideService(RequestSlots.make, JetStream, jetStream))
const wish = (account: string): RequestSlots.Wish => ({ of: [account, "quote"], count: 1, kept: 0, waitMsMax })
const taken = (slots: Effect.Effect.Success<typeof RequestSlots.make>, wanted: RequestSlots.Wish) =>
  Effect.flatMap(slots.take(wanted), (it) => (it._tag === "Slot" ? Effect.succeed(it.slot) : Effect.dieMessage(it._tag)))

layer(backend, { excludeTestServices: true })("Request slots", (it) => {
  // NATS gets no answer through within 2 s, and its client gives up after 5 s.
  for (const stallMs of [2_500, 5_500])
    it.scoped(`after a stall of ${stallMs} ms nobody thinks that NATS is away, or that the slot of a waiting request is free`, () =>
      Effect.gen(function* () {
        const [one, other] = yield* Effect.all([slotsOfProcess, slotsOfProcess])
        const wanted = wish(`stalled for ${stallMs} ms`)
        const answer = yield* Deferred.make<void>()
        yield* Effect.forkScoped(one.holding(yield* taken(one, wanted), Deferred.await(answer)))
        const others: Array<RequestSlots.Slot> = []
        const waiting = yield* Effect.forkAll(
          Array.from({ length: 4 }, () => Effect.map(taken(other, wanted), (slot) => others.push(slot)))
        )
        for (let round = 0; round < 3; round++) {
          yield* Effect.sleep("100 millis")
          stall(stallMs)
        }
        yield* Effect.sleep("1 second")
        assert.isEmpty(others)
        yield* Deferred.succeed(answer, undefined)
        yield* until("each of the others gets the slot", () => others.length === 4)
        yield* Fiber.join(waiting)
      })
    )

  it.scoped("a slot that was made before a stall of a second is not used after it", () =>
    Effect.gen(function* () {
      const slots = yield* slotsOfProcess
      yield* taken(slots, wish("first"))
      let caught = 0
      for (let round = 0; caught < 5; round++) {
        const asking = yield* Effect.fork(taken(slots, wish(`late ${round}`)))
        yield* nextTurn
        // An answer that was faster proves nothing.
        if (asking.unsafePoll() === null) caught++
        else continue
        stall(RequestSlots.slotMs + 100)
        const continuedMs = yield* SteadyTime.nowMs
        assert.isAtLeast((yield* Fiber.join(asking)).writtenMs, continuedMs)
      }
    })
  )
})
