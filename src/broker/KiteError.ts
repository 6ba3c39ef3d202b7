import { Data } from "effect"
import * as UnknownHost from "../domain/UnknownHost.ts"

/**
 * Every failure of the broker layer, as data. No field ever holds a secret, a request or a raw `cause`, because the HTTP client's errors
 * carry the Authorization header. `op` names the call, `status` is the HTTP status. Source: kite.trade/docs/connect/v3/exceptions.
 */
export interface Where {
  readonly account: string
  readonly op: string
}

/** Kite's error_type. We treat an unknown one as GeneralException. */
export const errorTypes = [
  "TokenException",
  "UserException",
  "OrderException",
  "InputException",
  "MarginException",
  "HoldingException",
  "NetworkException",
  "DataException",
  "PermissionException",
  "GeneralException"
] as const
export type ErrorType = (typeof errorTypes)[number]

const at = (where: Where) => `account ${where.account}, ${where.op}`

/** An error answer in Kite's own form. */
export class KiteRefused extends Data.TaggedError("KiteRefused")<
  Where & { readonly status: number; readonly errorType: ErrorType; readonly reason: string }
> {
  override get message() {
    return `${at(this)}: Kite answered ${this.status} ${this.errorType}: ${this.reason}`
  }
}

/** The access token is invalid or has expired: TokenException, or a socket upgrade answered with 401 or 403. A new login may help. */
export class SessionExpired extends Data.TaggedError("SessionExpired")<Where & { readonly status: number; readonly reason: string }> {
  override get message() {
    return `${at(this)}: Kite answered ${this.status}: ${this.reason}`
  }
}

/** The account has no usable token and cannot get one by itself. A person has to sign in, or correct the account's keys. */
export class InvalidCredentials extends Data.TaggedError("InvalidCredentials")<
  Where & { readonly status: number | null; readonly reason: string }
> {
  override get message() {
    return `Invalid API credentials: ${at(this)}: ${this.reason}`
  }
}

/** HTTP 429. */
export class RateLimited extends Data.TaggedError("RateLimited")<
  Where & { readonly status: number; readonly retryAfterMs: number | null; readonly reason: string }
> {
  override get message() {
    return `${at(this)}: Kite answered ${this.status}, too many requests: ${this.reason}`
  }
}

/** The answer is not what Kite documents. `excerpt` is bounded and redacted. */
export class UnparsableResponse extends Data.TaggedError("UnparsableResponse")<
  Where & { readonly status: number; readonly contentType: string; readonly problem: string; readonly excerpt: string }
> {
  override get message() {
    return `${at(this)}: unparsable answer (${this.status} ${this.contentType}): ${this.problem}: ${this.excerpt}`
  }
}

/** No answer came in time. Kite may have carried out the request all the same. */
export class KiteTimeout extends Data.TaggedError("KiteTimeout")<Where & { readonly afterMs: number }> {
  override get message() {
    return `${at(this)}: no answer within ${this.afterMs} ms`
  }
}

export class HostNotResolved extends Data.TaggedError("HostNotResolved")<Where & { readonly host: string; readonly code: string }> {
  override get message() {
    return `Failed to resolve hostname ${this.host} (${at(this)}, ${this.code})`
  }
}

/** The connection failed or broke. `code` is the system's (ECONNREFUSED, ECONNRESET, ...). Kite may have carried out the request all the same. */
export class KiteUnreachable extends Data.TaggedError("KiteUnreachable")<Where & { readonly host: string; readonly code: string }> {
  override get message() {
    return `${at(this)}: cannot reach ${this.host}: ${this.code}`
  }
}

/** The account's `local_address` is not an address of this machine. Nothing was sent. */
export class NoLocalAddress extends Data.TaggedError("NoLocalAddress")<Where & { readonly address: string; readonly code: string }> {
  override get message() {
    return `${at(this)}: local_address ${this.address} is not an address of this machine (${this.code}): correct it in ACCOUNTS_FILE`
  }
}

/** Kite answered the WebSocket upgrade with a status other than 101, 401 or 403. */
export class UpgradeRefused extends Data.TaggedError("UpgradeRefused")<Where & { readonly status: number }> {
  override get message() {
    return `${at(this)}: the WebSocket upgrade was answered with ${this.status}`
  }
}

/** The account's request budget, which all processes share, had no free slot in time. Nothing was sent. */
export class NoSlot extends Data.TaggedError("NoSlot")<Where & { readonly afterMs: number }> {
  override get message() {
    return `${at(this)}: other requests of the account used its rate limit for ${this.afterMs} ms: ask again later`
  }
}

/** One call or one connection cannot carry this many instruments. */
export class TooManyInstruments extends Data.TaggedError("TooManyInstruments")<Where & { readonly wanted: number; readonly max: number }> {
  override get message() {
    return `${at(this)}: ${this.wanted} instruments are wanted, but the limit is ${this.max}: spread them over more accounts`
  }
}

export class UnknownAccount extends Data.TaggedError("UnknownAccount")<{
  readonly account: string
  readonly known: ReadonlyArray<string>
}> {
  override get message() {
    return `there is no account ${this.account} in ACCOUNTS_FILE (it has ${this.known.join(", ")})`
  }
}

export type KiteError =
  | KiteRefused
  | SessionExpired
  | InvalidCredentials
  | RateLimited
  | UnparsableResponse
  | KiteTimeout
  | NoSlot
  | NoLocalAddress
  | HostNotResolved
  | KiteUnreachable

const timedOut: ReadonlySet<string> = new Set(["ETIMEDOUT", "ESOCKETTIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"])

/** The typed error of a failure below HTTP, by the system's error code. */
export const ofCode = (options: Where & { readonly host: string; readonly code: string; readonly timeoutMs: number }) => {
  const { account, op, host, code } = options
  if (UnknownHost.isCode(code)) return new HostNotResolved({ account, op, host, code })
  if (timedOut.has(code)) return new KiteTimeout({ account, op, afterMs: options.timeoutMs })
  return new KiteUnreachable({ account, op, host, code })
}

/**
 * Finds the operating system's error code, such as ECONNREFUSED. It looks in the error, then in the first of its `errors`
 * (AggregateError), then in its cause. It returns "UNKNOWN" if none of them has a code.
 */
export const codeOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return "UNKNOWN"
  if ("code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]{2,40}$/.test(error.code)) return error.code
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return codeOf(error.errors[0])
  return "cause" in error && error.cause !== undefined ? codeOf(error.cause) : "UNKNOWN"
}
