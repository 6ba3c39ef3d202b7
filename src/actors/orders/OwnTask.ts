import * as Money from "../../domain/Money.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import type { OrderRequest, Place } from "../../domain/orders/OrderRequest.ts"
import * as TaskNames from "../../store/orders/TaskNames.ts"
import type { NewTask } from "../../store/orders/TaskWrites.ts"

export interface Origin {
  readonly accountId: string
  readonly owner: string
  readonly mode: Mode
  readonly strategyId: number | null
  /** The last price when the undone order was made; null if it is unknown. */
  readonly referencePrice?: NewTask["referencePrice"]
  /** The task that this one undoes. */
  readonly undoes?: number
}

/**
 * A task that the platform makes by itself. Two tasks with the same `key` are stored once. If the outcome is unknown the task is parked,
 * and nothing is sent twice.
 */
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

/** A closing order is sent at the market, within the protection that the broker chooses. */
const automaticProtection = new Money.Decimal(-1)

/** The request for the order that closes a quantity of an instrument and product. */
export const closing = (
  { exchange, product, tradingsymbol }: Pick<Place, "exchange" | "product" | "tradingsymbol">,
  side: Place["transaction_type"],
  quantity: number
): Place => ({
  kind: "place",
  variety: "regular",
  exchange,
  tradingsymbol,
  transaction_type: side,
  quantity,
  product,
  order_type: "MARKET",
  validity: "DAY",
  market_protection: automaticProtection
})
