/** Where subscriptions get their place: which account streams an instrument, and who may add another one. Pure. */
import { Data, Either, Option } from "effect"
import { takesAway } from "../../domain/accounts/SubscriptionRights.ts"
import { LimitReached } from "../LimitReached.ts"
import type * as SubscriptionRows from "./SubscriptionRows.ts"

/**
 * A user with this many active subscriptions may not add another one. Legs are never refused because of this limit, but their subscriptions
 * count. Windows have a separate limit. An account has room for more than one user's subscriptions.
 */
export const subscriptionsPerUserMax = 2_000
/** The account has no room for another active instrument. Null: no account has room. `instrumentsMax`: how many one account can stream. */
export class AccountFull extends Data.TaggedError("AccountFull")<{ readonly account: string | null; readonly instrumentsMax: number }> {}

/** The request would take something away from others who use the active subscription. */
export class TakesAway extends Data.TaggedError("TakesAway") {}
export type Refusal = AccountFull | LimitReached | TakesAway

export interface Save {
  readonly instrumentToken: number
  readonly tradingsymbol: string
  readonly segment: string
  readonly requestedMode: SubscriptionRows.Mode
  /**
   * The account to use. Without it the stored account is kept if it is configured and has room; otherwise the account with the fewest
   * active rows is used.
   */
  readonly accountId?: string | undefined
  readonly createdBy: string
  /** Only administrators and the creator of an active subscription may take something away from it. */
  readonly isAdmin?: boolean
  /** "person" by default. A subscription requested by a person keeps that origin. */
  readonly origin?: SubscriptionRows.Origin
}

/**
 * A request sets the mode of its instruments. A need, of a leg, a fill or a window, keeps the mode of an active subscription, and no limit
 * of its user refuses it.
 */
export type Purpose = "request" | "need"

type Known = Pick<SubscriptionRows.Row, "tradingsymbol" | "status" | "requestedMode" | "accountId" | "createdBy" | "origin">

interface Placed {
  readonly row: SubscriptionRows.NewRow
  /** False if the contract already had a row, active or not. */
  readonly created: boolean
}
export type Outcome = Either.Either<Placed, Refusal>

/** What the accounts stream: counts of all active rows, and how many instruments one account can stream. */
export interface Loaded {
  readonly loads: ReadonlyArray<SubscriptionRows.Load>
  readonly instrumentsMax: number
}

/** The rows and counts as they are after the saves so far. */
class Places {
  readonly #rows: Map<number, Known>
  readonly #byAccount = new Map<string, number>()
  readonly #byPerson = new Map<string, number>()
  readonly #instrumentsMax: number

  constructor(rows: ReadonlyMap<number, Known>, { instrumentsMax, loads }: Loaded) {
    this.#rows = new Map(rows)
    this.#instrumentsMax = instrumentsMax
    for (const load of loads) this.#count(load, load.count)
  }

  row(token: number): Known | undefined {
    return this.#rows.get(token)
  }
  load(account: string): number {
    return this.#byAccount.get(account) ?? 0
  }
  isFull(account: string): boolean {
    return this.load(account) >= this.#instrumentsMax
  }
  /** The refusal of an account without room; null if every account is full. */
  full(account: string | null): AccountFull {
    return new AccountFull({ account, instrumentsMax: this.#instrumentsMax })
  }
  /** Whether the user may not have the instrument in addition to his others. */
  isBeyondLimit(user: string, token: number): boolean {
    const row = this.#rows.get(token)
    const own = row?.status === "active" && row.origin === "person" && row.createdBy === user ? 1 : 0
    return (this.#byPerson.get(user) ?? 0) - own >= subscriptionsPerUserMax
  }
  set(row: SubscriptionRows.NewRow): void {
    const before = this.#rows.get(row.instrumentToken)
    if (before?.status === "active") this.#count(before, -1)
    this.#count(row, 1)
    this.#rows.set(row.instrumentToken, { ...row, status: "active" })
  }
  #count({ accountId, createdBy, origin }: Omit<SubscriptionRows.Load, "count">, by: number): void {
    if (accountId !== null) this.#byAccount.set(accountId, this.load(accountId) + by)
    if (origin === "person") this.#byPerson.set(createdBy, (this.#byPerson.get(createdBy) ?? 0) + by)
  }
}

/** The account with the fewest active rows, the first of equals. */
const emptiest = (places: Places, [first = "", ...others]: ReadonlyArray<string>): Either.Either<string, AccountFull> => {
  const least = others.reduce((best, one) => (places.load(one) < places.load(best) ? one : best), first)
  return places.isFull(least) ? Either.left(places.full(null)) : Either.right(least)
}

/**
 * The account that streams the instrument: the wanted one; otherwise its present one if that is configured and has room; otherwise
 * the emptiest. Null while no account is configured.
 */
const accountFor = (
  places: Places,
  { instrumentToken, accountId: wanted }: Save,
  accounts: ReadonlyArray<string>
): Either.Either<string | null, AccountFull> => {
  const stored = places.row(instrumentToken)
  const kept = stored?.accountId ?? null
  const own = wanted ?? (kept !== null && (accounts.length === 0 || accounts.includes(kept)) ? kept : null)
  // An active row of this account is already counted.
  if (own !== null && ((stored?.status === "active" && own === kept) || !places.isFull(own))) return Either.right(own)
  if (wanted === undefined && accounts.length > 0) return emptiest(places, accounts)
  return own === null ? Either.right(null) : Either.left(places.full(own))
}

const beyondLimit = () => new LimitReached({ what: "subscriptions", field: "instrument_token", max: subscriptionsPerUserMax })

/** Why the stored row may not change to `next`. */
export const refusalOf = (
  row: SubscriptionRows.Row,
  next: { readonly status: SubscriptionRows.Status; readonly account: string | null },
  loaded: Loaded
): Option.Option<AccountFull | LimitReached> => {
  if (next.status === "inactive") return Option.none()
  const places = new Places(new Map([[row.instrumentToken, row]]), loaded)
  if (row.status === "inactive" && row.origin === "person" && places.isBeyondLimit(row.createdBy, row.instrumentToken))
    return Option.some(beyondLimit())
  const isThere = row.status === "active" && row.accountId === next.account
  return next.account === null || isThere || !places.isFull(next.account) ? Option.none() : Option.some(places.full(next.account))
}

const place = (places: Places, save: Save, accounts: ReadonlyArray<string>, purpose: Purpose): Outcome => {
  const { instrumentToken, tradingsymbol, segment, createdBy, origin = "person" } = save
  const stored = places.row(instrumentToken)
  // On an earlier day the token may have named another contract, of whose values none are kept.
  const before = stored?.tradingsymbol === tradingsymbol ? stored : undefined
  const active = before?.status === "active" ? before : undefined
  if (purpose === "request") {
    const wanted = { requested_mode: save.requestedMode, account_id: save.accountId }
    const isOthers = active !== undefined && active.createdBy !== createdBy && save.isAdmin !== true
    if (isOthers && takesAway(active, wanted, tradingsymbol)) return Either.left(new TakesAway())
    if (origin === "person" && places.isBeyondLimit(createdBy, instrumentToken)) return Either.left(beyondLimit())
  }
  const account = accountFor(places, save, accounts)
  if (Either.isLeft(account)) return Either.left(account.left)
  const row = {
    instrumentToken,
    tradingsymbol,
    segment,
    requestedMode: purpose === "need" && active !== undefined ? active.requestedMode : save.requestedMode,
    accountId: account.right,
    createdBy,
    origin: active?.origin === "person" ? "person" : origin
  } as const
  places.set({ ...row, createdBy: active?.createdBy ?? createdBy })
  return Either.right({ row, created: before === undefined })
}

/**
 * The rows to write for `saves`, one after the other: each sees the places that those before it took. `rows` are the stored rows of their
 * tokens.
 */
export const assign = (
  stored: Loaded & { readonly rows: ReadonlyMap<number, Known> },
  saves: ReadonlyArray<Save>,
  accounts: ReadonlyArray<string>,
  purpose: Purpose
): ReadonlyArray<Outcome> => {
  const places = new Places(stored.rows, stored)
  return saves.map((save) => place(places, save, accounts, purpose))
}
