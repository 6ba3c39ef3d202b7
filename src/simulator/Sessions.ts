/** Kite's logins: a redirect carries a request token, which is exchanged once for an access token. The next login ends that token. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { Either } from "effect"
import * as IndiaTime from "../domain/IndiaTime.ts"

export interface Account {
  readonly accountId: string
  readonly apiKey: string
  readonly apiSecret: string
  readonly userId: string
  /** The address to which the login redirects the browser, as registered with the app. */
  readonly redirectUrl?: string | undefined
}

/** A refused request, in Kite's terms. */
export interface Refusal {
  readonly status: number
  readonly type: string
  readonly message: string
  /** Seconds in the Retry-After header. */
  readonly retryAfterS?: number
}

export interface Session {
  readonly account: Account
  readonly accessToken: string
  /** A token that renews the access token. Kite gives it only to approved platforms; an ordinary app gets an empty text. */
  readonly refreshToken: string
  /** UNIX ms. */
  readonly loginAtMs: number
  readonly expiresAtMs: number
}

const requestTokenMs = 5 * 60_000
/** The most unused request tokens of one app; the oldest is dropped first. */
const requestTokensMax = 100
const sixOClockMs = 6 * 3_600_000
const defaultRedirect = "http://127.0.0.1/callback"

const refuse = (status: number, type: string, message: string) => Either.left<Refusal>({ status, type, message })

/** The refusal of a request whose input is wrong. */
export const inputRefusal = (message: string): Refusal => ({ status: 400, type: "InputException", message })
export const refuseInput = (message: string): Either.Either<never, Refusal> => Either.left(inputRefusal(message))

export const tokenRefusal: Refusal = { status: 403, type: "TokenException", message: "Incorrect `api_key` or `access_token`." }

const newToken = (): string => randomBytes(16).toString("hex")

const sameText = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** SHA-256 in hex of key, request or refresh token, and secret joined. It proves that the client knows the secret. */
export const checksumOf = (apiKey: string, token: string, apiSecret: string): string =>
  createHash("sha256").update(`${apiKey}${token}${apiSecret}`).digest("hex")

/** An access token expires at 06:00 IST after the login. */
export const expiresAtMs = (loginAtMs: number): number => {
  const today = IndiaTime.startOfDayMs(loginAtMs) + sixOClockMs
  return today > loginAtMs ? today : today + IndiaTime.dayMs
}

export class Sessions {
  readonly #accounts: ReadonlyMap<string, Account>
  readonly #nowMs: () => number
  #refusals = 0
  /** For each api_key whose requests are all refused with 429: the seconds of the Retry-After header. */
  readonly #limited = new Map<string, number>()
  /** By token, oldest first. */
  readonly #requestTokens = new Map<string, { readonly apiKey: string; readonly atMs: number }>()
  readonly #byApiKey = new Map<string, Session>()

  constructor(accounts: ReadonlyArray<Account>, nowMs: () => number) {
    this.#accounts = new Map(accounts.map((account) => [account.apiKey, account]))
    this.#nowMs = nowMs
  }

  /** The login page, where the simulated user consents at once. Returns the address of the redirect. */
  login(apiKey: string, redirectParams: string): Either.Either<string, Refusal> {
    const account = this.#accounts.get(apiKey)
    if (account === undefined) return refuseInput("Invalid `api_key`.")
    const requestToken = newToken()
    this.#dropOldest(apiKey)
    this.#requestTokens.set(requestToken, { apiKey, atMs: this.#nowMs() })
    const location = new URL(account.redirectUrl ?? defaultRedirect)
    for (const [name, value] of new URLSearchParams(redirectParams)) location.searchParams.append(name, value)
    location.searchParams.set("action", "login")
    location.searchParams.set("type", "login")
    location.searchParams.set("status", "success")
    location.searchParams.set("request_token", requestToken)
    return Either.right(location.href)
  }

  /** Refuses the next logins, as many as this, as if the broker's login were down. */
  refuse(logins: number): void {
    this.#refusals = logins
  }

  /** Exchanges a request token, which works once. The access token of an earlier login ends. */
  exchange(apiKey: string, requestToken: string, checksum: string): Either.Either<Session, Refusal> {
    if (this.#refusals > 0) {
      this.#refusals--
      return refuse(503, "NetworkException", "Login is not available now.")
    }
    const account = this.#accounts.get(apiKey)
    if (account === undefined) return refuseInput("Invalid `api_key`.")
    const issued = this.#requestTokens.get(requestToken)
    const nowMs = this.#nowMs()
    if (issued === undefined || issued.apiKey !== apiKey || nowMs - issued.atMs > requestTokenMs) {
      return refuse(403, "TokenException", "Token is invalid or has expired.")
    }
    if (!sameText(checksum, checksumOf(apiKey, requestToken, account.apiSecret))) {
      return refuse(403, "TokenException", "Invalid `checksum`.")
    }
    this.#requestTokens.delete(requestToken)
    return Either.right(this.#begin(account, newToken()))
  }

  /** A new access token for a refresh token, which works until the next login or logout. The access token before it ends. */
  renew(apiKey: string, refreshToken: string, checksum: string): Either.Either<Session, Refusal> {
    return Either.flatMap(this.refreshable(apiKey, refreshToken), ({ account }) =>
      sameText(checksum, checksumOf(apiKey, refreshToken, account.apiSecret))
        ? Either.right(this.#begin(account, refreshToken))
        : refuse(403, "TokenException", "Invalid `checksum`.")
    )
  }

  /** Refuses every request of the account with 429 from now on; null ends that. False if there is no such account. */
  limit(accountId: string, retryAfterS: number | null): boolean {
    const account = this.account(accountId)
    if (account === undefined) return false
    if (retryAfterS === null) this.#limited.delete(account.apiKey)
    else this.#limited.set(account.apiKey, retryAfterS)
    return true
  }

  authenticate(apiKey: string, accessToken: string): Either.Either<Session, Refusal> {
    const retryAfterS = this.#limited.get(apiKey)
    if (retryAfterS !== undefined) return Either.left({ status: 429, type: "NetworkException", message: "Too many requests", retryAfterS })
    const session = this.#byApiKey.get(apiKey)
    if (session === undefined || !sameText(session.accessToken, accessToken) || session.expiresAtMs <= this.#nowMs()) {
      return Either.left(tokenRefusal)
    }
    return Either.right(session)
  }

  /** The session of a refresh token, which outlives its access token. */
  refreshable(apiKey: string, refreshToken: string): Either.Either<Session, Refusal> {
    const session = this.#byApiKey.get(apiKey)
    return session === undefined || !sameText(session.refreshToken, refreshToken) ? Either.left(tokenRefusal) : Either.right(session)
  }

  /** The api_keys that have signed in or have begun a login. */
  begun(): ReadonlyArray<string> {
    return [...new Set([...this.#byApiKey.keys(), ...[...this.#requestTokens.values()].map(({ apiKey }) => apiKey)])]
  }

  /** Ends a session. Open sockets stay, because the broker's documentation says nothing about them. */
  logout(session: Session): void {
    this.#byApiKey.delete(session.account.apiKey)
  }

  account(accountId: string): Account | undefined {
    return [...this.#accounts.values()].find((account) => account.accountId === accountId)
  }

  /** Ends the access token of an account, as the broker does each morning. False without such an account. */
  expire(accountId: string): boolean {
    const account = this.account(accountId)
    if (account !== undefined) this.#byApiKey.delete(account.apiKey)
    return account !== undefined
  }

  #begin(account: Account, refreshToken: string): Session {
    const nowMs = this.#nowMs()
    const session = { account, accessToken: newToken(), refreshToken, loginAtMs: nowMs, expiresAtMs: expiresAtMs(nowMs) }
    this.#byApiKey.set(account.apiKey, session)
    return session
  }

  #dropOldest(apiKey: string): void {
    const own = [...this.#requestTokens].filter(([, issued]) => issued.apiKey === apiKey)
    if (own.length < requestTokensMax) return
    const oldest = own[0]
    if (oldest !== undefined) this.#requestTokens.delete(oldest[0])
  }
}
