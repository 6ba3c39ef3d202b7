import type * as SqlClient from "@effect/sql/SqlClient"
import { Clock, Effect } from "effect"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"
import * as TaskGate from "../../domain/orders/TaskGate.ts"
import * as OrderRows from "./OrderRows.ts"
import * as TaskWrites from "./TaskWrites.ts"

/** `stopId` is the stop's name in the keys of its tasks. `accounts` are those in which it may have tasks. */
export interface Released {
  readonly stopId: number | string
  readonly accounts: ReadonlyArray<string>
}

const failure = { type: TaskGate.released.rule, message: TaskGate.released.message }

/**
 * Cancels the tasks of a released stop that were not sent. It runs in the transaction of the release, after the square-off's row was
 * changed: a round that is saved at the same time is either committed before, and its tasks are found, or it fails.
 */
export const cancel = (sql: SqlClient.SqlClient) => {
  const { unsentOfStop } = OrderRows.reads(sql)
  const { save } = TaskWrites.make(sql)
  return ({ accounts, stopId }: Released, who: string) =>
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      for (const stored of yield* unsentOfStop(accounts, stopId)) {
        const [task] = OrderDecider.decide(OrderDecider.defaults)(stored.task, OrderDecider.Input.Cancel({ nowMs, failure }))
        yield* save(stored, task, { who, epoch: null })
      }
    })
}
