import { Decimal } from "../../../src/client/Client.ts"
import { type Api, textOf } from "../gateway/Api.ts"
import type { Change } from "./OrderList.ts"
import type { Target } from "./OrderRow.ts"
import * as Submission from "./Submission.ts"

/** Cancels and modifies orders. Both are requests with a key. Until the gateway answers, the same request keeps its key. */
export const make = (api: Api, accountId: () => string | undefined, say: (text: string) => void) => {
  const keys = new Map<string, string>()
  const submit = async (name: string, make: (key: string) => Parameters<typeof Submission.submit>[1], done: string): Promise<void> => {
    const key = keys.get(name) ?? Submission.newKey()
    keys.set(name, key)
    const outcome = await Submission.submit(api, make(key))
    if (outcome.type !== "unknown") keys.delete(name)
    say(outcome.type === "accepted" ? done : outcome.type === "unknown" ? `No answer: ${outcome.text}. Try it again.` : outcome.text)
  }
  const request = (key: string) => ({ headers: { "idempotency-key": key }, urlParams: {} })
  return {
    cancel: async (target: Target): Promise<void> => {
      const account_id = accountId()
      if (account_id === undefined) return
      if (target.type === "task") {
        await api.orders.cancelTask({ path: { id: Number(target.taskId) } }).then(
          () => say("The order is cancelled: it was not sent"),
          (error: unknown) => say(textOf(error))
        )
        return
      }
      const { orderId: order_id, variety } = target
      const payload = { kind: "cancel", account_id, order_id, variety: variety as "regular" } as const
      await submit(`cancel ${order_id}`, (key) => ({ ...request(key), payload }), "The cancellation is sent")
    },
    modify: async (target: Target, change: Change): Promise<void> => {
      const account_id = accountId()
      if (account_id === undefined || target.type === "task") return
      const { orderId: order_id, variety } = target
      const payload = {
        kind: "modify",
        account_id,
        order_id,
        variety: variety as "regular",
        ...(change.quantity !== undefined && { quantity: change.quantity }),
        ...(change.price !== undefined && { price: new Decimal(change.price) }),
        ...(change.trigger_price !== undefined && { trigger_price: new Decimal(change.trigger_price) })
      } as const
      const name = `modify ${order_id} ${JSON.stringify(change)}`
      await submit(name, (key) => ({ ...request(key), payload }), "The changed order is sent")
    }
  }
}
