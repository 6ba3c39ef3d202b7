import { Option, Schema } from "effect"
import { OrderDraft } from "./OrderDraft.ts"

const Stored = Schema.parseJson(OrderDraft)
const decode = Schema.decodeUnknownOption(Stored)
const encode = Schema.encodeSync(Stored)

export interface OrderStore {
  readonly load: () => OrderDraft | undefined
  readonly save: (draft: OrderDraft | undefined) => void
}

/** The order draft of one user in this tab, with its key. So a reload between sending and the answer asks again instead of sending twice. */
export const make = (userId: string): OrderStore => {
  const key = `tarang.order.${userId}`
  return {
    load: () => Option.getOrUndefined(decode(sessionStorage.getItem(key))),
    save: (draft) => {
      if (draft === undefined) sessionStorage.removeItem(key)
      else sessionStorage.setItem(key, encode(draft))
    }
  }
}
