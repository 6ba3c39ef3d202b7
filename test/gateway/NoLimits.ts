/** Bodies of `PUT .../limits` that set no limit. A test sets those that it looks at. */
export const ofAccount = {
  max_order_value: null,
  max_position_lots: null,
  max_daily_loss: null,
  max_orders_per_day: null,
  price_band_percent: null,
  duplicate_window_s: null
} as const
export const ofStrategy = { max_position_lots: null, max_loss: null, max_orders_per_day: null, action: "block" } as const
