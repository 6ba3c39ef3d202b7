import { type ChildProcess, spawn } from "node:child_process"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import { builtProgram } from "../../BuiltProgram.ts"
import { freePort } from "../../FreePort.ts"
import * as NoLimits from "../../gateway/NoLimits.ts"
import { type Answer, eventually, token, type World, world } from "../PlatformWorld.ts"
import { atBroker, inDatabase, kept, lostFills, traded, unstreamed } from "./PaperWorld.ts"

const program = builtProgram("chaos-platform", "bench/chaos/orders/platform.ts")

/** The horizon exceeds all delays of a busy machine together, and a parked order would only be listed. */
const times = {
  ORDER_ANSWER_TIMEOUT: "2 seconds",
  ORDER_SEND_DELAY_MAX: "2 seconds",
  ORDER_HORIZON: "8 seconds",
  ORDER_BOOK_EVERY: "500 millis",
  ORDER_BREAKER_OPEN: "1 second"
}

/** Takes the place of an answer while no process answers. */
const nobody: Answer = { status: 0, body: null }

/** One process of the platform after another, on one port. */
const processes = (file: string, config: Readonly<Record<string, string>>, port: number) =>
  Effect.gen(function* () {
    const jwt = yield* token()
    let child: ChildProcess | undefined
    yield* Effect.addFinalizer(() => Effect.sync(() => child?.kill("SIGKILL")))
    const start = (killAt: string) => {
      const env = { ...config, PATH: process.env["PATH"] ?? "", GATEWAY_PORT: String(port), CHAOS_KILL_AT: killAt }
      const started = spawn(process.execPath, [file], { env, stdio: ["ignore", "ignore", "inherit"] })
      child = started
      return Effect.promise(
        () => new Promise<NodeJS.Signals | null>((resolve) => started.once("close", (_code, signal) => resolve(signal)))
      )
    }
    const ask = (method: string, path: string, body?: unknown, key = "") =>
      Effect.promise(async (): Promise<Answer> => {
        try {
          const response = await fetch(`http://127.0.0.1:${port}${path}`, {
            method,
            headers: {
              authorization: `Bearer ${jwt}`,
              "content-type": "application/json",
              ...(key === "" ? {} : { "idempotency-key": key })
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) })
          })
          return { status: response.status, body: await response.json() }
        } catch {
          // The process is not up yet, or was killed meanwhile: the caller asks again.
          return nobody
        }
      })
    /** Ends the process that runs. */
    const stop = Effect.sync(() => child?.kill("SIGKILL"))
    /** Starts a process that is killed at this step, and works with it until then. */
    const untilKilled = (killAt: string, work: Effect.Effect<unknown>) =>
      Effect.gen(function* () {
        const dead = yield* Effect.fork(start(killAt))
        yield* Effect.raceFirst(Effect.zipRight(work, Effect.never), Effect.asVoid(Fiber.join(dead)))
        assert.strictEqual(yield* Fiber.join(dead), "SIGKILL", killAt)
      })
    /** Subscribes to an instrument, and says whether its order book is known. */
    const hasBook = (instrument_token: number) =>
      Effect.gen(function* () {
        yield* ask("POST", "/subscriptions", { instrument_token, requested_mode: "FULL" })
        const { body } = yield* ask("GET", `/depth/${instrument_token}`)
        return body?.asks?.length > 0
      })
    return { start, ask, stop, untilKilled, hasBook }
  })

/** Raises what the account paid on paper, so that its loss is sure and squares it off. A process reads both when it starts. */
const loses = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`UPDATE paper_trades SET price = price * 2
    WHERE order_id IN (SELECT order_id FROM paper_orders WHERE body->'order'->>'side' = 'BUY')`
  yield* sql`INSERT INTO order_accounts (account_id, max_daily_loss, loss_action) VALUES ('sim1', 1000, 'square_off')
    ON CONFLICT (account_id) DO UPDATE SET max_daily_loss = excluded.max_daily_loss, loss_action = excluded.loss_action`
})

/** An order that rests: it may be placed at any time, and nobody fills it. */
const resting = ({ simulator: { market } }: World) => {
  const instrument = market.instruments.find(({ instrumentType }) => instrumentType === "FUT")
  if (instrument === undefined) throw new Error("the market has no future")
  const row = market.rowByToken.get(instrument.token) ?? 0
  const tick = instrument.tickSize
  const below = Math.floor(((market.columns.bidPrice[row * 5] ?? 0) * 0.97) / tick) * tick
  const { exchange, lotSize: quantity, tradingsymbol, token } = instrument
  const common = { account_id: "sim1", kind: "place", variety: "amo", product: "NRML", order_type: "LIMIT" }
  return { ...common, exchange, tradingsymbol, transaction_type: "BUY", quantity, price: String(below / Instrument.priceScale(token)) }
}

const kills = ["saved:1", "gated:1", "answered:1", "decided:2", "saved:2", "read:1"]
const isAnswered = ({ status }: Answer) => status === 200 || status === 202

/** Each test starts about ten processes one after the other. */
const timeoutMs = 900_000

describe("the platform's own processes, killed with kill -9 at each step of an order", () => {
  it.live(
    "no key is placed twice, and each result is the broker's truth",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 1, strikesEachSide: 1 }, times)
        const { ask, start, untilKilled } = yield* processes(yield* program, built.config, yield* freePort)
        const order = resting(built)
        for (const [at, killAt] of kills.entries()) {
          // Every second order is accepted without an answer too, so that only the order book can tell.
          if (at % 2 === 1) built.simulator.faults.add({ kind: "drop_reply" })
          const post = Effect.gen(function* () {
            const live = yield* ask("PUT", "/accounts/sim1/mode", { mode: "live", confirm: "sim1" })
            return live.status === 200 ? yield* ask("POST", "/orders", order, `key${at}`) : live
          })
          yield* untilKilled(killAt, eventually(`order ${at} is taken`, post, isAnswered))
        }
        built.simulator.faults.clear()
        yield* Effect.fork(start(""))
        // Without a kill too: an executor that sends again when it hears nothing would place these twice.
        built.simulator.faults.add({ kind: "drop_reply" }, { kind: "gateway_timeout", isCarriedOut: true })
        const cases = [...kills, "reply dropped", "504"]
        const results = yield* Effect.forEach(cases, (_, at) =>
          eventually(
            `result ${at}`,
            ask("POST", "/orders?wait_ms=20000", order, `key${at}`),
            (answer) => isAnswered(answer) && !["PENDING", "RUNNING", "RETRYING"].includes(answer.body.status)
          )
        )
        const data = yield* atBroker(built)
        const ordersOf = (tag: string) => data.filter((one) => one.tag === tag).map(({ order_id }) => order_id)
        for (const [at, { body }] of results.entries()) {
          const orders = ordersOf(body.tag)
          assert.isAtMost(orders.length, 1, `${cases[at]}: ${JSON.stringify(body)}`)
          if (body.status === "COMPLETED") assert.deepStrictEqual([body.order_id], orders, cases[at])
          else assert.strictEqual(body.status, "UNKNOWN", JSON.stringify(body))
        }
        assert.isAbove(results.filter(({ body }) => body.status === "COMPLETED").length, 3)
        assert.lengthOf(data, new Set(data.map(({ tag }) => tag)).size)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "on paper every key is placed and filled exactly once, and nothing reaches the broker",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 1 })
        const { ask, hasBook, start, untilKilled } = yield* processes(yield* program, built.config, yield* freePort)
        const { order, token: instrument_token } = traded(built)
        const wanted = { ...order, deadline_s: 600 }
        for (const [at, killAt] of kills.entries()) {
          const place = ask("POST", "/orders", wanted, `paper${at}`)
          const post = Effect.flatMap(at > 0 ? Effect.succeed(true) : hasBook(instrument_token), (isKnown) =>
            isKnown ? place : Effect.succeed(nobody)
          )
          yield* untilKilled(killAt, eventually(`order ${at} is taken`, post, isAnswered))
        }
        yield* Effect.fork(start(""))
        const results = yield* Effect.forEach(kills, (_, at) =>
          eventually(
            `result ${at}`,
            ask("POST", "/orders?wait_ms=20000", wanted, `paper${at}`),
            (answer) => isAnswered(answer) && !["PENDING", "RUNNING", "RETRYING"].includes(answer.body.status)
          )
        )
        for (const { body } of results)
          assert.deepInclude(body, { status: "COMPLETED", mode: "paper", order_id: `paper-${body.tag}` }, JSON.stringify(body))
        const { orders, trades } = yield* eventually("all fills", kept(built), (it) =>
          it.orders.every(({ order }) => order.status === "COMPLETE")
        )
        assert.sameMembers(
          orders.map(({ orderId }) => orderId),
          results.map(({ body }) => body.order_id)
        )
        for (const { orderId } of orders) {
          const own = trades.filter((trade) => trade.orderId === orderId)
          assert.strictEqual(
            own.reduce((sum, { quantity }) => sum + quantity, 0),
            order.quantity
          )
        }
        assert.deepStrictEqual(yield* atBroker(built), [])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a failed basket is taken back exactly once, wherever its process is killed",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 1 })
        const { ask, hasBook, start, stop, untilKilled } = yield* processes(yield* program, built.config, yield* freePort)
        const { order, token: instrument_token } = traded(built)
        const { account_id, kind: _kind, ...rest } = order
        // On a busy machine a killed process comes back later than the usual deadline.
        const leg = { ...rest, deadline_s: 600 }
        // The second order fails. The third task of a process closes the first order.
        const body = { account_id, orders: [leg, { ...leg, ...unstreamed(built) }], on_failure: "compensate" }
        const points = ["read:3", "saved:5", "gated:3", "answered:3", "decided:6"]
        yield* Effect.forEach(points, (killAt, at) =>
          Effect.gen(function* () {
            const place = ask("POST", "/orders/basket", body, `basket${at}`)
            const post = Effect.flatMap(hasBook(instrument_token), (isKnown) => (isKnown ? place : Effect.succeed(nobody)))
            yield* untilKilled(killAt, eventually(`basket ${at} is taken`, post, isAnswered))
            // The next process is not killed, and takes the basket back.
            const last = yield* Effect.fork(start("never"))
            const done = yield* eventually(`compensation ${at}`, ask("POST", "/orders/basket", body, `basket${at}`), (answer) =>
              ["done", "incomplete"].includes(answer.body?.compensation?.status)
            )
            assert.strictEqual(done.body.compensation.status, "done", `${killAt}: ${JSON.stringify(done.body.compensation)}`)
            const [first, second] = done.body.compensation.legs
            assert.deepStrictEqual([first.state, first.tasks.length, second.state], ["undone", 1, "not_placed"], killAt)
            yield* stop
            yield* Fiber.join(last)
          })
        )
        const { orders, trades } = yield* kept(built)
        assert.lengthOf(orders, 2 * points.length)
        const net = trades.reduce((sum, { quantity, side }) => sum + (side === "BUY" ? quantity : -quantity), 0)
        assert.strictEqual(net, 0)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live("a strategy whose loss reaches its limit is squared off exactly once, wherever its process is killed", () =>
    Effect.gen(function* () {
      const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 1 })
      const { ask, hasBook, start, stop, untilKilled } = yield* processes(yield* program, built.config, yield* freePort)
      const { order, token: instrument_token } = traded(built)
      const fills = lostFills(built, 5_000_000)
      const limits = { ...NoLimits.ofStrategy, max_loss: "5000000", action: "square_off" }
      // The second task of a process closes the position of the first one.
      const points = ["squared:1", "saved:3", "answered:2"]
      const ids: Array<number> = []
      const of = (at: number) => `/strategies/${ids[at]}`
      /** Each of these requests may be repeated, so that a process which is killed early does no harm. */
      const lose = (at: number) =>
        Effect.gen(function* () {
          if (!(yield* hasBook(instrument_token))) return false
          if (ids[at] === undefined) {
            const { body: made, status } = yield* ask("POST", "/strategies", { name: `killed ${at}` })
            if (status !== 201) return false
            ids[at] = Number(made.strategy_id)
          }
          const placed = yield* ask("POST", "/orders?wait_ms=20000", { ...order, strategy_id: ids[at], deadline_s: 600 }, `strategy${at}`)
          if (placed.body?.status !== "COMPLETED") return false
          yield* ask("POST", `${of(at)}/fills`, { fills })
          return (yield* ask("PUT", `${of(at)}/limits`, limits)).status === 200
        })
      yield* Effect.forEach(points, (killAt, at) =>
        Effect.gen(function* () {
          const taken = eventually(`strategy ${at} loses`, lose(at), (isTaken) => isTaken)
          yield* untilKilled(killAt, taken)
          // The next process is not killed.
          const last = yield* Effect.fork(start("never"))
          yield* taken
          const done = yield* eventually(
            `the stop of strategy ${at}`,
            ask("GET", `${of(at)}/limits`),
            (answer) => answer.body?.stop?.square_offs[0]?.status === "done"
          )
          assert.deepInclude(done.body.stop.square_offs[0], { mode: "paper", message: "all positions are closed" }, killAt)
          yield* stop
          yield* Fiber.join(last)
        })
      )
      const { orders, trades } = yield* kept(built)
      const sides = orders.map(({ order: { side }, strategyId }) => `${strategyId} ${side}`)
      assert.sameMembers(
        sides,
        ids.flatMap((id) => [`${id} BUY`, `${id} SELL`])
      )
      const net = trades.reduce((sum, { quantity, side }) => sum + (side === "BUY" ? quantity : -quantity), 0)
      assert.strictEqual(net, 0)
      assert.deepStrictEqual(yield* atBroker(built), [])
    }).pipe(Effect.scoped)
  )

  it.live("an account whose loss reaches its limit is squared off exactly once, wherever its process is killed", () =>
    Effect.gen(function* () {
      const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 1 })
      const { ask, hasBook, start, stop } = yield* processes(yield* program, built.config, yield* freePort)
      const { order, token: instrument_token } = traded(built)
      const limits = "/accounts/sim1/limits"
      // A process that is killed has one order: the one that closes the position of the process before it.
      const points = ["squared:1", "saved:1", "answered:1"]
      const buy = (at: number) =>
        Effect.gen(function* () {
          if (!(yield* hasBook(instrument_token))) return false
          const placed = yield* ask("POST", "/orders?wait_ms=20000", { ...order, deadline_s: 600 }, `account${at}`)
          return placed.body?.status === "COMPLETED"
        })
      /** Ends the stop, so that the next position may be opened. */
      const released = Effect.gen(function* () {
        yield* ask("PUT", limits, NoLimits.ofAccount)
        const { body } = yield* ask("POST", `${limits}/release`, {})
        return (yield* ask("POST", `${limits}/release`, { release_token: body?.release_token })).body?.state === "open"
      })
      yield* Effect.forEach(points, (killAt, at) =>
        Effect.gen(function* () {
          const first = yield* Effect.fork(start("never"))
          yield* eventually(`the purchase of round ${at}`, buy(at), (isTaken) => isTaken)
          yield* stop
          yield* Fiber.join(first)
          yield* inDatabase(built, loses)
          const dead = yield* start(killAt)
          assert.strictEqual(dead, "SIGKILL", killAt)
          // The next process is not killed.
          const last = yield* Effect.fork(start("never"))
          const done = yield* eventually(
            `the stop of round ${at}`,
            ask("GET", limits),
            (answer) => answer.body?.stop?.square_off?.status === "done"
          )
          assert.deepInclude(done.body.stop.square_off, { mode: "paper", rounds: 1, message: "all positions are closed" }, killAt)
          yield* eventually("the release", released, (isOpen) => isOpen)
          yield* stop
          yield* Fiber.join(last)
        })
      )
      const { orders, trades } = yield* kept(built)
      assert.deepStrictEqual(
        orders.map(({ order: { side } }) => side),
        points.flatMap(() => ["BUY", "SELL"])
      )
      const net = trades.reduce((sum, { quantity, side }) => sum + (side === "BUY" ? quantity : -quantity), 0)
      assert.strictEqual(net, 0)
      assert.deepStrictEqual(yield* atBroker(built), [])
    }).pipe(Effect.scoped)
  )
})
