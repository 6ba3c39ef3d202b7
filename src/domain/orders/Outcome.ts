import { Data } from "effect"
import * as Task from "./Task.ts"

/** Details of an answer, or of its absence, kept with the attempt. */
export interface Evidence {
  readonly httpStatus: number | null
  /** Kite's error_type, or our own word for a failure below HTTP. */
  readonly errorType: string | null
  readonly message: string | null
}

/** The result of one request to the broker. There are two kinds of failure, and only `Refused` proves that nothing happened. */
export type Outcome = Data.TaggedEnum<{
  /** The broker has carried it out. */
  Done: { readonly orderId: string }
  /** The broker has not carried it out, and never will. `isTransient`: the same request may succeed later. */
  Refused: Evidence & { readonly isTransient: boolean }
  /** It is not known whether the broker has carried it out. Only the order book can show it. */
  Unknown: Evidence
}>
export const Outcome = Data.taggedEnum<Outcome>()

/** The reply to a request, as the broker's client reports it. */
export type Reply = Data.TaggedEnum<{
  Answer: Evidence & { readonly httpStatus: number; readonly orderId: string | null }
  /** For a paper account, the platform itself has refused the request. */
  Declined: { readonly errorType: string; readonly message: string }
  /** No byte of the request left: the name was not resolved, or the connection was refused. */
  NotSent: { readonly reason: string }
  /** The request may have arrived: time-out, reset, unreadable answer. */
  Lost: { readonly reason: string }
}>
export const Reply = Data.taggedEnum<Reply>()

/**
 * Error types that the broker answers after it has decided against the request. NetworkException, DataException and GeneralException are
 * not among them: these mean that Kite's front end could not reach its order system, or lost the answer. Source:
 * kite.trade/docs/connect/v3/exceptions.
 */
const decided: ReadonlySet<string | null> = new Set([
  "InputException",
  "OrderException",
  "MarginException",
  "HoldingException",
  "TokenException",
  "PermissionException",
  "UserException"
])

const notFound = 404
/**
 * True if the request names an order or a trigger that does not exist. Only an answer of Kite itself proves this: an answer without Kite's
 * error type may come from a proxy, and NetworkException means that Kite did not reach its order system. A request that makes something new
 * names nothing that could be missing.
 */
const namesNothing = (kind: Task.Kind, status: number, errorType: string | null): boolean =>
  !Task.makesNew(kind) && status === notFound && errorType !== null && errorType !== "NetworkException"

const requestTimeout = 408
const tooManyRequests = 429
const isClientError = (status: number): boolean => status >= 400 && status < 500 && status !== requestTimeout

/** What a reply to a request of this kind proves. */
export const of = (reply: Reply, kind: Task.Kind): Outcome => {
  if (reply._tag === "Lost") return Outcome.Unknown({ httpStatus: null, errorType: "lost", message: reply.reason })
  if (reply._tag === "NotSent")
    return Outcome.Refused({ isTransient: true, httpStatus: null, errorType: "not_sent", message: reply.reason })
  if (reply._tag === "Declined")
    return Outcome.Refused({ isTransient: false, httpStatus: null, errorType: reply.errorType, message: reply.message })
  const { httpStatus, errorType, message, orderId } = reply
  if (httpStatus === 200 && orderId !== null) return Outcome.Done({ orderId })
  if (httpStatus === tooManyRequests) return Outcome.Refused({ isTransient: true, httpStatus, errorType, message })
  const isDecided = isClientError(httpStatus) && decided.has(errorType)
  if (isDecided || namesNothing(kind, httpStatus, errorType)) return Outcome.Refused({ isTransient: false, httpStatus, errorType, message })
  return Outcome.Unknown({ httpStatus, errorType, message })
}

/** Whether an outcome counts as a failure of the broker. A rejected order shows that the broker works. */
export const isFailure = (outcome: Outcome): boolean => outcome._tag === "Unknown" || (outcome._tag === "Refused" && outcome.isTransient)
