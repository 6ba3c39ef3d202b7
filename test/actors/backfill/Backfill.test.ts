import * as SqlClient from "@effect/sql/SqlClient"
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import * as BackfillActor from "../../../src/actors/backfill/BackfillActor.ts"
import * as KiteError from "../../../src/broker/KiteError.ts"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import type * as KiteHistory from "../../../src/domain/market/KiteHistory.ts"
import { BackfillRepo, openMax, triesMax } from "../../../src/store/backfill/BackfillRepo.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import * as Postgres from "../../../src/store/Postgres.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { fresh, isLockAwaited } from "../../store/Stores.ts"
import { until } from "../../streams/Nats.ts"
import * as BrokerStub from "../market/BrokerStub.ts"

const nifty = anInstrument(256265, {
  tradingsymbol: "NIFTY 50",
  name: "NIFTY 50",
  segment: "INDICES",
  exchange: "NSE",
  instrumentType: "EQ"
})
const infy = anInstrument(408065, { tradingsymbol: "INFY", name: "INFOSYS", segment: "NSE", exchange: "NSE", instrumentType: "EQ" })

/** Evening of a Monday. */
const nowMs = Date.parse("2026-08-24T18:00:00+05:30")
interface Asked {
  readonly token: number
  readonly from: string
  readonly to: string
  readonly family: string
}
const asked: Array<Asked> = []
let answer: (asked: Asked, span: KiteHistory.Span) => Effect.Effect<ReadonlyArray<KiteHistory.Candle>, KiteError.KiteError>
const rest = {
  history: (token: number, _interval: unknown, { fromMs, toMs }: KiteHistory.Span, family: string) => {
    const one = { token, from: IndiaTime.istDate(fromMs), to: IndiaTime.istDate(toMs), family }
    asked.push(one)
    return answer(one, { fromMs, toMs })
  }
}
const oneCandle = (_: Asked, { fromMs }: KiteHistory.Span) =>
  Effect.succeed([{ atMs: fromMs + 10 * 3_600_000, open: 10, high: 12, low: 9, close: 11, volume: 5, oi: null }])

const world = Layer.provideMerge(
  BrokerStub.layer(rest, () => nowMs),
  fresh()
)

const begin = (user: string, fromDay: string, toDay: string, instruments = [nifty], minutes = 1) =>
  Effect.gen(function* () {
    asked.length = 0
    answer = oneCandle
    ;(yield* InstrumentRegistry).set(Instrument.makeMaster("2026-08-24", [nifty, infy]))
    const repo = yield* BackfillRepo
    const id = yield* repo.create(user, { minutes, fromDay, toDay, instruments })
    return { repo, id, job: Effect.map(repo.byId(id), Option.getOrThrow) }
  })
const turn = Effect.map(
  Effect.flatMap(BackfillRepo, ({ next }) => next),
  Option.getOrThrow
)

layer(world, { excludeTestServices: true })("BackfillActor", (it) => {
  it.effect("BE-SVC-05 asks only for days that lack bars, in the broker's windows, and finds nothing the second time", () =>
    Effect.gen(function* () {
      const { repo, id, job } = yield* begin("u1", "2026-05-04", "2026-08-24")
      const step = yield* BackfillActor.makeStep
      yield* step(yield* turn)
      // 113 days are two windows of at most 60 days of minutes.
      assert.deepStrictEqual(
        asked.map(({ from, to, family }) => [from, to, family]),
        [
          ["2026-05-04", "2026-07-02", "backfill"],
          ["2026-07-03", "2026-08-24", "backfill"]
        ]
      )
      assert.isTrue(Option.isNone(yield* repo.next), "a backfill without a waiting instrument is completed")
      const first = yield* job
      assert.deepInclude(first, { state: "completed", done: 1, failed: 0, requests: 2, rows: 2, problem: null })
      assert.isNotNull(first.endedAt)

      const again = yield* repo.create("u1", { minutes: 1, fromDay: "2026-05-04", toDay: "2026-08-23", instruments: [nifty] })
      assert.notStrictEqual(again, id)
      asked.length = 0
      yield* step(yield* turn)
      assert.deepStrictEqual(asked, [], "finished days are whole")
      yield* repo.next
      assert.deepInclude(Option.getOrThrow(yield* repo.byId(again)), { state: "completed", rows: 0, requests: 0, daysMissing: 0 })
    })
  )

  it.effect("BE-SVC-05 a day with an incomplete minute of ours is fetched, and a day whose minutes are whole is not", () =>
    Effect.gen(function* () {
      const bars = yield* BarRepo
      const opensMs = (day: string) => Date.parse(`${day}T09:15:00+05:30`)
      const minute = (day: string, n: number, complete: boolean): NewBar => ({
        exchange: "NSE",
        instrumentToken: infy.token,
        tradingsymbol: "INFY",
        minutes: 1,
        source: "live",
        at: new Date(opensMs(day) + n * IndiaTime.minuteMs),
        open: 10,
        high: 12,
        low: 9,
        close: 11,
        volume: 1,
        oi: null,
        complete
      })
      // Shares without derivatives trade from 09:15 to 15:30.
      yield* bars.save(
        ["2026-08-20", "2026-08-21"].flatMap((day) =>
          Array.from({ length: 375 }, (_, n) => minute(day, n, !(day === "2026-08-21" && n === 100)))
        )
      )
      const { job } = yield* begin("u2", "2026-08-20", "2026-08-21", [infy])
      const broken = opensMs("2026-08-21") + 100 * IndiaTime.minuteMs
      answer = () => Effect.succeed([{ atMs: broken, open: 20, high: 22, low: 19, close: 21, volume: 7, oi: null }])
      const step = yield* BackfillActor.makeStep
      yield* step(yield* turn)
      assert.deepStrictEqual(
        asked.map(({ from, to }) => [from, to]),
        [["2026-08-21", "2026-08-21"]]
      )
      assert.deepInclude(yield* job, { daysMissing: 1, rows: 1 })
      const range = { from: new Date(broken), to: new Date(broken), now: new Date(nowMs), sessions: [], gridOpenMs: 0 }
      const [shown] = yield* bars.range({ exchange: "NSE", tradingsymbol: "INFY", minutes: 1, ...range })
      assert.deepInclude(shown, { ours: false, close: 2_100, complete: true }, "the broker's bar is served in place of ours")
      yield* (yield* BackfillRepo).next
    })
  )

  it.effect("BE-SVC-05 a process that takes over after a crash fetches only what is still missing", () =>
    Effect.gen(function* () {
      const { job } = yield* begin("u3", "2026-02-02", "2026-06-30", [infy])
      const isSecond = yield* Deferred.make<void>()
      answer = (one, span) =>
        asked.length === 2 ? Effect.zipRight(Deferred.succeed(isSecond, undefined), Effect.never) : oneCandle(one, span)
      const step = yield* BackfillActor.makeStep
      const running = yield* Effect.fork(step(yield* turn))
      yield* Deferred.await(isSecond)
      yield* Fiber.interrupt(running)
      assert.deepInclude(yield* job, { requests: 1, rows: 1, state: "running" })
      answer = oneCandle
      yield* (yield* BackfillActor.makeStep)(yield* turn)
      const [first, second, third, ...rest] = asked
      assert.deepStrictEqual(
        [first?.to, second?.from, third?.from],
        ["2026-04-02", "2026-04-03", "2026-04-06"],
        "3 April 2026 is a holiday, and the days after it are the next trading days"
      )
      assert.strictEqual(rest.length, 1)
      yield* (yield* BackfillRepo).next
      assert.deepInclude(yield* job, { state: "completed", rows: 3, failed: 0 })
    })
  )

  it.effect("an instrument that the broker refuses fails at once; while the broker is away it waits, and fails after ten tries", () =>
    Effect.gen(function* () {
      const { repo, id, job } = yield* begin("u4", "2026-08-17", "2026-08-18", [nifty, infy], 5)
      const step = yield* BackfillActor.makeStep
      const refusal = new KiteError.KiteRefused({
        account: "a1",
        op: "history",
        status: 400,
        errorType: "InputException",
        reason: "invalid token"
      } as never)
      answer = ({ token }) =>
        Effect.fail(
          token === nifty.token
            ? refusal
            : new KiteError.KiteUnreachable({ account: "a1", op: "history", host: "api.example.org", code: "ECONNREFUSED" })
        )
      const failing = Effect.gen(function* () {
        const next = yield* turn
        const error = yield* Effect.flip(step(next))
        if (error._tag !== "NoHistory") return yield* Effect.die(error)
        yield* repo.refused(next.backfillId, next.place, error.detail, error.isFinal)
      })
      yield* failing
      yield* failing
      assert.deepInclude(yield* job, { failed: 1, problem: "the broker's history is unavailable", state: "running" })
      for (let tries = 1; tries < triesMax; tries++) yield* failing
      assert.isTrue(Option.isNone(yield* repo.next))
      assert.deepInclude(yield* job, { failed: 2, done: 0, state: "completed", problem: null })
      assert.deepStrictEqual(
        (yield* repo.instruments(id, 10, 0)).map(({ error, tries }) => [error, tries]),
        [
          ["the broker answers: invalid token", 1],
          ["the broker's history is unavailable", triesMax]
        ]
      )
    })
  )

  it.effect("users take turns, a repeated request is the same backfill, and a user has at most five open ones", () =>
    Effect.gen(function* () {
      const { repo, id } = yield* begin("u5", "2026-08-17", "2026-08-18", [nifty, infy])
      const same = yield* repo.create("u5", { minutes: 1, fromDay: "2026-08-17", toDay: "2026-08-18", instruments: [nifty, infy] })
      assert.strictEqual(same, id)
      const other = yield* repo.create("u6", { minutes: 1, fromDay: "2026-08-17", toDay: "2026-08-18", instruments: [nifty, infy] })
      assert.notStrictEqual(other, id)
      const order = [yield* turn, yield* turn, yield* turn].map(({ backfillId }) => backfillId)
      assert.deepStrictEqual(order, [id, other, id])
      const more = (n: number) => repo.create("u5", { minutes: 1, fromDay: "2026-08-01", toDay: `2026-08-0${n}`, instruments: [nifty] })
      for (let n = 1; n < openMax; n++) yield* more(n)
      assert.deepInclude(yield* Effect.flip(more(openMax)), { _tag: "LimitReached", what: "backfills", max: openMax })
      assert.isTrue(yield* repo.cancel(id))
      assert.isFalse(yield* repo.cancel(id))
      assert.isFalse(yield* repo.fetched(id, 0, 1), "work on a cancelled backfill stops")
      assert.isAbove(yield* more(openMax), id)
    })
  )

  it.effect("a backfill that is cancelled while its turn begins stays cancelled", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`DELETE FROM backfills`
      const { repo, id, job } = yield* begin("u9", "2026-05-04", "2026-05-05")
      const [isCancelled, mayCommit] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const cancelling = yield* Effect.all([repo.cancel(id), Deferred.succeed(isCancelled, undefined), Deferred.await(mayCommit)]).pipe(
        Postgres.transaction(sql),
        Effect.fork
      )
      yield* Deferred.await(isCancelled)
      const next = yield* Effect.fork(repo.next)
      yield* until("the turn waits for the cancel", () => isLockAwaited)
      yield* Deferred.succeed(mayCommit, undefined)
      yield* Fiber.join(cancelling)
      assert.isTrue(Option.isNone(yield* Fiber.join(next)))
      assert.strictEqual((yield* job).state, "cancelled")
    })
  )
})
