/**
 * The program itself, without the broker's limits of orders: with them, accounts would wait for their ten orders a second, and the platform
 * would not be measured. The limits are rows of the rulebook, which only this process removes.
 */
import { shipped } from "../../src/domain/rules/Shipped.ts"

const { limits } = shipped.documents.broker
const ofOrders: ReadonlySet<string> = new Set(["orders_per_second", "orders_per_minute", "orders_per_day"])
for (const row of limits) if (ofOrders.has(row.what)) Object.assign(row, { value: Number.MAX_SAFE_INTEGER })

await import("../../src/main.ts")
