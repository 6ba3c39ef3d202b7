/** On whose behalf statements run: for one caller, who sees only permitted rows, or for the platform, which sees all rows. */
import { Effect, FiberRef } from "effect"

export interface Caller {
  /** The user whose rows are seen. */
  readonly owner: string
  /** The accounts that the user may use now, and the scope of all accounts for an administrator. */
  readonly accounts: () => ReadonlyArray<string>
}

/** The database role of a caller's statements. It owns no table, so the row security of every table applies to it. */
export const role = "tarang_rows"
/** The settings that the policies compare rows with. Accounts are separated by commas. */
export const ownerSetting = "tarang.owner"
export const accountsSetting = "tarang.accounts"

/** The caller of this fiber; undefined for the platform. A fiber inherits it from the fiber that forked it. */
export const current: FiberRef.FiberRef<Caller | undefined> = FiberRef.unsafeMake<Caller | undefined>(undefined)

/** From here on, all statements of this fiber run for the caller. For the fiber of one request. */
export const begin = (caller: Caller): Effect.Effect<void> => FiberRef.set(current, caller)

/** A caller without credentials, who sees no user's rows. */
export const nobody: Caller = { owner: "", accounts: () => [] }

/** Runs the statements of an effect for a caller. */
export const as =
  (caller: Caller) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.locally(self, current, caller)

/** Runs the statements of an effect for the present caller, but on the rows of another user. Only for administrators. */
export const asOwner =
  (owner: string) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.locallyWith(self, current, (caller) => (caller === undefined ? undefined : { ...caller, owner }))

/** Runs the statements of an effect for the platform. Each use needs a reason why the caller's own rows are not enough. */
export const asPlatform = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => Effect.locally(self, current, undefined)
