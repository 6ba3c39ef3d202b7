import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import { AccountStopRepo } from "../../../src/store/orders/AccountStopRepo.ts"
import { OrderRepo } from "../../../src/store/orders/OrderRepo.ts"
import * as TaskNames from "../../../src/store/orders/TaskNames.ts"
import { newTask } from "../../store/orders/NewTask.ts"
import { ask, world } from "../GatewayWorld.ts"
import * as NoLimits from "../NoLimits.ts"

const limits = (id: string) => `/accounts/${id}/limits`
const put = (id: string, body: object, as = "u1") => ask(limits(id), { method: "PUT", as, body })
/** The first step needs no body. */
const release = (id: string, body?: object, as = "u1") =>
  ask(`${limits(id)}/release`, { method: "POST", as, ...(body === undefined ? {} : { body }) })

layer(world({ owners: ["u1"] }), { excludeTestServices: true })("Limits of an account", (it) => {
  it.effect("include a limit of all lots and an action for a loss, which a request may leave out", () =>
    Effect.gen(function* () {
      const open = { account_id: "acc1", ...NoLimits.ofAccount, max_total_lots: null, loss_action: null, state: "open", stop: null }
      assert.deepStrictEqual((yield* ask(limits("acc1"))).body, open)
      const whole = { ...NoLimits.ofAccount, max_total_lots: 40, max_daily_loss: "2500.5", loss_action: "block" }
      const set = yield* put("acc1", whole)
      assert.deepStrictEqual([set.status, set.body], [200, { ...open, ...whole }])
      assert.deepStrictEqual((yield* put("acc1", NoLimits.ofAccount)).body, open)
      const odd = yield* put("acc1", { ...whole, max_total_lots: 0, loss_action: "sell" })
      assert.deepStrictEqual([odd.status, odd.body.errors.length > 0], [422, true])
      assert.deepStrictEqual([(yield* put("acc1", whole, "u2")).status, (yield* release("acc1", {}, "u2")).status], [404, 404])
    })
  )

  it.effect("a stop is shown with its reason until it is released in two steps", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* release("acc2")).status, 409)
      yield* put("acc2", { ...NoLimits.ofAccount, max_daily_loss: "2500.5", loss_action: "square_off" })
      const repo = yield* AccountStopRepo
      yield* repo.stop("acc2", "paper", new Money.Decimal("-2500.5"), "test")
      const { body } = yield* ask(limits("acc2"))
      assert.deepInclude(body.stop, {
        action: "square_off",
        reason: "its profit of -2500.5 today has reached the limit of its loss, 2500.5",
        profit: "-2500.5",
        max_daily_loss: "2500.5"
      })
      assert.deepInclude(body.stop.square_off, { mode: "paper", status: "running", message: null, rounds: 0 })
      assert.strictEqual(body.state, "stopped")
      const orders = yield* OrderRepo
      const { stopId } = (yield* repo.open("acc2"))!
      const key = TaskNames.squareOffKey(TaskNames.accountStopId(stopId), 1, 0)
      const closing = yield* orders.submit([newTask(key, { owner: TaskNames.accountStopOwner, accountId: "acc2" })])
      const first = yield* release("acc2")
      assert.deepStrictEqual([first.status, first.body.state, typeof first.body.release_token], [200, "stopped", "string"])
      assert.isAbove(Date.parse(first.body.valid_until), Date.now())
      assert.strictEqual((yield* release("acc2", { release_token: "another" })).status, 409)
      const second = yield* release("acc2", { release_token: first.body.release_token })
      assert.deepStrictEqual([second.status, second.body], [200, { state: "open", release_token: null, valid_until: null }])
      assert.deepInclude((yield* ask(limits("acc2"))).body, { state: "open", stop: null })
      const { task } = (yield* orders.byId(closing.stored[0]!.taskId))!
      assert.deepStrictEqual([task.status, task.error?.type], ["CANCELLED", "stop_released"], "a caller's release cancels the stop's tasks")
      assert.strictEqual((yield* release("acc2", { release_token: first.body.release_token })).status, 409)
    })
  )
})
