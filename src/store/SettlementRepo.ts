import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as Money from "../domain/Money.ts"
import { SettlementSource } from "../domain/record/Lives.ts"
import { NumericColumn, TimeColumn } from "./Columns.ts"
import * as StoreError from "./StoreError.ts"

const Settlement = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  /** "YYYY-MM-DD". */
  expiry: Schema.String,
  /** Rupees. */
  price: NumericColumn,
  source: SettlementSource,
  settledAt: TimeColumn
})
type Settlement = typeof Settlement.Type

/** Final settlement prices, one per contract. */
export class SettlementRepo extends Effect.Service<SettlementRepo>()("store/SettlementRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const save = (all: ReadonlyArray<Settlement>) => sql`
      INSERT INTO settlements (exchange, tradingsymbol, expiry, price, source, settled_at)
      SELECT * FROM unnest(${all.map((it) => it.exchange)}::text[], ${all.map((it) => it.tradingsymbol)}::text[],
        ${all.map((it) => it.expiry)}::date[], ${all.map((it) => Money.format(it.price))}::numeric[], ${all.map((it) => it.source)}::text[],
        ${all.map((it) => it.settledAt.toISOString())}::timestamptz[])
      ON CONFLICT (exchange, tradingsymbol, expiry) DO NOTHING RETURNING tradingsymbol`
    const ofHoldings = SqlSchema.findAll({
      Request: Schema.Void,
      Result: Settlement,
      execute: () => sql`SELECT exchange, tradingsymbol, expiry::text AS expiry, price, source, settled_at AS "settledAt" FROM settlements
        WHERE (exchange, tradingsymbol) IN (SELECT exchange, tradingsymbol FROM strategy_legs
          UNION SELECT exchange, tradingsymbol FROM strategy_fills) ORDER BY exchange, tradingsymbol`
    })
    return {
      /** Returns how many were new. The first price of a contract is kept. */
      save: (all: ReadonlyArray<Settlement>) =>
        Effect.map(StoreError.guard(save(all)), (rows) => rows.length).pipe(Effect.withSpan("SettlementRepo.save")),
      /** Settlements of contracts in the legs or fills of any strategy. */
      ofHoldings: StoreError.guardRead(ofHoldings()).pipe(Effect.withSpan("SettlementRepo.ofHoldings"))
    } as const
  })
}) {}
export declare namespace SettlementRepo {
  export type Settlement = typeof Settlement.Type
}
