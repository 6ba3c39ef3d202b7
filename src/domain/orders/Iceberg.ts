/**
 * The quantity of each leg of an iceberg order except the last, which gets the rest, in whole lots. Null if the quantity cannot be cut into
 * that many non-empty legs of whole lots. Source: kite.trade/docs/connect/v3/orders, variety iceberg.
 */
export const legQuantity = (quantity: number, legs: number, lotSize: number): number | null => {
  const each = Math.ceil(quantity / lotSize / legs) * lotSize
  return Math.ceil(quantity / each) === legs ? each : null
}

interface Terms {
  readonly quantity: number
  readonly iceberg_legs?: number | undefined
  readonly iceberg_quantity?: number | undefined
}

/** Why the legs of an order may not be sent; null if they may, or if it has no legs. */
export const refusalOf = ({ iceberg_legs, iceberg_quantity, quantity }: Terms, lotSize: number): string | null => {
  if (iceberg_legs === undefined) return null
  const each = legQuantity(quantity, iceberg_legs, lotSize)
  if (each === null) return `${quantity} cannot be cut into ${iceberg_legs} legs of whole lots of ${lotSize}`
  return iceberg_quantity === each ? null : `each leg has to be of ${each}, whole lots of ${lotSize}`
}
