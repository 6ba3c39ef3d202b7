import { Data } from "effect"

/**
 * Everything that can go wrong with the broker, as data. No field ever holds a secret, a request or a raw `cause` (the HTTP client's own
 * errors carry the Authorization header). `op` is what was tried, `status` the HTTP status. Source: kite.trade/docs/connect/v3/exceptions.
 */
interface Where {
  readonly account: string
  readonly op: string
}

/** Kite's error_type; one that we do not know counts as GeneralException. */
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

/** The access token is not, or no longer, valid: TokenException, or a socket upgrade answered with 401 or 403. A new login may help. */
export class SessionExpired extends Data.TaggedError("SessionExpired")<Where & { readonly status: number; readonly reason: string }> {
  override get message() {
    return `${at(this)}: Kite answered ${this.status}: ${this.reason}`
  }
}

/** No login can help: a person has to correct the account in ACCOUNTS_FILE. */
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

/** No answer in time. What was asked may still have happened. */
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

/** No connection, or one that broke: `code` is the system's (ECONNREFUSED, ECONNRESET, ...). What was asked may still have happened. */
export class KiteUnreachable extends Data.TaggedError("KiteUnreachable")<Where & { readonly host: string; readonly code: string }> {
  override get message() {
    return `${at(this)}: cannot reach ${this.host}: ${this.code}`
  }
}

/** The socket's upgrade was answered with something else than 101, 401 or 403. */
export class UpgradeRefused extends Data.TaggedError("UpgradeRefused")<Where & { readonly status: number }> {
  override get message() {
    return `${at(this)}: the WebSocket upgrade was answered with ${this.status}`
  }
}

/** More instruments than one call or one connection carries. */
export class TooManyInstruments extends Data.TaggedError("TooManyInstruments")<Where & { readonly wanted: number; readonly max: number }> {
  override get message() {
    return `${at(this)}: ${this.wanted} instruments are wanted where ${this.max} is the limit: spread them over more accounts`
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
  | HostNotResolved
  | KiteUnreachable

const unresolved: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"])
const timedOut: ReadonlySet<string> = new Set(["ETIMEDOUT", "ESOCKETTIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"])

/** A failure below HTTP by the system's error code. */
export const ofCode = (options: Where & { readonly host: string; readonly code: string; readonly timeoutMs: number }) => {
  const { account, op, host, code } = options
  if (unresolved.has(code)) return new HostNotResolved({ account, op, host, code })
  if (timedOut.has(code)) return new KiteTimeout({ account, op, afterMs: options.timeoutMs })
  return new KiteUnreachable({ account, op, host, code })
}

/** A system error code in an error, in its cause or in one of those it gathers (both address families refused); "UNKNOWN" without one. */
export const codeOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return "UNKNOWN"
  if ("code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]{2,40}$/.test(error.code)) return error.code
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return codeOf(error.errors[0])
  return "cause" in error && error.cause !== undefined ? codeOf(error.cause) : "UNKNOWN"
}
