import { Schema } from "effect"
import * as IndiaTime from "../IndiaTime.ts"

/** The schemas of all files in data/. `npm run check` validates the hand-written files against them. */

const IsoDay = Schema.String.pipe(Schema.filter((text) => IndiaTime.isIsoDate(text) || `"${text}" is not a day YYYY-MM-DD`))
export const TimeOfDay = Schema.String.pipe(Schema.pattern(/^([01]\d|2[0-3]):[0-5]\d$/))
const DecimalText = Schema.String.pipe(Schema.pattern(/^\d+(\.\d+)?$/))

/** 2: two independent sources. 1: one source. 0: rule, memory or analogy; never a reason to reject anything. */
export const Confidence = Schema.Literal(0, 1, 2)
export type Confidence = typeof Confidence.Type

const origin = { source: Schema.Array(Schema.NonEmptyTrimmedString), confidence: Confidence, note: Schema.optional(Schema.String) }
/** Inclusive days; null means open. */
const dated = { from: Schema.NullOr(IsoDay), to: Schema.NullOr(IsoDay) }

const about = Schema.String

export const Segment = Schema.Literal(
  "NSE_CM",
  "BSE_CM",
  "NSE_FO",
  "BSE_FO",
  "NSE_CD",
  "BSE_CD",
  "MCX_NON_AGRI",
  "MCX_AGRI_INTL",
  "MCX_AGRI",
  "NSE_COM_NON_AGRI",
  "BSE_COM_NON_AGRI"
)
export type Segment = typeof Segment.Type

export const Calendar = Schema.Literal("NSE_CM", "BSE_CM", "NSE_FO", "BSE_FO", "NSE_CD", "BSE_CD", "MCX", "NSE_COM", "BSE_COM")
export type Calendar = typeof Calendar.Type

/** Kite's names of the exchanges that list derivatives. */
export const DerivativeExchange = Schema.Literal("NFO", "BFO", "CDS", "BCD", "MCX", "NCO")

/** "continuous 09:15-15:30", "evening 17:00-close", "preopen_matching 09:08-09:12 future". */
export const Span = Schema.String.pipe(
  Schema.pattern(/^[a-z_]+ ([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|close)( future)?$/, {
    message: () => 'expected a phase and its hours such as "continuous 09:15-15:30"'
  })
)

export const DayKind = Schema.Literal("holiday", "closed_weekend", "partial", "muhurat", "special_open", "extended", "regular")
export type DayKind = typeof DayKind.Type

export const DayRow = Schema.Struct({
  date: IsoDay,
  name: Schema.NonEmptyTrimmedString,
  kind: DayKind,
  calendars: Schema.NonEmptyArray(Calendar),
  sessions: Schema.optional(Schema.NonEmptyArray(Span)),
  ...origin
})
export type DayRow = typeof DayRow.Type

export const KnownRow = Schema.Struct({
  calendars: Schema.NonEmptyArray(Calendar),
  from: IsoDay,
  to: IsoDay,
  note: Schema.optional(Schema.String)
})
export type KnownRow = typeof KnownRow.Type

export const Days = Schema.Struct({
  about,
  known: Schema.Array(KnownRow),
  days: Schema.Array(DayRow)
})

export const CashSecurity = Schema.Literal("cas", "other")

export const SessionRow = Schema.Struct({
  segment: Segment,
  /** Cash only: whether the row applies to shares in the closing auction or to all other securities. */
  security: Schema.optional(CashSecurity),
  ...dated,
  phases: Schema.NonEmptyArray(Span),
  summerClose: Schema.optional(TimeOfDay),
  winterClose: Schema.optional(TimeOfDay),
  /** By phase: the interval in which the exchange ends it at a random moment. */
  randomClose: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  tradeModificationUntil: Schema.optional(TimeOfDay),
  closePrice: Schema.optional(Schema.String),
  casPriceBand: Schema.optional(Schema.String),
  stockFuturesBandReset: Schema.optional(TimeOfDay),
  ...origin
})
export type SessionRow = typeof SessionRow.Type

export const Sessions = Schema.Struct({
  about,
  phases: Schema.Array(
    Schema.Struct({
      phase: Schema.String,
      what: Schema.String,
      /** Order types that are accepted; all if absent. */
      orders: Schema.optional(Schema.Array(Schema.Literal("limit", "market"))),
      /** Whether the price moves by continuous trading. */
      trades: Schema.Boolean
    })
  ),
  sessions: Schema.Array(SessionRow),
  seasons: Schema.Array(Schema.Struct({ from: IsoDay, season: Schema.Literal("summer", "winter"), ...origin })),
  expiryTimes: Schema.Array(
    Schema.Struct({ segment: Segment, ...dated, time: Schema.Union(TimeOfDay, Schema.Literal("close")), ...origin })
  ),
  settlements: Schema.Array(Schema.Struct({ what: Schema.Literal("index", "stock"), ...dated, price: Schema.String, ...origin })),
  closingAuction: Schema.Array(
    Schema.Struct({ ...dated, securities: Schema.String, ordersRefused: Schema.Array(Schema.String), ...origin })
  )
})

/** "every Tuesday", "last Thursday" (of the month), "second Thursday", "2 trading days before the last of the month". */
export const ExpiryOn = Schema.Union(
  Schema.TemplateLiteral(
    Schema.Literal("every", "last", "second"),
    " ",
    Schema.Literal("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
  ),
  Schema.Literal("2 trading days before the last of the month")
)
export type ExpiryOn = typeof ExpiryOn.Type

const ExpiryRule = Schema.Struct({
  exchange: DerivativeExchange,
  underlying: Schema.NonEmptyTrimmedString,
  contract: Schema.Literal("weekly", "monthly"),
  on: ExpiryOn,
  ...dated,
  ...origin
})

export const Expiries = Schema.Struct({
  about,
  rules: Schema.Array(ExpiryRule),
  listed: Schema.Array(
    Schema.Struct({
      exchange: DerivativeExchange,
      underlying: Schema.NonEmptyTrimmedString,
      weeklies: Schema.NonNegativeInt,
      serial: Schema.NonNegativeInt,
      quarterlies: Schema.NonNegativeInt,
      halfYearlies: Schema.NonNegativeInt,
      ...origin
    })
  )
})

export const Lots = Schema.Struct({
  about,
  lots: Schema.Array(
    Schema.Struct({
      exchange: DerivativeExchange,
      symbol: Schema.NonEmptyTrimmedString,
      contract: Schema.Literal("all", "weekly", "monthly", "long_dated"),
      expiryFrom: Schema.optional(IsoDay),
      expiryTo: Schema.optional(IsoDay),
      tradeFrom: Schema.optional(IsoDay),
      tradeTo: Schema.optional(IsoDay),
      lot: Schema.Int.pipe(Schema.positive()),
      ...origin
    })
  )
})
export type LotRow = (typeof Lots.Type)["lots"][number]

export const Freezes = Schema.Struct({
  about,
  freezes: Schema.Array(
    Schema.Struct({
      exchange: DerivativeExchange,
      symbol: Schema.NonEmptyTrimmedString,
      from: IsoDay,
      to: Schema.NullOr(IsoDay),
      quantity: Schema.Int.pipe(Schema.positive()),
      ...origin
    })
  )
})

export const TickInstrument = Schema.Literal(
  "NSE cash",
  "NSE stock futures",
  "NSE stock options",
  "NSE index futures",
  "NSE index options",
  "BSE index futures",
  "BSE index options"
)
export type TickInstrument = typeof TickInstrument.Type

export const Ticks = Schema.Struct({
  about,
  ticks: Schema.Array(
    Schema.Struct({
      instrument: TickInstrument,
      underlying: Schema.optional(Schema.NonEmptyTrimmedString),
      ...dated,
      priceFrom: Schema.optional(DecimalText),
      priceBelow: Schema.optional(DecimalText),
      /** The row applies only if the underlying's own tick is this. */
      underlyingTick: Schema.optional(DecimalText),
      tick: DecimalText,
      ...origin
    })
  )
})
export type TickRow = (typeof Ticks.Type)["ticks"][number]

export const ChargeSegment = Schema.Literal(
  "equity_delivery",
  "equity_intraday",
  "equity_fund_sale",
  "equity_futures",
  "equity_options",
  "equity_options_exercised",
  "currency_futures",
  "currency_options",
  "commodity_futures",
  "commodity_options"
)
export type ChargeSegment = typeof ChargeSegment.Type

const Sides = Schema.Array(Schema.Literal("B", "S"))

export const Charges = Schema.Struct({
  about,
  brokerage: Schema.Array(
    Schema.Struct({
      segments: Schema.NonEmptyArray(ChargeSegment),
      ...dated,
      /** Either `flat` rupees per order, or the smaller of `rate` x turnover and `cap`. */
      flat: Schema.optional(DecimalText),
      rate: Schema.optional(DecimalText),
      cap: Schema.optional(DecimalText),
      ...origin
    })
  ),
  transactionTax: Schema.Array(
    Schema.Struct({
      segments: Schema.NonEmptyArray(ChargeSegment),
      ...dated,
      rate: DecimalText,
      sides: Sides,
      agri: Schema.optional(Schema.Boolean),
      ...origin
    })
  ),
  exchange: Schema.Array(
    Schema.Struct({
      name: Schema.NonEmptyTrimmedString,
      exchange: Schema.Literal("NSE", "BSE", "MCX"),
      segments: Schema.NonEmptyArray(ChargeSegment),
      underlyings: Schema.optional(Schema.NonEmptyArray(Schema.NonEmptyTrimmedString)),
      ...dated,
      rate: DecimalText,
      ipft: DecimalText,
      ...origin
    })
  ),
  sebi: Schema.Array(Schema.Struct({ agri: Schema.Boolean, ...dated, rate: DecimalText, ...origin })),
  stampDuty: Schema.Array(
    Schema.Struct({ segments: Schema.NonEmptyArray(ChargeSegment), ...dated, rate: DecimalText, sides: Sides, ...origin })
  ),
  gst: Schema.Array(Schema.Struct({ ...dated, rate: DecimalText, taxesSebi: Schema.Boolean, ...origin }))
})

export const Limit = Schema.Literal(
  "orders_per_second",
  "orders_per_minute",
  "orders_per_day",
  "modifications_per_order",
  "quote_requests_per_second",
  "historical_requests_per_second",
  "other_requests_per_second",
  "autoslice_slices"
)
export type Limit = typeof Limit.Type

export const Policy = Schema.Literal(
  "market_protection_required",
  "static_ip_required",
  "mcx_ioc_refused",
  "closing_auction_orders_limited",
  "algo_registration_above_ten_orders_a_second"
)
export type Policy = typeof Policy.Type

export const Broker = Schema.Struct({
  about,
  limits: Schema.Array(Schema.Struct({ what: Limit, ...dated, value: Schema.NonNegativeInt, ...origin })),
  policies: Schema.Array(Schema.Struct({ what: Policy, ...dated, value: Schema.Boolean, rule: Schema.String, ...origin })),
  protectionBands: Schema.Array(
    Schema.Struct({
      instruments: Schema.Literal("equity_and_futures", "options"),
      ...dated,
      priceFrom: DecimalText,
      priceBelow: Schema.optional(DecimalText),
      percent: DecimalText,
      ...origin
    })
  ),
  tokenDeath: Schema.Array(Schema.Struct({ ...dated, time: TimeOfDay, ...origin }))
})

export const Segments = Schema.Struct({
  about,
  units: Schema.Array(
    Schema.Struct({
      lowByte: Schema.Int.pipe(Schema.between(0, 255)),
      name: Schema.String,
      divisor: Schema.Literal(100, 1e4, 1e7),
      ...origin
    })
  ),
  segments: Schema.Array(Schema.Struct({ segment: Segment, calendar: Calendar })),
  exchanges: Schema.Array(
    Schema.Struct({
      exchange: Schema.NonEmptyTrimmedString,
      segment: Segment,
      underlyings: Schema.optional(Schema.NonEmptyArray(Schema.NonEmptyTrimmedString)),
      ...origin
    })
  ),
  multipliers: Schema.Array(
    Schema.Struct({
      exchange: Schema.NonEmptyTrimmedString,
      underlying: Schema.NonEmptyTrimmedString,
      ...dated,
      multiplier: Schema.Int.pipe(Schema.positive()),
      ...origin
    })
  )
})

/** The schema of every file in data/, by file name. */
export const Documents = Schema.Struct({
  segments: Segments,
  days: Days,
  sessions: Sessions,
  expiries: Expiries,
  lots: Lots,
  freezes: Freezes,
  ticks: Ticks,
  charges: Charges,
  broker: Broker
})
export type Documents = typeof Documents.Type
