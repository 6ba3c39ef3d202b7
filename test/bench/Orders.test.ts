import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Callers from "../../bench/orders/Callers.ts"
import type * as Desk from "../../bench/orders/Desk.ts"
import * as Report from "../../bench/orders/Report.ts"
import * as Run from "../../bench/orders/Run.ts"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as QuoteRoutes from "../../src/simulator/QuoteRoutes.ts"
import { future, live } from "../platform/accounts/LiveAccount.ts"
import { spareAccount, token, type World } from "../platform/PlatformWorld.ts"

const contractOf = (it: World): Desk.Contract => {
  const { instrument } = future(it)
  const { columns, rowByToken } = it.simulator.market
  const { exchange, lotSize, tickSize, token, tradingsymbol } = instrument
  const [lowest] = QuoteRoutes.circuitLimits(Frame.rowOf(columns, rowByToken.get(token) ?? 0), tickSize)
  return { exchange, tradingsymbol, lotSize, tickSize, lowest }
}

const options = { pacedSeconds: 1, burst: 10, rate: 0, durable: true }
const none = async () => 0
const market: Run.Market = { pids: { here: process.pid }, ticks: none, buffered: none }
/** Both sides: paced orders, and two rounds of orders at once. */
const placed = 2 * (options.pacedSeconds * Run.pacePerSecond + 2 * options.burst)

describe("npm run bench -- orders, its short version", () => {
  it.scopedLive("places each order once through the platform and by the bare loop, and reports the times of both", () =>
    Effect.gen(function* () {
      const { built, running } = yield* live
      const jwt = yield* token()
      const truth = Run.truthAt(built.simulator.adminUrl ?? "")
      const contract = contractOf(built)
      const sides: Run.Sides = {
        platform: Callers.platform(Number(new URL(running.url).port), jwt, "sim1", contract),
        bare: yield* Effect.promise(() => Callers.bare(built.simulator.url, spareAccount, contract)),
        truth: async () => new Map((await truth()).map((order) => [order.order_id, order]))
      }
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          sides.platform.close()
          sides.bare.close()
        })
      )
      const { calls, phase } = yield* Effect.promise(() => Run.measure("quiet", market, sides, options))
      const orders = yield* Effect.promise(truth)
      assert.deepStrictEqual([calls.length, orders.length, Run.wrongOf(calls, orders)], [placed, placed, 0])
      const { bare, platform } = phase
      assert.isNull(bare.stages)
      const stages = platform.stages ?? assert.fail("the platform's orders have stages")
      for (const stage of Object.values(stages)) assert.strictEqual(stage.samples, Run.pacePerSecond)
      assert.isAtLeast(stages.begin.max + stages.send.max, stages.acceptToBroker.max)
      for (const side of [bare, platform]) assert.isBelow(side.callToBroker.max, side.callToAnswer.max + 1)
      // The count notices an order that is missing, and one that is there twice.
      const [first] = orders
      assert.isAbove(Run.wrongOf(calls, orders.slice(1)), 0)
      assert.isAbove(Run.wrongOf(calls, [...orders, ...(first === undefined ? [] : [first])]), 0)
      const phases = [phase, { ...phase, name: "full feed" as const }].map((one) => ({ ...one, senderLateMs: 0 }))
      const text = Report.markdown({ options, phases, orders: calls.length, wrong: 0, troubles: [] })
      assert.match(text, /every order is at the broker exactly once \| yes/)
      assert.match(text, /a full feed does not delay a send: [^|]*\| yes/)
      assert.match(text, /npm run bench -- orders --durable/)
    })
  )
})
