import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Ids from "../../src/domain/Ids.ts"

describe("Ids", () => {
  it("accepts only account ids that a subject can contain unchanged", () => {
    const is = Schema.is(Ids.AccountId)
    for (const good of ["AB1234", "a", "sim_1-x", "x".repeat(64)]) assert.isTrue(is(good), good)
    for (const bad of ["", "a.b", "a*", ">", "a b", "M&M", "x".repeat(65), "\n", "a\n"]) assert.isFalse(is(bad), JSON.stringify(bad))
  })

  it("an instrument token is an unsigned 32-bit number other than zero", () => {
    const is = Schema.is(Ids.InstrumentToken)
    for (const good of [1, 256265, 2 ** 32 - 1]) assert.isTrue(is(good), String(good))
    for (const bad of [0, -1, 1.5, 2 ** 32, Number.NaN, "256265"]) assert.isFalse(is(bad), String(bad))
  })

  it("a strategy id is a positive whole number", () => {
    const is = Schema.is(Ids.StrategyId)
    assert.isTrue(is(1))
    for (const bad of [0, -7, 0.5, Number.POSITIVE_INFINITY, "1"]) assert.isFalse(is(bad), String(bad))
  })
})
