import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Data, Effect, Option, Schema } from "effect"
import { Product } from "../../domain/accounts/OrderAttributes.ts"
import { isIdentity } from "../../domain/Ids.ts"
import * as Money from "../../domain/Money.ts"
import { Direction } from "../../domain/record/StrategyDefinition.ts"
import { BigIntColumn, NumericColumn, TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import { AccountCapacity } from "../subscriptions/AccountCapacity.ts"
import * as SubscriptionActivation from "../subscriptions/SubscriptionActivation.ts"
import type * as SubscriptionPlaces from "../subscriptions/SubscriptionPlaces.ts"

/** The most fills of one strategy. All of them are folded whenever one is added. */
export const fillsMax = 20_000

const Fill = Schema.Struct({
  fillId: BigIntColumn,
  strategyId: BigIntColumn,
  instrumentToken: BigIntColumn,
  tradingsymbol: Schema.String,
  exchange: Schema.String,
  direction: Direction,
  quantity: BigIntColumn,
  price: NumericColumn,
  executedAt: TimeColumn,
  externalId: Schema.NullOr(Schema.String),
  /** The fill's order and the order's product; null if unknown. Charges depend on them. */
  orderId: Schema.NullOr(Schema.String),
  product: Schema.NullOr(Product)
})
type Fill = typeof Fill.Type

/** `externalId` is the trade's id in another system. A strategy records each external id once. */
export type NewFill = Omit<Fill, "fillId" | "strategyId">

/** An instrument that is subscribed if the fills leave a position in it open. */
export type Instrument = Pick<SubscriptionPlaces.Save, "instrumentToken" | "tradingsymbol" | "segment">

export interface Recorded {
  readonly recorded: number
  /** Fills that were left out, because their external id was recorded before or occurs twice. */
  readonly duplicates: number
}

/** The strategy would have more than `fillsMax` fills. Nothing was recorded. */
export class TooManyFills extends Data.TaggedError("TooManyFills")<{ readonly strategyId: number }> {}

/** The trades of strategies. Fills are never changed or removed, so a strategy's newest fill id identifies the state of all its fills. */
export class FillRepo extends Effect.Service<FillRepo>()("store/strategies/FillRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const inTurn = yield* Postgres.inTurn
    const subscriptions = SubscriptionActivation.make(sql, yield* AccountCapacity)
    const columns = sql.literal(`f.fill_id AS "fillId", f.strategy_id AS "strategyId", f.instrument_token AS "instrumentToken",
      f.tradingsymbol, f.exchange, f.side AS direction, f.quantity, f.price, f.executed_at AS "executedAt", f.external_id AS "externalId",
      f.order_id AS "orderId", f.product`)

    const ofOwner = SqlSchema.findAll({
      Request: Schema.Struct({ owner: Schema.String, strategyId: Schema.Int }),
      Result: Fill,
      execute: ({ owner, strategyId }) => sql`SELECT ${columns} FROM strategy_fills f JOIN strategies s USING (strategy_id)
        WHERE s.owner = ${owner} AND f.strategy_id = ${strategyId} ORDER BY f.executed_at, f.fill_id`
    })
    const ofStrategy = SqlSchema.findAll({
      Request: Schema.Int,
      Result: Fill,
      execute: (strategyId) =>
        sql`SELECT ${columns} FROM strategy_fills f WHERE f.strategy_id = ${strategyId} ORDER BY f.executed_at, f.fill_id`
    })
    // A loose index scan reads one row per strategy, however many fills it has.
    const newest = SqlSchema.findAll({
      Request: Schema.Void,
      Result: Schema.Struct({ strategyId: BigIntColumn, fillId: BigIntColumn }),
      execute: () => sql`SELECT s.strategy_id AS "strategyId", f.fill_id AS "fillId" FROM strategies s
        CROSS JOIN LATERAL (SELECT fill_id FROM strategy_fills WHERE strategy_id = s.strategy_id ORDER BY fill_id DESC LIMIT 1) f`
    })
    const lockStrategy = (owner: string, strategyId: number) =>
      sql`UPDATE strategies SET updated_at = now() WHERE owner = ${owner} AND strategy_id = ${strategyId} RETURNING strategy_id`
    const insert = (strategyId: number, fills: ReadonlyArray<NewFill>) => sql`
      INSERT INTO strategy_fills (strategy_id, instrument_token, tradingsymbol, exchange, side, quantity, price, executed_at, external_id,
        order_id, product)
      SELECT ${strategyId}::bigint, f.token, f.tradingsymbol, f.exchange, f.side, f.quantity, f.price, f.executed_at, f.external_id, f.order_id,
        f.product
      FROM unnest(${fills.map((it) => it.instrumentToken)}::bigint[], ${fills.map((it) => it.tradingsymbol)}::text[],
        ${fills.map((it) => it.exchange)}::text[], ${fills.map((it) => it.direction)}::text[], ${fills.map((it) => it.quantity)}::bigint[],
        ${fills.map((it) => Money.format(it.price))}::numeric[], ${fills.map((it) => it.executedAt.toISOString())}::timestamptz[],
        ${fills.map((it) => it.externalId)}::text[], ${fills.map((it) => it.orderId)}::text[], ${fills.map((it) => it.product)}::text[])
        WITH ORDINALITY AS f (token, tradingsymbol, exchange, side, quantity, price, executed_at, external_id, order_id, product, place)
      ORDER BY f.place
      ON CONFLICT (strategy_id, external_id) DO NOTHING RETURNING fill_id`
    const count = (strategyId: number) =>
      Effect.map(
        sql<{ readonly fills: number }>`SELECT count(*)::int AS fills FROM strategy_fills WHERE strategy_id = ${strategyId}`,
        (rows) => rows[0]?.fills ?? 0
      )
    const openTokens = (strategyId: number) =>
      Effect.map(
        sql<{ readonly token: string }>`SELECT instrument_token AS token FROM strategy_fills WHERE strategy_id = ${strategyId}
          GROUP BY instrument_token, exchange, tradingsymbol HAVING sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END) <> 0`,
        (rows) => new Set(rows.map(({ token }) => Number(token)))
      )

    const record = (
      owner: string,
      strategyId: number,
      fills: ReadonlyArray<NewFill>,
      instruments: ReadonlyArray<Instrument>,
      accounts: ReadonlyArray<string>
    ) =>
      Effect.gen(function* () {
        // The strategy's row stays locked, so the fills of one strategy get their ids in the order in which they become visible.
        if ((yield* lockStrategy(owner, strategyId)).length === 0) return Option.none<Recorded>()
        const added = yield* insert(strategyId, fills)
        if ((yield* count(strategyId)) > fillsMax) return yield* new TooManyFills({ strategyId })
        const open = yield* openTokens(strategyId)
        const saves = instruments
          .filter((it) => open.has(it.instrumentToken))
          .map((it) => ({ ...it, requestedMode: "FULL", createdBy: owner }) as const)
        yield* subscriptions.needed(saves, accounts)
        return Option.some<Recorded>({ recorded: added.length, duplicates: fills.length - added.length })
      }).pipe(Postgres.transaction(sql))

    return {
      /**
       * Records all fills in their order, or none. In the same transaction, it subscribes those of `instruments` that then have an open
       * position, on one of `accounts`. None if the owner has no such strategy.
       */
      record: (
        owner: string,
        strategyId: number,
        fills: ReadonlyArray<NewFill>,
        instruments: ReadonlyArray<Instrument>,
        accounts: ReadonlyArray<string>
      ) =>
        StoreError.guard(isIdentity(strategyId) ? record(owner, strategyId, fills, instruments, accounts) : Effect.succeedNone).pipe(
          inTurn,
          Effect.withSpan("FillRepo.record")
        ),
      /** In the order of execution; empty for another user's strategy. */
      list: (owner: string, strategyId: number) =>
        StoreError.guardRead(isIdentity(strategyId) ? ofOwner({ owner, strategyId }) : Effect.succeed([])).pipe(
          Effect.withSpan("FillRepo.list")
        ),
      /** For the actors, of all owners: the newest fill id of every strategy with fills, and all fills of one strategy in order. */
      newest: StoreError.guardRead(newest()).pipe(Effect.withSpan("FillRepo.newest")),
      ofStrategy: (strategyId: number) => StoreError.guardRead(ofStrategy(strategyId)).pipe(Effect.withSpan("FillRepo.ofStrategy"))
    } as const
  })
}) {}
export declare namespace FillRepo {
  export type Fill = typeof Fill.Type
}
