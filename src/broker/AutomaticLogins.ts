import { Context, type Effect } from "effect"
import type { SignedIn } from "./KiteLogin.ts"

/** Takes a session that another process shares if it is usable, and otherwise signs in and shares that session. */
export type Once = <E>(isUsable: (session: SignedIn) => boolean, login: Effect.Effect<SignedIn, E>) => Effect.Effect<SignedIn, E>

/** Port: automatic logins of an account, one at a time in the whole cluster, because a new login ends the token of the one before. */
export class AutomaticLogins extends Context.Tag("broker/AutomaticLogins")<AutomaticLogins, { readonly of: (account: string) => Once }>() {}
