import { assert, describe, it } from "@effect/vitest"
import * as Basket from "../../../src/domain/orders/Basket.ts"

describe("the turn of a basket's task", () => {
  it("comes when every task before it is completed", () => {
    assert.strictEqual(Basket.turnOf([]), "send")
    assert.strictEqual(Basket.turnOf(["COMPLETED", "COMPLETED"]), "send")
  })
  it("waits while a task before it may still get its order", () => {
    for (const status of ["PENDING", "RUNNING", "RETRYING"] as const) assert.strictEqual(Basket.turnOf(["COMPLETED", status]), "wait")
  })
  it("never comes after a task that ended without its order", () => {
    for (const status of ["DEAD_LETTER", "CANCELLED", "UNKNOWN"] as const)
      assert.strictEqual(Basket.turnOf(["COMPLETED", status, "PENDING"]), "stop")
  })
})
