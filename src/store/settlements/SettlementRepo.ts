import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as Money from "../../domain/Money.ts"
import { SettlementSource } from "../../domain/record/Lives.ts"
import { BigIntColumn, NumericColumn, TimeColumn } from "../Columns.ts"
import * as StoreError from "../StoreError.ts"

/** `broker`: it follows from the broker's close of the underlying. `by_hand`: an administrator entered it. */
const Source = Schema.Union(SettlementSource, Schema.Literal("broker", "by_hand"))

const Settlement = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  /** "YYYY-MM-DD". */
  expiry: Schema.String,
  /** Rupees. */
  price: NumericColumn,
  source: Source,
  settledAt: TimeColumn
})
type Settlement = typeof Settlement.Type

const Entered = Schema.Struct({
  ...Settlement.fields,
  /** Who entered the price, and its source; null for a computed price. */
  enteredBy: Schema.NullOr(Schema.String),
  reference: Schema.NullOr(Schema.String)
})
type Entered = typeof Entered.Type

/** A contract as the instruments of its expiry day describe it. Its token may name another contract today. */
const Computed = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  /** "YYYY-MM-DD". */
  expiry: Schema.String,
  name: Schema.String,
  instrumentType: Schema.Literal("EQ", "FUT", "CE", "PE"),
  /** In the token's scale. */
  strike: BigIntColumn,
  token: BigIntColumn
})

/** Final settlement prices, one per contract. */
export class SettlementRepo extends Effect.Service<SettlementRepo>()("store/settlements/SettlementRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const save = (all: ReadonlyArray<Settlement>) => sql`
      INSERT INTO settlements (exchange, tradingsymbol, expiry, price, source, settled_at)
      SELECT * FROM unnest(${all.map((it) => it.exchange)}::text[], ${all.map((it) => it.tradingsymbol)}::text[],
        ${all.map((it) => it.expiry)}::date[], ${all.map((it) => Money.format(it.price))}::numeric[], ${all.map((it) => it.source)}::text[],
        ${all.map((it) => it.settledAt.toISOString())}::timestamptz[])
      ON CONFLICT (exchange, tradingsymbol, expiry) DO NOTHING RETURNING tradingsymbol`
    const columns = sql.literal(`exchange, tradingsymbol, expiry::text AS expiry, price, source, settled_at AS "settledAt",
      entered_by AS "enteredBy", reference`)
    const enter = SqlSchema.single({
      Request: Schema.Struct({
        exchange: Schema.String,
        tradingsymbol: Schema.String,
        expiry: Schema.String,
        price: NumericColumn,
        settledAt: TimeColumn,
        enteredBy: Schema.String,
        reference: Schema.String
      }),
      Result: Entered,
      execute: (it) => sql`
        INSERT INTO settlements (exchange, tradingsymbol, expiry, price, source, settled_at, entered_by, reference)
        VALUES (${it.exchange}, ${it.tradingsymbol}, ${it.expiry}::date, ${it.price}::numeric, 'by_hand', ${it.settledAt}, ${it.enteredBy},
          ${it.reference})
        ON CONFLICT (exchange, tradingsymbol, expiry) DO UPDATE SET price = excluded.price, source = excluded.source,
          settled_at = excluded.settled_at, entered_by = excluded.entered_by, reference = excluded.reference
        RETURNING ${columns}`
    })
    const page = SqlSchema.findAll({
      Request: Schema.Struct({ tradingsymbol: Schema.NullOr(Schema.String), limit: Schema.Int, offset: Schema.Int }),
      Result: Entered,
      execute: ({ tradingsymbol, limit, offset }) => sql`SELECT ${columns} FROM settlements
        WHERE (${tradingsymbol}::text IS NULL OR tradingsymbol = ${tradingsymbol})
        ORDER BY settlements.expiry DESC, exchange, tradingsymbol LIMIT ${limit} OFFSET ${offset}`
    })
    const count = SqlSchema.single({
      Request: Schema.NullOr(Schema.String),
      Result: Schema.Struct({ total: BigIntColumn }),
      execute: (tradingsymbol) => sql`SELECT count(*) AS total FROM settlements
        WHERE (${tradingsymbol}::text IS NULL OR tradingsymbol = ${tradingsymbol})`
    })
    const ofHoldings = SqlSchema.findAll({
      Request: Schema.Void,
      Result: Settlement,
      execute: () => sql`SELECT exchange, tradingsymbol, expiry::text AS expiry, price, source, settled_at AS "settledAt" FROM settlements
        WHERE (exchange, tradingsymbol) IN (SELECT exchange, tradingsymbol FROM strategy_legs
          UNION SELECT exchange, tradingsymbol FROM strategy_fills) ORDER BY exchange, tradingsymbol`
    })
    const ofSymbols = SqlSchema.findAll({
      Request: Schema.Array(Schema.String),
      Result: Settlement,
      execute: (
        names
      ) => sql`SELECT exchange, tradingsymbol, expiry::text AS expiry, price, source, settled_at AS "settledAt" FROM settlements
        WHERE tradingsymbol = ANY(${names}::text[]) ORDER BY exchange, tradingsymbol`
    })
    const computed = SqlSchema.findAll({
      Request: Schema.Struct({ from: Schema.String, to: Schema.String }),
      Result: Computed,
      execute: ({ from, to }) => sql`
        SELECT s.exchange, s.tradingsymbol, s.expiry::text AS expiry, i.name, i.instrument_type AS "instrumentType", i.strike,
          i.instrument_token AS token
        FROM settlements s JOIN instruments i ON (i.exchange, i.tradingsymbol, i.expiry) = (s.exchange, s.tradingsymbol, s.expiry)
          AND i.trade_date = (SELECT max(trade_date) FROM instrument_days WHERE trade_date <= s.expiry)
        WHERE s.expiry BETWEEN ${from}::date AND ${to}::date AND s.source = 'underlying_close'`
    })
    const confirm = (all: ReadonlyArray<Pick<Settlement, "exchange" | "tradingsymbol" | "expiry" | "price">>, at: Date) => sql`
      UPDATE settlements s SET price = b.price, source = 'broker', settled_at = ${at.toISOString()}::timestamptz
      FROM unnest(${all.map((it) => it.exchange)}::text[], ${all.map((it) => it.tradingsymbol)}::text[], ${all.map((it) => it.expiry)}::date[],
        ${all.map((it) => Money.format(it.price))}::numeric[]) AS b (exchange, tradingsymbol, expiry, price)
      WHERE (s.exchange, s.tradingsymbol, s.expiry) = (b.exchange, b.tradingsymbol, b.expiry) AND s.source = 'underlying_close'
      RETURNING s.tradingsymbol`
    return {
      /** Contracts that expired from `from` to `to` ("YYYY-MM-DD") and whose settlement price was computed from the underlying's close. */
      computed: (days: { readonly from: string; readonly to: string }) =>
        StoreError.guardRead(computed(days)).pipe(Effect.withSpan("SettlementRepo.computed")),
      /** Replaces computed prices by the broker's, and returns how many. A price entered by hand stays. */
      confirm: (all: Parameters<typeof confirm>[0], at: Date) =>
        Effect.map(StoreError.guard(confirm(all, at)), (rows) => rows.length).pipe(Effect.withSpan("SettlementRepo.confirm")),
      /** Enters a price by hand. It replaces the computed price, and is never replaced by one. */
      enter: (it: Omit<Entered, "source" | "enteredBy" | "reference"> & { readonly enteredBy: string; readonly reference: string }) =>
        StoreError.guard(enter(it)).pipe(Effect.withSpan("SettlementRepo.enter")),
      /** The newest expiry first; only one tradingsymbol if it is given. */
      list: (query: { readonly tradingsymbol?: string | undefined; readonly limit: number; readonly offset: number }) =>
        Effect.all({
          rows: page({ ...query, tradingsymbol: query.tradingsymbol ?? null }),
          total: Effect.map(count(query.tradingsymbol ?? null), ({ total }) => total)
        }).pipe(StoreError.guardRead, Effect.withSpan("SettlementRepo.list")),
      /** Returns how many were new. The first price of a contract is kept. */
      save: (all: ReadonlyArray<Settlement>) =>
        Effect.map(StoreError.guard(save(all)), (rows) => rows.length).pipe(Effect.withSpan("SettlementRepo.save")),
      /** Settlements of contracts with these tradingsymbols. */
      ofSymbols: (names: ReadonlyArray<string>) => StoreError.guardRead(ofSymbols(names)).pipe(Effect.withSpan("SettlementRepo.ofSymbols")),
      /** Settlements of contracts in the legs or fills of any strategy. */
      ofHoldings: StoreError.guardRead(ofHoldings()).pipe(Effect.withSpan("SettlementRepo.ofHoldings"))
    } as const
  })
}) {}
export declare namespace SettlementRepo {
  export type Settlement = typeof Settlement.Type
  export type Entered = typeof Entered.Type
  export type Computed = typeof Computed.Type
}
