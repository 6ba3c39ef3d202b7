import type * as OrderCharges from "../../domain/orders/OrderCharges.ts"

/** Amounts by the names of the contract. */
export const view = (it: OrderCharges.Amounts) => ({
  brokerage: it.brokerage,
  stt: it.transactionTax,
  exchange_charges: it.exchange,
  sebi: it.sebi,
  stamp_duty: it.stampDuty,
  ipft: it.ipft,
  gst: it.gst,
  total: it.total
})
