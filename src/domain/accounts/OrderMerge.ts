/** Merges reports of one order from messages and readings of the book, which may be late, duplicate, or out of order. */
import type { Order } from "./Figures.ts"

/**
 * Where a report of an order comes from. A reading of the book is newer than a message of the same second. A reconciliation has read the
 * book several times, so it wins over any message.
 */
export const sources = ["book", "socket", "postback", "reconciliation"] as const
export type Source = (typeof sources)[number]
const isOfBook = (source: Source): boolean => source === "book" || source === "reconciliation"

/** States in which an order no longer changes (kite.trade/docs/connect/v3/orders). */
const ended: ReadonlySet<string> = new Set(["COMPLETE", "CANCELLED", "REJECTED"])
export const hasEnded = ({ status }: Pick<Order, "status">): boolean => ended.has(status)

/** States before the exchange has the order. */
const early: ReadonlySet<string> = new Set(["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "AMO REQ RECEIVED"])

/** The newest time that the report carries, UNIX ms. Kite's times have whole seconds. */
export const changedAtMs = ({ exchange_update_timestamp, order_timestamp }: Order): number =>
  Math.max(Date.parse(order_timestamp), exchange_update_timestamp === null ? 0 : Date.parse(exchange_update_timestamp))

/**
 * The order of reports: a final state is newer than any other, a larger filled quantity is newer than a smaller one, and then the time
 * decides.
 */
const places = (order: Order): ReadonlyArray<number> => [hasEnded(order) ? 1 : 0, order.filled_quantity, changedAtMs(order)]

/** Negative: the report is older than what is known. Zero: it is unknown which of them is newer. */
const compare = (report: Order, known: Order): number => {
  const [theirs, ours] = [places(report), places(known)]
  return theirs.map((place, at) => place - (ours[at] ?? 0)).find((difference) => difference !== 0) ?? 0
}

/** Kite's postbacks call a modification and a partial fill UPDATE, which is no state of an order. */
const named = (report: Order, known: Order | undefined): Order =>
  report.status === "UPDATE" ? { ...report, status: known === undefined || hasEnded(known) ? "OPEN" : known.status } : report

/**
 * The order after a report. `from` is the source of what is known. If it is unknown which of the two is newer, a reading of the book wins
 * over a message, and otherwise the later arrival wins.
 */
export const merge = (
  known: { readonly order: Order; readonly from: Source } | undefined,
  report: Order,
  source: Source
): { readonly order: Order; readonly from: Source } => {
  const order = named(report, known?.order)
  if (known === undefined) return { order, from: source }
  const sequence = compare(order, known.order)
  const isKept = sequence < 0 || (sequence === 0 && isOfBook(known.from) && !isOfBook(source))
  return isKept && source !== "reconciliation" ? known : { order, from: source }
}

/** Whether a rejection contradicts what was said before: the broker's success for our request, or a state at the exchange. */
export const isRejectedAfterSuccess = (known: Order | undefined, order: Order, hasSucceeded: boolean): boolean =>
  order.status === "REJECTED" && (hasSucceeded || (known !== undefined && known.status !== "REJECTED" && !early.has(known.status)))
