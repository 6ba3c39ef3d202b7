import { Decimal } from "../../../src/client/Client.ts"
import type { Api } from "../gateway/Api.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import * as Draft from "./Draft.ts"

/** A draft's legs in the gateway's form, each with the lot size that applies. */
export const legsOf = (draft: Draft.Draft, instruments: Instruments) =>
  Promise.all(
    draft.legs.map(async ({ token, tradingsymbol, direction, lots, price }) => {
      const { exchange, lot_size } = await instruments.describe(token)
      return { tradingsymbol, exchange, direction, quantity: lots * (draft.lotSize ?? lot_size), entry_price: new Decimal(price) }
    })
  )

/** Creates the strategy with all its legs in one request. Returns its id. */
const create = async (api: Api, instruments: Instruments, draft: Draft.Draft): Promise<number> => {
  const legs = await legsOf(draft, instruments)
  const created = await api.strategies.create({ payload: { name: Draft.nameOf(draft).trim(), tags: ["page"], instruments: legs } })
  return created.strategy_id
}

/** Creates a strategy from the draft, or adds all its legs to `target`, in one request. Returns the strategy's id. */
export const submit = async (api: Api, instruments: Instruments, draft: Draft.Draft, target: number | undefined): Promise<number> => {
  if (target === undefined) return create(api, instruments, draft)
  await api.strategies.addLegs({ path: { id: target }, payload: { instruments: await legsOf(draft, instruments) } })
  return target
}
