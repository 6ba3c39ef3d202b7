import { Data, Redacted } from "effect"
import type { AccountId } from "../domain/Ids.ts"

export const kiteRoot = "https://api.kite.trade"
export const kiteSocketRoot = "wss://ws.kite.trade"
/** Where a person signs in to Kite. A simulator has its login page at its root. */
const kiteLoginRoot = "https://kite.zerodha.com"

/** How an account gets its access token. */
export type Login = Data.TaggedEnum<{
  /** The simulator signs in without a person. */
  Auto: Record<never, never>
  /**
   * A token that a person obtained, and the time of that login; null if the file does not state the time. The rulebook says when such
   * tokens die.
   */
  AccessToken: { readonly accessToken: Redacted.Redacted; readonly signedInMs: number | null }
  /** A token that can be used once, within minutes. The first call exchanges it for an access token. */
  RequestToken: { readonly requestToken: Redacted.Redacted }
  /** No token is given: every call fails with InvalidCredentials. */
  Absent: Record<never, never>
}>
export const Login = Data.taggedEnum<Login>()

/** A broker account. A change of `login`, `owners` or `origin` keeps its session. */
export interface Account {
  readonly accountId: AccountId
  readonly userId: string
  readonly apiKey: Redacted.Redacted
  readonly apiSecret: Redacted.Redacted
  /** Without a slash at the end. */
  readonly root: string
  readonly socketRoot: string
  readonly login: Login
  /** The local IP address from which requests and sockets leave. If it is absent, the system chooses one. */
  readonly localAddress?: string
  readonly source: "kite" | "simulator"
  /** Users who may trade with the account. Administrators may use every account. */
  readonly owners: ReadonlyArray<string>
  /** Where the account comes from: from ACCOUNTS_FILE, or a user linked it. */
  readonly origin: "file" | "linked"
}

export const withoutSlash = (url: string) => url.replace(/\/+$/, "")
/** True for Kite's own address, however it is written: with a slash at the end, in capitals, or with its port. */
export const isKite = (root: string): boolean => new URL(root).host === new URL(kiteRoot).host
/** Without `ws_root`, Kite's socket is at Kite's other host, and a simulator's at the host and port of `root`. */
export const socketRootOf = (wsRoot: string | undefined, root: string): string =>
  withoutSlash(wsRoot ?? (isKite(root) ? kiteSocketRoot : root.replace(/^http/i, "ws")))

/**
 * The broker's login page for an account. The broker adds `params` to the address to which it redirects after the login. The page's address
 * contains the api_key, as Kite requires.
 */
export const loginPage = ({ apiKey, root }: Pick<Account, "apiKey" | "root">, params: Readonly<Record<string, string>> = {}): URL => {
  const page = new URL(`${isKite(root) ? kiteLoginRoot : root}/connect/login`)
  page.searchParams.set("v", "3")
  page.searchParams.set("api_key", Redacted.value(apiKey))
  const more = new URLSearchParams(params).toString()
  if (more !== "") page.searchParams.set("redirect_params", more)
  return page
}
