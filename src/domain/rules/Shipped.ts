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

/** The last day of the circulars that were read for the shipped facts. */
export const version = "2026-08-22"

/** The files as they are written. */
export const files: unknown = { segments, days, sessions, expiries, lots, freezes, ticks, charges, broker }

/** The rules that come with Tarang. A file that breaks its schema stops the program at its start, as `npm run check` would have. */
export const shipped: RuleSet.RuleSet = RuleSet.make(
  version,
  Schema.decodeUnknownSync(Facts.Documents, { errors: "all", onExcessProperty: "error" })(files)
)
