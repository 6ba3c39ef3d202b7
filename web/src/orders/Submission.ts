/** Sends an order once. */
import * as Client from "../../../src/client/Client.ts"
import type { Api } from "../gateway/Api.ts"
import type { OrderRequest, OrderTask } from "../gateway/Contract.ts"

/**
 * `accepted`: the order is a task. `refused`: there is no task, so the terms may change. `used`: another order was accepted under this key.
 * `unknown`: the answer was lost; the same key and the same terms ask again, and never make a second order.
 */
export type Outcome =
  | { readonly type: "accepted"; readonly task: OrderTask }
  | { readonly type: "refused" | "used" | "unknown"; readonly text: string }

/** Answers that the gateway gives before it takes an order. */
const isRefusal = (error: unknown): error is Error =>
  error instanceof Client.Invalid ||
  error instanceof Client.NotFound ||
  error instanceof Client.Forbidden ||
  error instanceof Client.Unauthorized ||
  error instanceof Client.TooManyRequests

export const outcomeOf = (error: unknown): Outcome => {
  if (error instanceof Client.Conflict) return { type: "used", text: error.message }
  if (isRefusal(error)) return { type: "refused", text: error.message }
  return { type: "unknown", text: error instanceof Error ? error.message : String(error) }
}

export const submit = async (api: Api, request: OrderRequest): Promise<Outcome> => {
  try {
    const task = await api.orders.submit(request)
    return { type: "accepted", task }
  } catch (error) {
    return outcomeOf(error)
  }
}

/** A key that nobody else makes. `crypto.randomUUID` exists only on pages of a secure origin, and this page may be served on a local network. */
export const newKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")
