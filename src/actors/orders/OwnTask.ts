import type { Mode } from "../../domain/orders/OrderMessage.ts"
import type { OrderRequest } from "../../domain/orders/OrderRequest.ts"
import * as TaskNames from "../../store/orders/TaskNames.ts"
import type { NewTask } from "../../store/orders/TaskWrites.ts"

export interface Origin {
  readonly accountId: string
  readonly owner: string
  readonly mode: Mode
  readonly strategyId: number | null
  /** The last price at the order that the task takes back; null without one. */
  readonly referencePrice?: NewTask["referencePrice"]
  /** The task that this one takes back. */
  readonly undoes?: number
}

/** A task that the platform makes by itself. The same `key` makes it once. An unknown outcome parks it, and nothing is sent twice. */
export const make = (origin: Origin, key: string, request: OrderRequest, deadlineAtMs: number): NewTask => {
  const { accountId, mode, owner, referencePrice = null, strategyId, undoes = null } = origin
  const hash = TaskNames.hashOf(request)
  return {
    owner,
    accountId,
    idempotencyKey: key,
    bodyHash: hash,
    tag: TaskNames.tagOf(accountId, owner, key),
    mode,
    request,
    termsHash: hash,
    referencePrice,
    intent: { kind: request.kind, isLimit: false, unknown: "park", deadlineAtMs },
    strategyId,
    basketId: null,
    basketPlace: null,
    retries: null,
    undoes
  }
}
