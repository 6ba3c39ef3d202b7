/**
 * The quantity of each leg of an iceberg order but the last, which takes the rest: whole lots. Null: the quantity cannot be cut into so many
 * legs of whole lots of which none is empty. Source: kite.trade/docs/connect/v3/orders, variety iceberg.
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

/** Why the legs of an order may not be sent; null: they may, or it has none. */
export const refusalOf = ({ iceberg_legs, iceberg_quantity, quantity }: Terms, lotSize: number): string | null => {
  if (iceberg_legs === undefined) return null
  const each = legQuantity(quantity, iceberg_legs, lotSize)
  if (each === null) return `${quantity} cannot be cut into ${iceberg_legs} legs of whole lots of ${lotSize}`
  return iceberg_quantity === each ? null : `each leg has to be of ${each}, whole lots of ${lotSize}`
}
