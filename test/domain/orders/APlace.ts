import * as Money from "../../../src/domain/Money.ts"
import type { Place } from "../../../src/domain/orders/OrderRequest.ts"

/** A limit order for two lots of the option T65538 (`anInstrument(0x10002)`), with the fields that a test changes. */
export const aPlace = (more: Partial<Place> = {}): Place => ({
  kind: "place",
  variety: "regular",
  exchange: "NFO",
  tradingsymbol: "T65538",
  transaction_type: "BUY",
  quantity: 150,
  product: "NRML",
  order_type: "LIMIT",
  validity: "DAY",
  price: new Money.Decimal("100.05"),
  ...more
})
