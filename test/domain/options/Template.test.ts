import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Template from "../../../src/domain/options/Template.ts"

describe("Template", () => {
  it("an iron butterfly sells the straddle and buys the strangle around it; its strikes must ascend", () => {
    const legs = Either.getOrThrow(Template.ironButterfly("near", 90, 100, 110, 50))
    assert.deepStrictEqual(
      legs.map(({ kind, strike, quantity }) => `${quantity} ${strike} ${kind}`),
      ["50 90 PE", "-50 100 PE", "-50 100 CE", "50 110 CE"]
    )
    assert.strictEqual(Either.getOrThrow(Either.flip(Template.ironButterfly("near", 100, 100, 110, 50))).problem, "strikes must ascend")
  })
})
