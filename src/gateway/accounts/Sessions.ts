import { Login } from "../../broker/Account.ts"
import type { Account } from "../../contract/accounts/LinkedAccount.ts"
import * as TokenLife from "../../domain/accounts/TokenLife.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Facts from "../../domain/rules/Facts.ts"

type Session = Account["session"]
const byPerson = { is_automatic: false, required_since: null, detail: null } as const

/**
 * An account's session by its login alone, for an account whose ticker reports nothing because it streams nothing. Null where a login says
 * nothing about a session: the simulator's own, and a token of unknown age.
 */
export const byLogin = (login: Login, rules: Pick<typeof Facts.Broker.Type, "tokenDeath">, nowMs: number): Session => {
  if (Login.$is("Absent")(login)) return { ...byPerson, state: "signed_out", token_dies_at: null }
  if (!Login.$is("AccessToken")(login) || login.signedInMs === null) return null
  const diesMs = TokenLife.diesAtMs(rules, login.signedInMs)
  const token_dies_at = IndiaTime.isoTimeOrNull(diesMs)
  if (diesMs === null || nowMs < diesMs) return { ...byPerson, state: "signed_in", token_dies_at }
  return { ...byPerson, state: "login_required", token_dies_at: null, required_since: token_dies_at }
}
