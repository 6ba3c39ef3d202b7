import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Margins from "../../../src/domain/accounts/Margins.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { ask, World, world } from "../GatewayWorld.ts"

const option = {
  exchange: "NFO",
  tradingsymbol: "NIFTY98JAN24500CE",
  transaction_type: "BUY",
  quantity: 100,
  product: "NRML",
  order_type: "LIMIT",
  price: "100"
}
const sold = { ...option, transaction_type: "SELL" }
const share = { ...option, exchange: "NSE", tradingsymbol: "INFY", product: "CNC", price: "1500" }
const margins = (orders: ReadonlyArray<object>, account_id: string) =>
  ask("/orders/margins", { method: "POST", role: "admin", body: { account_id, orders } })

const rupees = (value: number) => new Money.Decimal(value)
const row = { ...Margins.nothing, span: rupees(5_000), total: rupees(5_000) }
type Question = { readonly orders: ReadonlyArray<Margins.Wanted> }
type Answer = { readonly margins: Margins.Basket } | { readonly refused: { readonly error_type: string; readonly message: string } }

/** Stands in for the account's executor. Answers what it was asked. */
const executor = (account: string, answer: (question: Question) => Answer | Error) =>
  Effect.gen(function* () {
    const { engine } = yield* World
    const asked: Array<Question> = []
    const served = Asks.serve(
      Asks.orderMargins(account),
      (question) => {
        asked.push(question)
        const found = answer(question)
        return found instanceof Error ? Effect.fail(found) : Effect.succeed(found)
      },
      1
    )
    yield* Effect.forkScoped(Effect.provideService(served, JetStream, engine))
    yield* Effect.yieldNow()
    yield* Effect.promise(() => engine.nc.flush())
    return asked
  })
const setLive = (account: string) =>
  ask(`/accounts/${account}/mode`, { method: "PUT", role: "admin", body: { mode: "live", confirm: account } })
const setPaper = (account: string) => ask(`/accounts/${account}/mode`, { method: "PUT", role: "admin", body: { mode: "paper" } })

layer(world({ owners: ["u1"] }), { excludeTestServices: true })("Margins of a hypothetical basket", (it) => {
  it.scoped("a paper account's margins of bought options and shares follow the public rule, and no broker is asked", () =>
    Effect.gen(function* () {
      const asked = yield* executor("acc1", () => new Error("the broker was asked"))
      yield* setPaper("acc1")
      const { body, status } = yield* margins([option, share], "acc1")
      assert.strictEqual(status, 200, JSON.stringify(body))
      assert.deepInclude(body, { account_id: "acc1", mode: "paper", source: "rule", unknown: [] })
      assert.deepStrictEqual(
        body.orders.map((it: { margin: Record<string, string> }) => [it.margin["option_premium"], it.margin["var"], it.margin["total"]]),
        [
          ["10000", "0", "10000"],
          ["0", "150000", "150000"]
        ]
      )
      assert.strictEqual(body.total.initial.total, "160000")
      assert.strictEqual(body.total.final.total, "160000")
      assert.strictEqual(body.orders[0].brokerage, "20")
      assert.isEmpty(asked)
    })
  )

  it.scoped("a paper account's broker is asked for what is not public, and without its answer the margin is null", () =>
    Effect.gen(function* () {
      yield* setPaper("acc1")
      let isAway = true
      const basket = { initial: row, final: row, orders: [row, row] }
      const asked = yield* executor("acc1", () => (isAway ? new Error("login required") : { margins: basket }))
      const away = yield* margins([option, sold], "acc1")
      assert.strictEqual(away.status, 200, JSON.stringify(away.body))
      const { orders, source, total, unknown } = away.body
      assert.deepStrictEqual(
        [source, orders[0].margin.total, orders[1].margin, total.initial, total.final],
        ["rule", "10000", null, null, null]
      )
      assert.include(unknown.join(), "SPAN")
      assert.include(unknown.join(), "login required")
      isAway = false
      const found = yield* margins([option, sold], "acc1")
      assert.deepStrictEqual([found.body.source, found.body.orders[1].margin.total, found.body.unknown], ["broker", "5000", []])
      assert.deepInclude(asked.at(-1)?.orders[1], { tradingsymbol: option.tradingsymbol, transaction_type: "SELL", quantity: 100 })
    })
  )

  it.scoped("a live account's broker answers, its refusal is 422 with its words, and 503 says that it cannot be asked", () =>
    Effect.gen(function* () {
      yield* setLive("acc1")
      let answer: Answer | Error = { margins: { initial: row, final: Margins.nothing, orders: [row] } }
      yield* executor("acc1", () => answer)
      const found = yield* margins([option], "acc1")
      assert.strictEqual(found.status, 200, JSON.stringify(found.body))
      assert.deepStrictEqual(
        [found.body.mode, found.body.source, found.body.orders[0].margin.span, found.body.total.final.total],
        ["live", "broker", "5000", "0"]
      )
      answer = { refused: { error_type: "InputException", message: "Invalid `price`." } }
      const refused = yield* margins([option], "acc1")
      assert.deepStrictEqual([refused.status, refused.body.errors[0].field], [422, "orders"])
      assert.include(refused.body.errors[0].message, "Invalid `price`.")
      answer = new Error("no session")
      const away = yield* margins([option], "acc1")
      assert.deepStrictEqual([away.status, away.body.detail], [503, "Engine: no session"])
      yield* setPaper("acc1")
    })
  )

  it.scoped("an account that the caller may not use does not exist, and wrong orders are named", () =>
    Effect.gen(function* () {
      const other = yield* ask("/orders/margins", { method: "POST", as: "stranger", body: { account_id: "acc1", orders: [option] } })
      assert.deepStrictEqual([other.status, other.body.errors[0].field], [422, "account_id"])
      const wrong = yield* margins([option, { ...option, tradingsymbol: "NOSUCH" }], "acc1")
      assert.deepStrictEqual([wrong.status, wrong.body.errors[0].field], [422, "orders.1.tradingsymbol"])
    })
  )
})
