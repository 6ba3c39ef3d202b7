import * as ChainMessage from "../../domain/options/ChainMessage.ts"
import type { Mark } from "../../domain/strategy/StrategyMessage.ts"
import type { Message } from "../../streams/JetStream.ts"

/**
 * Fast readers for the platform's own frequent messages. They parse a message and check its head and the form of its columns, but not
 * each element: a schema's check of every element costs several times the parse. For any other message they return undefined, and the
 * schema decodes it or reports the error.
 */
type Fields = Readonly<Record<string, unknown>>

const toText = new TextDecoder()
const parse = (data: Uint8Array): Fields | undefined => {
  try {
    const value: unknown = JSON.parse(toText.decode(data))
    return typeof value === "object" && value !== null ? (value as Fields) : undefined
  } catch {
    return undefined // the schema's own parser says why
  }
}

const isStamped = (value: Fields): boolean => value["v"] === 1 && typeof value["as_of"] === "string" && Number.isSafeInteger(value["seq"])
const areTexts = (value: Fields, names: ReadonlyArray<string>): boolean => names.every((name) => typeof value[name] === "string")
const areNumbers = (value: Fields, names: ReadonlyArray<string>): boolean => names.every((name) => typeof value[name] === "number")

const columnNames = Object.keys(ChainMessage.Columns.fields).filter((name) => name !== "price_change")
const areColumns = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return false
  const columns = value as Fields
  const { instrument_token, price_change } = columns as { readonly instrument_token?: unknown; readonly price_change?: unknown }
  if (!Array.isArray(instrument_token) || !(price_change === undefined || Array.isArray(price_change))) return false
  for (const name of columnNames) {
    const column = columns[name]
    if (!Array.isArray(column) || column.length !== instrument_token.length) return false
  }
  return true
}

const chainTexts = ["kind", "exchange", "underlying", "expiry"]
const chainTotals = ["call_oi", "put_oi"]
const isChain = (value: Fields): boolean =>
  isStamped(value) && areTexts(value, chainTexts) && areNumbers(value, chainTotals) && areColumns(value["columns"])

/** opt.delta or opt.chain. */
export const chain = ({ data }: Message): ChainMessage.Chain | undefined => {
  const value = parse(data)
  return value !== undefined && isChain(value) ? (value as unknown as ChainMessage.Chain) : undefined
}

const isState = (value: Fields): boolean =>
  isStamped(value) && areTexts(value, ["exchange", "underlying"]) && Array.isArray(value["futures"]) && Array.isArray(value["expiries"])

/** und.state. */
export const state = ({ data }: Message): ChainMessage.UnderlyingState | undefined => {
  const value = parse(data)
  return value !== undefined && isState(value) ? (value as unknown as ChainMessage.UnderlyingState) : undefined
}

const isMark = (value: Fields): boolean =>
  isStamped(value) &&
  Number.isSafeInteger(value["strategy_id"]) &&
  typeof value["realised_pnl"] === "string" &&
  typeof value["complete"] === "boolean" &&
  Array.isArray(value["missing"])

/** strat.m2m in its encoded form. Most marks are only forwarded, so money stays text. */
export const mark = ({ data }: Message): typeof Mark.Encoded | undefined => {
  const value = parse(data)
  return value !== undefined && isMark(value) ? (value as unknown as typeof Mark.Encoded) : undefined
}
