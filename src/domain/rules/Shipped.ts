import { Schema } from "effect"
import broker from "./data/broker.json" with { type: "json" }
import charges from "./data/charges.json" with { type: "json" }
import days from "./data/days.json" with { type: "json" }
import expiries from "./data/expiries.json" with { type: "json" }
import freezes from "./data/freezes.json" with { type: "json" }
import lots from "./data/lots.json" with { type: "json" }
import segments from "./data/segments.json" with { type: "json" }
import sessions from "./data/sessions.json" with { type: "json" }
import ticks from "./data/ticks.json" with { type: "json" }
import * as Facts from "./Facts.ts"
import * as RuleSet from "./RuleSet.ts"

/** Date of the newest circular that was read for the shipped facts. */
export const version = "2026-08-22"

/** The parsed JSON files, not yet validated. */
export const files: unknown = { segments, days, sessions, expiries, lots, freezes, ticks, charges, broker }

/** The rules shipped with Tarang. A file that violates its schema stops the program at its start; `npm run check` finds it earlier. */
export const shipped: RuleSet.RuleSet = RuleSet.make(
  version,
  Schema.decodeUnknownSync(Facts.Documents, { errors: "all", onExcessProperty: "error" })(files)
)
