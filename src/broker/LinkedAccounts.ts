import { Context, Data, type Effect, Either, Redacted } from "effect"
import { type Account, Login } from "./Account.ts"
import * as Vault from "./Vault.ts"

/** An account that a user linked. Its secrets are sealed. */
export interface LinkedAccount {
  readonly accountId: Account["accountId"]
  readonly owner: string
  readonly userId: string
  readonly apiKey: Redacted.Redacted
  readonly apiSecret: Redacted.Redacted
}
/** The newest session that a login page brought, of a linked account or of one in the file. */
export interface StoredSession {
  readonly accountId: string
  /** Sealed. */
  readonly accessToken: Redacted.Redacted
  readonly signedInMs: number
}
export interface Stored {
  readonly accounts: ReadonlyArray<LinkedAccount>
  readonly sessions: ReadonlyArray<StoredSession>
}

/** The linked accounts or the sessions cannot be read now. */
export class LinkedUnread extends Data.TaggedError("LinkedUnread")<{ readonly reason: string }> {
  override get message() {
    return `the linked accounts cannot be read: ${this.reason}`
  }
}

/** Port: the accounts that users linked, and the sessions that login pages brought. The store keeps them. */
export class LinkedAccounts extends Context.Tag("broker/LinkedAccounts")<
  LinkedAccounts,
  { readonly read: Effect.Effect<Stored, LinkedUnread> }
>() {}

const textOf = ({ accounts, sessions }: Stored): string =>
  JSON.stringify([
    accounts.map(({ accountId, apiKey, apiSecret, owner, userId }) => [
      accountId,
      owner,
      userId,
      Redacted.value(apiKey),
      Redacted.value(apiSecret)
    ]),
    sessions.map(({ accessToken, accountId, signedInMs }) => [accountId, Redacted.value(accessToken), signedInMs])
  ])
export const isSame = (one: Stored, other: Stored): boolean => textOf(one) === textOf(other)

/** The addresses of the broker of linked accounts. */
export interface Place {
  readonly root: string
  readonly socketRoot: string
  readonly source: Account["source"]
}

/** The accounts that follow from the file and the store. A secret that cannot be opened excludes only its own account. */
export interface Merged {
  readonly accounts: ReadonlyArray<Account>
  readonly problems: ReadonlyArray<string>
}

const opened = (
  keys: Vault.Keys,
  account: string,
  field: Vault.Field,
  stored: Redacted.Redacted,
  tokens: Vault.Tokens
): Either.Either<Redacted.Redacted, string> =>
  Either.mapLeft(Vault.open(keys, { account, field }, stored, tokens), (problem) => `${field} of account ${account} ${problem}`)

/** The account with its keys in clear. It has no login yet. */
const accountOf = (keys: Vault.Keys, place: Place, { accountId, apiKey, apiSecret, owner, userId }: LinkedAccount) =>
  Either.gen(function* () {
    return {
      accountId,
      userId,
      apiKey: yield* opened(keys, accountId, "api_key", apiKey, "opened"),
      apiSecret: yield* opened(keys, accountId, "api_secret", apiSecret, "opened"),
      ...place,
      login: Login.Absent(),
      owners: [owner],
      origin: "linked"
    } satisfies Account
  })

/** True if a stored session replaces the login in the file. The file's token wins only if its login was later. */
const isNewer = (login: Login, signedInMs: number): boolean =>
  Login.$match(login, {
    Auto: () => false,
    AccessToken: (file) => file.signedInMs === null || file.signedInMs <= signedInMs,
    RequestToken: () => false,
    Absent: () => true
  })

/**
 * The accounts of the file and those that were linked, each with its newest session. If the file names an id that a user linked, the
 * account stays the user's, because its orders belong to the user.
 */
export const merge = (
  file: ReadonlyArray<Account>,
  stored: Stored,
  keys: Vault.Keys,
  place: Place,
  tokens: Vault.Tokens = "opened"
): Merged => {
  const problems: Array<string> = []
  const accounts = new Map<string, Account>(file.map((account) => [account.accountId, account]))
  for (const linked of stored.accounts) {
    if (accounts.delete(linked.accountId))
      problems.push(`account ${linked.accountId} is in ACCOUNTS_FILE, and a user linked one of the same id: give the file's another id`)
    const account = accountOf(keys, place, linked)
    if (Either.isLeft(account)) problems.push(account.left)
    else accounts.set(linked.accountId, account.right)
  }
  for (const { accessToken, accountId, signedInMs } of stored.sessions) {
    const account = accounts.get(accountId)
    if (account === undefined || !isNewer(account.login, signedInMs)) continue
    const token = opened(keys, accountId, "access_token", accessToken, tokens)
    if (Either.isLeft(token)) problems.push(token.left)
    else accounts.set(accountId, { ...account, login: Login.AccessToken({ accessToken: token.right, signedInMs }) })
  }
  return { accounts: [...accounts.values()], problems }
}
