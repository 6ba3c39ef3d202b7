/** The rows of strategies and their legs, and the statements that read and write them. */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Schema } from "effect"
import type { Decimal } from "../../domain/Money.ts"
import { Direction } from "../../domain/record/StrategyDefinition.ts"
import { BigIntColumn, NumericColumn, TimeColumn } from "../Columns.ts"

const Status = Schema.Literal("active", "archived")
type Status = typeof Status.Type

export const Strategy = Schema.Struct({
  strategyId: BigIntColumn,
  owner: Schema.String,
  name: Schema.String,
  description: Schema.NullOr(Schema.String),
  tags: Schema.Array(Schema.String),
  status: Status,
  createdAt: TimeColumn,
  updatedAt: TimeColumn
})
export type Strategy = typeof Strategy.Type

const legFields = {
  instrumentToken: BigIntColumn,
  tradingsymbol: Schema.String,
  exchange: Schema.String,
  direction: Direction,
  quantity: BigIntColumn,
  entryPrice: NumericColumn
}
export const Leg = Schema.Struct({ legId: BigIntColumn, strategyId: BigIntColumn, ...legFields })
export type Leg = typeof Leg.Type
export const NewLeg = Schema.Struct(legFields)
export type NewLeg = typeof NewLeg.Type

export interface LegPatch {
  readonly direction?: Direction | undefined
  readonly quantity?: number | undefined
  readonly entryPrice?: Decimal | undefined
}
export interface StrategyPatch {
  readonly name?: string | undefined
  /** Null clears it. */
  readonly description?: string | null | undefined
  readonly tags?: ReadonlyArray<string> | undefined
  readonly status?: Status | undefined
}
const Key = Schema.Struct({ owner: Schema.String, id: Schema.Int })

export const strategies = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(
    `strategy_id AS "strategyId", owner, name, description, tags, status, created_at AS "createdAt", updated_at AS "updatedAt"`
  )
  const insert = SqlSchema.single({
    Request: Schema.Struct({
      owner: Schema.String,
      name: Schema.String,
      description: Schema.NullOr(Schema.String),
      tags: Schema.Array(Schema.String)
    }),
    Result: Strategy,
    execute: (it) => sql`INSERT INTO strategies (owner, name, description, tags)
      VALUES (${it.owner}, ${it.name}, ${it.description}, ${it.tags}::text[]) RETURNING ${columns}`
  })
  const one = SqlSchema.findOne({
    Request: Key,
    Result: Strategy,
    execute: ({ owner, id }) => sql`SELECT ${columns} FROM strategies WHERE owner = ${owner} AND strategy_id = ${id}`
  })
  const page = SqlSchema.findAll({
    Request: Schema.Struct({ owner: Schema.String, limit: Schema.Int, offset: Schema.Int }),
    Result: Strategy,
    execute: ({ owner, limit, offset }) =>
      sql`SELECT ${columns} FROM strategies WHERE owner = ${owner} ORDER BY strategy_id LIMIT ${limit} OFFSET ${offset}`
  })
  const count = SqlSchema.single({
    Request: Schema.String,
    Result: Schema.Struct({ total: BigIntColumn }),
    execute: (owner) => sql`SELECT count(*) AS total FROM strategies WHERE owner = ${owner}`
  })
  const touch = SqlSchema.findOne({
    Request: Schema.Struct({
      owner: Schema.String,
      id: Schema.Int,
      name: Schema.NullOr(Schema.String),
      describe: Schema.Boolean,
      description: Schema.NullOr(Schema.String),
      tags: Schema.NullOr(Schema.Array(Schema.String)),
      status: Schema.NullOr(Status)
    }),
    Result: Strategy,
    execute: (it) => sql`UPDATE strategies SET name = coalesce(${it.name}, name),
        description = CASE WHEN ${it.describe} THEN ${it.description} ELSE description END,
        tags = coalesce(${it.tags}::text[], tags), status = coalesce(${it.status}, status), updated_at = now()
      WHERE owner = ${it.owner} AND strategy_id = ${it.id} RETURNING ${columns}`
  })
  const update = (owner: string, id: number, patch: StrategyPatch) =>
    touch({
      owner,
      id,
      name: patch.name ?? null,
      describe: patch.description !== undefined,
      description: patch.description ?? null,
      tags: patch.tags ?? null,
      status: patch.status ?? null
    })
  const allStrategies = SqlSchema.findAll({
    Request: Schema.Void,
    Result: Strategy,
    execute: () => sql`SELECT ${columns} FROM strategies ORDER BY strategy_id`
  })
  const some = SqlSchema.findAll({
    Request: Schema.Array(Schema.Int),
    Result: Strategy,
    execute: (ids) => sql`SELECT ${columns} FROM strategies WHERE strategy_id = ANY(${ids}::bigint[]) ORDER BY strategy_id`
  })
  return { insert, one, page, count, update, all: allStrategies, some } as const
}

export const legs = (sql: SqlClient.SqlClient) => {
  const legColumns = sql.literal(`leg_id AS "legId", strategy_id AS "strategyId", instrument_token AS "instrumentToken", tradingsymbol,
    exchange, direction, quantity, entry_price AS "entryPrice"`)

  const legsOf = SqlSchema.findAll({
    Request: Schema.Int,
    Result: Leg,
    execute: (id) => sql`SELECT ${legColumns} FROM strategy_legs WHERE strategy_id = ${id} ORDER BY leg_id`
  })
  const countLegs = SqlSchema.single({
    Request: Schema.Int,
    Result: Schema.Struct({ total: BigIntColumn }),
    execute: (id) => sql`SELECT count(*) AS total FROM strategy_legs WHERE strategy_id = ${id}`
  })
  const insertLeg = SqlSchema.single({
    Request: Schema.Struct({ strategyId: Schema.Int, leg: NewLeg }),
    Result: Leg,
    execute: ({ strategyId, leg }) => sql`INSERT INTO strategy_legs (strategy_id, instrument_token, tradingsymbol, exchange, direction,
        quantity, entry_price)
      VALUES (${strategyId}, ${leg.instrumentToken}, ${leg.tradingsymbol}, ${leg.exchange}, ${leg.direction}, ${leg.quantity}::bigint,
        ${leg.entryPrice}::numeric) RETURNING ${legColumns}`
  })
  const touchLeg = SqlSchema.findOne({
    Request: Schema.Struct({
      id: Schema.Int,
      legId: Schema.Int,
      direction: Schema.NullOr(Direction),
      quantity: Schema.NullOr(BigIntColumn),
      entryPrice: Schema.NullOr(NumericColumn)
    }),
    Result: Leg,
    execute: (it) => sql`UPDATE strategy_legs SET direction = coalesce(${it.direction}, direction),
        quantity = coalesce(${it.quantity}::bigint, quantity), entry_price = coalesce(${it.entryPrice}::numeric, entry_price)
      WHERE strategy_id = ${it.id} AND leg_id = ${it.legId} RETURNING ${legColumns}`
  })
  const allLegs = SqlSchema.findAll({
    Request: Schema.Void,
    Result: Leg,
    execute: () => sql`SELECT ${legColumns} FROM strategy_legs ORDER BY strategy_id, leg_id`
  })
  const someLegs = SqlSchema.findAll({
    Request: Schema.Array(Schema.Int),
    Result: Leg,
    execute: (ids) => sql`SELECT ${legColumns} FROM strategy_legs WHERE strategy_id = ANY(${ids}::bigint[]) ORDER BY strategy_id, leg_id`
  })
  return { ofStrategy: legsOf, count: countLegs, insert: insertLeg, touch: touchLeg, all: allLegs, some: someLegs } as const
}
