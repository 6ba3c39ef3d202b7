import { assert, describe, it } from "@effect/vitest"
import { Decimal } from "../../../src/domain/Money.ts"
import * as AccountLimitsDraft from "../../../web/src/accounts/AccountLimitsDraft.ts"
import type { AccountLimits, StrategyLimits } from "../../../web/src/gateway/Contract.ts"
import * as LimitsDraft from "../../../web/src/limits/LimitsDraft.ts"
import * as StrategyLimitsDraft from "../../../web/src/strategies/StrategyLimitsDraft.ts"

const account: AccountLimits = {
  account_id: "a1",
  max_order_value: null,
  max_position_lots: 3,
  max_total_lots: null,
  max_daily_loss: new Decimal("50000.5"),
  loss_action: "square_off",
  max_orders_per_day: 1_000_000,
  price_band_percent: new Decimal("2.5"),
  duplicate_window_s: 0.5,
  state: "open",
  stop: null
}
const strategy: StrategyLimits = {
  strategy_id: 7,
  max_position_lots: null,
  max_total_lots: 4,
  max_loss: new Decimal("1e21"),
  max_orders_per_day: null,
  action: "block",
  state: "open",
  stop: null
}
const problem = (change: object) => LimitsDraft.problemOf(AccountLimitsDraft.limits, { ...AccountLimitsDraft.of(account), ...change })

describe("LimitsDraft", () => {
  it("a form that nobody changed sets the same limits", () => {
    const draft = AccountLimitsDraft.of(account)
    assert.strictEqual(LimitsDraft.problemOf(AccountLimitsDraft.limits, draft), undefined)
    const { account_id: _, state: __, stop: ___, ...limits } = account
    assert.deepStrictEqual(AccountLimitsDraft.requestOf(draft), limits)
    const of = StrategyLimitsDraft.of(strategy)
    assert.strictEqual(of.max_loss, "1000000000000000000000")
    const { strategy_id: ____, state: _____, stop: ______, ...own } = strategy
    assert.deepStrictEqual(StrategyLimitsDraft.requestOf(of), own)
  })

  it("an empty form sets no limit, and a loss without an action stops nothing", () => {
    const texts = Object.fromEntries(LimitsDraft.keysOf(AccountLimitsDraft.limits).map((key) => [key, ""]))
    const draft = { ...texts, action: "" } as ReturnType<typeof AccountLimitsDraft.of>
    assert.strictEqual(LimitsDraft.problemOf(AccountLimitsDraft.limits, draft), undefined)
    assert.deepStrictEqual([...new Set(Object.values(AccountLimitsDraft.requestOf(draft)))], [null])
    assert.strictEqual(AccountLimitsDraft.of({ ...account, loss_action: null }).action, "")
    assert.strictEqual(AccountLimitsDraft.requestOf({ ...draft, action: "block" }).loss_action, "block")
    assert.strictEqual(StrategyLimitsDraft.requestOf({ ...StrategyLimitsDraft.of(strategy), action: "square_off" }).action, "square_off")
  })

  it("says which limit is wrong and what is wanted, at the bounds that the contract has", () => {
    for (const good of ["0.01", "1", "99999999999999999999"]) assert.strictEqual(problem({ max_daily_loss: good }), undefined, good)
    for (const bad of ["0", "-1", "1e3", "1,000", "ten", "."])
      assert.strictEqual(problem({ max_daily_loss: bad }), "Loss of a day, ₹ must be above zero, with digits and at most one point.", bad)
    assert.match(problem({ price_band_percent: "0" }) ?? "", /^Distance of a price, % must be above zero/)
    for (const good of ["1", "1000000"]) assert.strictEqual(problem({ max_total_lots: good }), undefined, good)
    for (const bad of ["0", "1000001", "1.5", "-2", "01"])
      assert.strictEqual(problem({ max_total_lots: bad }), "Lots in all must be a whole number from 1 to 1000000.", bad)
    for (const good of ["0.001", "3600"]) assert.strictEqual(problem({ duplicate_window_s: good }), undefined, good)
    for (const bad of ["0", "0.0009", "3600.1"])
      assert.strictEqual(problem({ duplicate_window_s: bad }), "Same order again after, s must be a number of seconds up to 3600.", bad)
  })

  it("shows each kind of limit with its unit, and says that there is none", () => {
    const { max_daily_loss, price_band_percent, duplicate_window_s, max_total_lots } = AccountLimitsDraft.limits
    assert.strictEqual(LimitsDraft.shown(max_daily_loss, ""), "no limit")
    assert.strictEqual(LimitsDraft.shown(max_daily_loss, "1234567.5"), "12,34,567.50")
    assert.strictEqual(LimitsDraft.shown(price_band_percent, "2.5"), "2.5 %")
    assert.strictEqual(LimitsDraft.shown(duplicate_window_s, "0.5"), "0.5 s")
    assert.strictEqual(LimitsDraft.shown(max_total_lots, "100000"), "1,00,000")
  })
})
