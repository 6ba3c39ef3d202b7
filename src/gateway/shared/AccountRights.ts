import { Effect } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { CurrentUser, type User } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { everyAccount } from "../../store/orders/OrderAccounts.ts"
import type { Caller } from "../../store/owners/Caller.ts"
import { notFound } from "./Lookup.ts"

/** Which accounts a user may use: those that the user linked or that name the user as an owner in ACCOUNTS_FILE, and all for an administrator. */
export const make = Effect.map(Accounts, (accounts) => {
  type Holder = Pick<User, "id" | "role">
  const mayUse = ({ id, role }: Holder, owners: ReadonlyArray<string>): boolean => role === "admin" || owners.includes(id)
  const idsOf = (user: Holder): ReadonlyArray<string> =>
    accounts
      .all()
      .filter(({ owners }) => mayUse(user, owners))
      .map(({ accountId }) => accountId)
  return {
    all: (): ReadonlyArray<string> => accounts.ids(),
    idsOf,
    /** For whom Postgres answers the user's requests: the user's own rows, and those of the accounts that the user may use at that moment. */
    callerOf: (user: Holder): Caller => ({
      owner: user.id,
      accounts: () => (user.role === "admin" ? [...idsOf(user), everyAccount] : idsOf(user))
    }),
    /** The caller, who may use the account. Another user's account does not exist for the caller. */
    user: (accountId: string) =>
      Effect.filterOrFail(
        CurrentUser,
        (user) => idsOf(user).includes(accountId),
        () => Problem.invalidField("account_id", "no such account")
      ),
    /** The same for an account that the path names. */
    userOfPath: (accountId: string) =>
      Effect.filterOrFail(
        CurrentUser,
        (user) => idsOf(user).includes(accountId),
        () => notFound("Account")
      )
  } as const
})
