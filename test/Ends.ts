import * as Life from "../src/domain/market/Life.ts"
import { shipped } from "../src/domain/rules/Shipped.ts"

/** UTC milliseconds at which NIFTY contracts of an expiry day expire, from the rulebook. */
export const endsMs = (expiry: string): number => Life.chainEndsMs(shipped, { exchange: "NSE", name: "NIFTY" }, expiry)
