import * as SqlClient from "@effect/sql/SqlClient"
import { Array, Effect, Option } from "effect"
import { isIdentity } from "../../domain/Ids.ts"
import * as Limits from "../../domain/strategy/Limits.ts"
import { LimitReached } from "../LimitReached.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import { AccountCapacity } from "../subscriptions/AccountCapacity.ts"
import * as SubscriptionActivation from "../subscriptions/SubscriptionActivation.ts"
import type * as SubscriptionRows from "../subscriptions/SubscriptionRows.ts"
import * as StrategyRows from "./StrategyRows.ts"

interface WithLegs {
  readonly strategy: StrategyRows.Strategy
  readonly legs: ReadonlyArray<StrategyRows.Leg>
}
export interface NewStrategy {
  readonly name: string
  readonly description?: string | null | undefined
  readonly tags?: ReadonlyArray<string> | undefined
}
/**
 * How a leg's instrument is subscribed if it is not active yet: in FULL mode by default, on one of `accounts`. An active subscription stays
 * as it is.
 */
export interface Subscribe {
  readonly segment: string
  readonly requestedMode?: SubscriptionRows.Mode | undefined
  readonly accounts: ReadonlyArray<string>
}
/** A leg, and how its instrument is subscribed. */
export interface SubscribedLeg {
  readonly leg: StrategyRows.NewLeg
  readonly subscribe: Subscribe
}

/** Changes that concern strategies, legs and subscriptions at once. */
const makeChanges = (sql: SqlClient.SqlClient, instrumentsMax: number) => {
  const subscriptions = SubscriptionActivation.make(sql, instrumentsMax)
  const strategies = StrategyRows.strategies(sql)
  const legs = StrategyRows.legs(sql)

  const addSubscribedLeg = (owner: string, strategyId: number, { leg, subscribe }: SubscribedLeg) =>
    Effect.gen(function* () {
      const { instrumentToken, tradingsymbol } = leg
      const { segment, requestedMode = "FULL", accounts } = subscribe
      const { total } = yield* legs.count(strategyId)
      if (total >= Limits.legsMax) return yield* new LimitReached({ what: "legs", field: "instruments", max: Limits.legsMax })
      const added = yield* legs.insert({ strategyId, leg })
      yield* subscriptions.needed([{ instrumentToken, tradingsymbol, segment, requestedMode, createdBy: owner }], accounts)
      return added
    })

  const create = (owner: string, { name, description, tags }: NewStrategy, newLegs: ReadonlyArray<SubscribedLeg>) =>
    Effect.gen(function* () {
      // Two requests of one user at different gateways would both see room for the last strategy.
      yield* sql`SELECT pg_advisory_xact_lock(hashtextextended(${owner}, 3))`
      const { total } = yield* strategies.count(owner)
      const max = Limits.strategiesPerUserMax
      if (total >= max) return yield* new LimitReached({ what: "strategies", field: "name", max })
      const strategy = yield* strategies.insert({ owner, name, description: description ?? null, tags: tags ?? [] })
      const added = yield* Effect.forEach(newLegs, (leg) => addSubscribedLeg(owner, strategy.strategyId, leg))
      return { strategy, legs: added } satisfies WithLegs
    }).pipe(Postgres.transaction(sql))

  const addLegs = (owner: string, id: number, all: ReadonlyArray<SubscribedLeg>) =>
    Effect.gen(function* () {
      // The update locks the strategy's row, so the strategy cannot be deleted while its legs are added.
      if (Option.isNone(yield* strategies.update(owner, id, {}))) return Option.none<ReadonlyArray<StrategyRows.Leg>>()
      return Option.some(yield* Effect.forEach(all, (leg) => addSubscribedLeg(owner, id, leg)))
    }).pipe(Postgres.transaction(sql))

  const changeLeg = (owner: string, id: number, legId: number, patch: StrategyRows.LegPatch) =>
    Effect.gen(function* () {
      if (Option.isNone(yield* strategies.update(owner, id, {}))) return Option.none<StrategyRows.Leg>()
      return yield* legs.touch({
        id,
        legId,
        direction: patch.direction ?? null,
        quantity: patch.quantity ?? null,
        entryPrice: patch.entryPrice ?? null
      })
    }).pipe(Postgres.transaction(sql))

  const removeLeg = (owner: string, id: number, legId: number) =>
    Effect.gen(function* () {
      const gone = yield* sql`DELETE FROM strategy_legs l USING strategies s
        WHERE l.leg_id = ${legId} AND l.strategy_id = ${id} AND s.strategy_id = l.strategy_id AND s.owner = ${owner} RETURNING l.leg_id`
      if (gone.length > 0) yield* strategies.update(owner, id, {})
      return gone.length > 0
    }).pipe(Postgres.transaction(sql))

  return { create, addLegs, changeLeg, removeLeg } as const
}

const makeReads = (sql: SqlClient.SqlClient) => {
  const strategies = StrategyRows.strategies(sql)
  const legs = StrategyRows.legs(sql)
  const withLegs = (owner: string, id: number) =>
    Effect.flatMap(
      strategies.one({ owner, id }),
      Option.match({
        onNone: () => Effect.succeed(Option.none<WithLegs>()),
        onSome: (strategy) => Effect.map(legs.ofStrategy(id), (found) => Option.some<WithLegs>({ strategy, legs: found }))
      })
    )
  // Both tables are read in one snapshot, so a leg never appears without its strategy.
  const snapshot = <A, E>(read: Effect.Effect<A, E>) =>
    Effect.zipRight(sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`, read).pipe(Postgres.transaction(sql))
  const joined = (found: ReadonlyArray<StrategyRows.Strategy>, all: ReadonlyArray<StrategyRows.Leg>): ReadonlyArray<WithLegs> => {
    const legsById = Array.groupBy(all, (leg) => String(leg.strategyId))
    return found.map((strategy) => ({ strategy, legs: legsById[String(strategy.strategyId)] ?? [] }))
  }
  const all = snapshot(
    Effect.gen(function* () {
      return joined(yield* strategies.all(), yield* legs.all())
    })
  )
  /**
   * For each strategy, a text that changes with every change of its row or of a leg. It is built from the transaction ids that Postgres
   * keeps with each version of a row.
   */
  const stamps = sql<{ readonly id: string; readonly stamp: string }>`
    SELECT s.strategy_id AS id, s.xmin::text || coalesce(l.versions, '') AS stamp FROM strategies s LEFT JOIN (
      SELECT strategy_id, md5(string_agg(leg_id || ':' || xmin::text, ',' ORDER BY leg_id)) AS versions FROM strategy_legs GROUP BY strategy_id
    ) l USING (strategy_id) ORDER BY s.strategy_id`
  const follow = () => {
    let known = new Map<number, { readonly stamp: string; readonly value: WithLegs }>()
    return snapshot(
      Effect.gen(function* () {
        const found = (yield* stamps).map(({ id, stamp }) => ({ id: Number(id), stamp }))
        const changed = found.filter(({ id, stamp }) => known.get(id)?.stamp !== stamp).map(({ id }) => id)
        const read = changed.length === 0 ? [] : joined(yield* strategies.some(changed), yield* legs.some(changed))
        const fresh = new Map(read.map((value) => [value.strategy.strategyId, value]))
        const next = found.flatMap(({ id, stamp }) => {
          const value = fresh.get(id) ?? known.get(id)?.value
          return value === undefined ? [] : [[id, { stamp, value }] as const]
        })
        known = new Map(next)
        return next.map(([, { value }]) => value)
      })
    )
  }
  return { withLegs, all, follow } as const
}

/** Strategies and their legs. Every lookup names the owner, so another user's strategy does not exist. */
export class StrategyRepo extends Effect.Service<StrategyRepo>()("store/strategies/StrategyRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const inTurn = yield* Postgres.inTurn
    const { page, count, update } = StrategyRows.strategies(sql)
    const { create, addLegs, changeLeg, removeLeg } = makeChanges(sql, yield* AccountCapacity)
    const { withLegs, all, follow } = makeReads(sql)
    const removed = (owner: string, id: number) =>
      sql`DELETE FROM strategies WHERE owner = ${owner} AND strategy_id = ${id} RETURNING strategy_id`

    return {
      /** Creates the strategy, its legs and their subscriptions: all or nothing. Fails with AccountFull if no account has room. */
      create: (owner: string, strategy: NewStrategy, legs: ReadonlyArray<SubscribedLeg> = []) =>
        StoreError.guard(create(owner, strategy, legs)).pipe(inTurn, Effect.withSpan("StrategyRepo.create")),
      /** Ordered by id. */
      list: (owner: string, query: { readonly limit: number; readonly offset: number }) =>
        Effect.all({ rows: page({ owner, ...query }), total: Effect.map(count(owner), ({ total }) => total) }).pipe(
          StoreError.guardRead,
          Effect.withSpan("StrategyRepo.list")
        ),
      byId: (owner: string, id: number) =>
        StoreError.guardRead(isIdentity(id) ? withLegs(owner, id) : Effect.succeedNone).pipe(Effect.withSpan("StrategyRepo.byId")),
      update: (owner: string, id: number, patch: StrategyRows.StrategyPatch) =>
        StoreError.guard(isIdentity(id) ? update(owner, id, patch) : Effect.succeedNone).pipe(Effect.withSpan("StrategyRepo.update")),
      /** Removes the strategy with its legs and candles; their subscriptions stay. False if the owner has no such strategy. */
      remove: (owner: string, id: number) =>
        Effect.map(StoreError.guardRead(isIdentity(id) ? removed(owner, id) : Effect.succeed([])), (gone) => gone.length > 0).pipe(
          Effect.withSpan("StrategyRepo.remove")
        ),
      /** None if the owner has no such strategy. */
      legs: (owner: string, id: number) =>
        StoreError.guardRead(isIdentity(id) ? withLegs(owner, id) : Effect.succeedNone).pipe(
          Effect.map(Option.map(({ legs }) => legs)),
          Effect.withSpan("StrategyRepo.legs")
        ),
      /** Adds the leg and subscribes its instrument, or does neither. None if the owner has no such strategy. */
      addLeg: (owner: string, id: number, leg: StrategyRows.NewLeg, subscribe: Subscribe) =>
        StoreError.guard(isIdentity(id) ? addLegs(owner, id, [{ leg, subscribe }]) : Effect.succeedNone).pipe(
          inTurn,
          Effect.map(Option.flatMapNullable(([added]) => added)),
          Effect.withSpan("StrategyRepo.addLeg")
        ),
      /** Adds all the legs and subscribes their instruments, or does nothing. None if the owner has no such strategy. */
      addLegs: (owner: string, id: number, all: ReadonlyArray<SubscribedLeg>) =>
        StoreError.guard(isIdentity(id) ? addLegs(owner, id, all) : Effect.succeedNone).pipe(
          inTurn,
          Effect.withSpan("StrategyRepo.addLegs")
        ),
      /** Replaces the fields in the patch. None if the owner has no such leg. */
      changeLeg: (owner: string, id: number, legId: number, patch: StrategyRows.LegPatch) =>
        StoreError.guard(isIdentity(id) && isIdentity(legId) ? changeLeg(owner, id, legId, patch) : Effect.succeedNone).pipe(
          Effect.withSpan("StrategyRepo.changeLeg")
        ),
      removeLeg: (owner: string, id: number, legId: number) =>
        StoreError.guardRead(isIdentity(id) && isIdentity(legId) ? removeLeg(owner, id, legId) : Effect.succeed(false)).pipe(
          Effect.withSpan("StrategyRepo.removeLeg")
        ),
      /** The strategies of all owners, for the actors that run them. */
      all: StoreError.guardRead(all).pipe(Effect.withSpan("StrategyRepo.all")),
      /**
       * The strategies of all owners, for a caller that reads them repeatedly. A strategy that has not changed since the last read is not
       * read again and is the same object.
       */
      follow: () => StoreError.guardRead(follow()).pipe(Effect.withSpan("StrategyRepo.follow"))
    } as const
  })
}) {}
export declare namespace StrategyRepo {
  export type Strategy = StrategyRows.Strategy
  export type Leg = StrategyRows.Leg
  export type NewLeg = StrategyRows.NewLeg
  export type StrategyWithLegs = WithLegs
}
