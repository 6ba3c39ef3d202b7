import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Figures from "../../../src/domain/accounts/Figures.ts"
import { absent, recorded } from "../../simulator/SimulatorWorld.ts"

const read = (name: string): unknown => {
  const file = recorded(`kite/${name}.json`)
  return file === undefined ? undefined : JSON.parse(readFileSync(file, "utf8"))
}
const data = (name: string): ReadonlyArray<Record<string, unknown>> => (read(name) as { data: ReadonlyArray<Record<string, unknown>> }).data

describe("Kite's recorded answers", () => {
  const title = (what: string) => (recorded("kite/orders.json") === undefined ? `${what} ${absent}` : what)
  it.skipIf(recorded("kite/orders.json") === undefined)(
    title("every row is read, with each amount as Kite printed it and each time in UTC"),
    () => {
      const orders = data("orders").map((row) => Schema.decodeUnknownSync(Figures.KiteOrder)(row))
      assert.deepStrictEqual(
        orders.map(({ average_price }) => average_price.toString()),
        data("orders").map(({ average_price }) => String(average_price))
      )
      assert.strictEqual(orders[0]?.order_timestamp, "2021-05-31T03:48:57.000Z")
      const trades = data("trades").map((row) => Schema.decodeUnknownSync(Figures.KiteTrade)(row))
      assert.strictEqual(trades[0]?.average_price.toString(), "420.65")
      const holdings = data("holdings").map((row) => Schema.decodeUnknownSync(Figures.KiteHolding)(row))
      assert.deepStrictEqual(
        holdings.map(({ pnl }) => pnl.toString()),
        data("holdings").map(({ pnl }) => String(pnl))
      )
      const positions = Schema.decodeUnknownSync(Figures.KitePositions)((read("positions") as { data: unknown }).data)
      assert.strictEqual(positions.net[0]?.multiplier, 1000)
      const funds = Schema.decodeUnknownSync(Figures.KiteFunds)((read("margins") as { data: unknown }).data)
      assert.strictEqual(funds.equity?.net.toString(), "99725.05000000002")
      const postback = Schema.decodeUnknownSync(Figures.KiteOrder)(read("postback"))
      assert.deepInclude(postback, { order_id: "220303000308932", status: "COMPLETE", filled_quantity: 1 })
    }
  )

  it("an account without a segment has none, and fields that Kite leaves out are filled", () => {
    const { commodity, equity } = Schema.decodeUnknownSync(Figures.KiteFunds)({})
    assert.deepStrictEqual([equity, commodity], [null, null])
  })
})
