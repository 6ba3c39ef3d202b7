import { assert, describe, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import * as Margins from "../../../src/domain/accounts/Margins.ts"

const row = { span: 0, exposure: 0, option_premium: 0, additional: 0, bo: 0, cash: 0, var: 0, leverage: 1, total: 0 }

describe("margins of a basket", () => {
  it("are read without the errors of binary fractions, and Kite's further fields are ignored", () => {
    const answer = {
      initial: { ...row, type: "", span: 66832.5, exposure: 29151.225000000002, total: 95983.725 },
      final: { ...row, span: 7788.000000000007, option_premium: -2152.5 },
      orders: [{ ...row, charges: { total: 26.85 }, total: 95983.725 }],
      charges: {}
    }
    const read = Schema.decodeUnknownSync(Margins.KiteBasket)(answer)
    const text = Schema.encodeSync(Margins.Basket)(read)
    assert.deepInclude(text.initial, { span: "66832.5", exposure: "29151.225", total: "95983.725" })
    assert.deepInclude(text.final, { span: "7788", option_premium: "-2152.5" })
    assert.deepStrictEqual(Schema.decodeSync(Margins.Basket)(text), read)
    assert.deepStrictEqual(Schema.encodeSync(Margins.KiteBasket)(read).orders[0]?.total, 95983.725)
    assert.isTrue(Either.isLeft(Schema.decodeUnknownEither(Margins.KiteBasket)({ ...answer, orders: [{ ...row, span: null }] })))
  })

  it("of several orders are the sums of each order's, and without orders zero", () => {
    const { initial: one } = Schema.decodeUnknownSync(Margins.KiteBasket)({
      initial: { ...row, span: 10.5, var: 1, total: 11.5 },
      final: row,
      orders: []
    })
    const total = Margins.sum([one, one])
    assert.deepStrictEqual([total.span, total.var, total.total, total.cash].map(String), ["21", "2", "23", "0"])
    assert.deepStrictEqual(Margins.sum([]), Margins.nothing)
  })
})
