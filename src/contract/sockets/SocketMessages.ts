import { Schema } from "effect"
import { Mark } from "../../domain/strategy/StrategyMessage.ts"
import { ChangeFrom, StrikeRow } from "../chains/ChainsApi.ts"

/**
 * What the gateway says on its WebSocket paths: the contract of clients. The gateway writes the frequent ones as text by hand; a test holds
 * what it writes equal to this.
 */
const NumberOrNull = Schema.NullOr(Schema.Number)
const TextOrNull = Schema.NullOr(Schema.String)

const Position = Schema.Int.pipe(Schema.nonNegative(), Schema.lessThanOrEqualTo(Number.MAX_SAFE_INTEGER))
/**
 * How far a client had got, in a `subscribe`: of the last data frame it received the stream's creation (UNIX ms) and sequence, and on
 * /ws/ticks that tick's row in its frame, without which the frame counts as received whole.
 */
export const Since = Schema.Struct({ epoch: Position, seq: Position, row: Schema.optional(Position) })
export type Since = typeof Since.Type

/** A place in a stream: its creation (UNIX ms), and the last sequence folded into what came. */
const placed = {
  epoch: Schema.Int,
  seq: Schema.Int,
  /** How many frames were left out before this one, because the client was behind. */
  conflated: Schema.optional(Schema.Int)
}

const User = Schema.Struct({ user_id: Schema.String, email: TextOrNull, name: TextOrNull })
const greeting = { connection_id: Schema.String, user: User }
const Welcome = Schema.Struct({ type: Schema.Literal("welcome"), ...greeting })

/** The words of the error form of REST; only what is unavailable may pass. */
const RefusalCode = Schema.Literal("validation_error", "not_found", "unavailable")
export type RefusalCode = typeof RefusalCode.Type
/** What was asked for cannot be done; the connection stays. The items are there where the message that asked could be read. */
const refusal = { type: Schema.Literal("error"), code: RefusalCode, message: Schema.String }
const Pong = Schema.Struct({ type: Schema.Literal("pong") })
/** What was missed and cannot be delivered: the first and the last sequence of it. */
const gap = { type: Schema.Literal("gap"), epoch: Schema.Int, from: Schema.Int, to: Schema.Int }
const answers = Schema.Literal("subscribed", "unsubscribed")

/** Every field null where the packet or the instrument has none; `timestamp` is the exchange's, else of its receipt. */
export const Tick = Schema.Struct({
  type: Schema.Literal("tick"),
  data: Schema.Struct({
    instrument_token: Schema.Int,
    tradingsymbol: TextOrNull,
    last_price: Schema.Number,
    volume: NumberOrNull,
    oi: NumberOrNull,
    bid: NumberOrNull,
    ask: NumberOrNull,
    /** The previous session's close. */
    close: NumberOrNull,
    iv: NumberOrNull,
    delta: NumberOrNull,
    gamma: NumberOrNull,
    theta: NumberOrNull,
    vega: NumberOrNull,
    timestamp: Schema.String,
    mode: Schema.Literal("ltp", "quote", "full"),
    is_mock: Schema.Boolean
  }),
  ...placed,
  /** The tick's place within its frame. */
  row: Schema.Int
})
export type Tick = typeof Tick.Type

/** Where the stream stood: what a client that receives nothing goes on from. With a pong every tick up to there has been sent. */
const stood = { epoch: Schema.optional(Schema.Int), seq: Schema.optional(Schema.Int) }

/** /ws/ticks. `epoch` and `seq` are those of MD_FRAMES; the ticks of one frame share theirs and are told apart by `row`. */
export const TicksMessage = Schema.Union(
  Tick,
  Schema.Struct({ type: Schema.Literal("connected"), ...greeting }),
  Schema.Struct({
    type: answers,
    tokens: Schema.Array(Schema.Int),
    total: Schema.Int,
    ...stood
  }),
  Schema.Struct(gap),
  Schema.Struct({ ...refusal, tokens: Schema.optional(Schema.Array(Schema.Int)) }),
  Schema.Struct({ ...Pong.fields, ...stood })
)
export type TicksMessage = typeof TicksMessage.Type

const chain = { symbol: Schema.String, expiry: Schema.String }
/** `chain` has every strike, `delta` those that changed, each whole: replace those that came. */
export const ChainUpdate = Schema.Struct({
  type: Schema.Literal("update"),
  ...chain,
  kind: Schema.Literal("chain", "delta"),
  as_of: TextOrNull,
  spot: NumberOrNull,
  /** Against the previous close, in rupees. */
  spot_change: NumberOrNull,
  forward: NumberOrNull,
  atm_strike: NumberOrNull,
  /** Implied volatility at the money, a fraction. */
  atm_iv: NumberOrNull,
  max_pain: NumberOrNull,
  pcr: NumberOrNull,
  totals: Schema.Struct({ call_oi: Schema.Number, put_oi: Schema.Number, pcr_volume: NumberOrNull }),
  oi_change_from: ChangeFrom,
  strikes: Schema.Array(StrikeRow),
  ...placed
})
export type ChainUpdate = typeof ChainUpdate.Type

/** /fo/stream. `epoch` and `seq` are those of OPT. */
export const ChainMessage = Schema.Union(
  ChainUpdate,
  Welcome,
  Schema.Struct({ type: answers, ...chain, total: Schema.Int }),
  Schema.Struct({ ...gap, ...chain }),
  Schema.Struct({ ...refusal, symbol: Schema.optional(Schema.String), expiry: Schema.optional(Schema.String) }),
  Pong
)
export type ChainMessage = typeof ChainMessage.Type

/** A mark's `seq` is its place in STRAT here, not what was folded into it. */
export const MarkUpdate = Schema.Struct({ type: Schema.Literal("m2m"), ...Mark.fields, ...placed })
export type MarkUpdate = typeof MarkUpdate.Type

/** A strategy of the caller was created, changed (its legs, fills, name or status) or deleted, by whichever client: ask REST for it. */
export const StrategyChange = Schema.Struct({
  type: Schema.Literal("strategy"),
  strategy_id: Schema.Int,
  change: Schema.Literal("created", "changed", "deleted")
})
export type StrategyChange = typeof StrategyChange.Type

/** /strategies/stream. `epoch` and `seq` are those of STRAT. */
export const StrategyMessage = Schema.Union(
  MarkUpdate,
  StrategyChange,
  Welcome,
  Schema.Struct({ type: answers, strategy_ids: Schema.Array(Schema.Int), total: Schema.Int }),
  Schema.Struct({ ...refusal, strategy_ids: Schema.optional(Schema.Array(Schema.Int)) }),
  Pong
)
export type StrategyMessage = typeof StrategyMessage.Type

/** What one flush held, with `?batch=1`. */
export const Batch = Schema.Struct({
  type: Schema.Literal("batch"),
  items: Schema.Array(Schema.Unknown),
  conflated: Schema.optional(Schema.Int)
})

/** The subprotocol that a client offers, and the name in which it brings its token. */
export const protocol = "tarang.v1"
export const bearer = (token: string): string => `bearer.${token}`
