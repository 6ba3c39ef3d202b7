import type * as Figures from "../../../src/domain/accounts/Figures.ts"
import * as Money from "../../../src/domain/Money.ts"

export const anOrder = (more: Partial<Figures.Order> = {}): Figures.Order => ({
  order_id: "1",
  exchange_order_id: null,
  parent_order_id: null,
  placed_by: "SIM1",
  status: "OPEN",
  status_message: null,
  order_timestamp: "2026-08-19T03:45:00.000Z",
  exchange_update_timestamp: null,
  exchange_timestamp: null,
  variety: "regular",
  exchange: "NFO",
  tradingsymbol: "NIFTY26AUGFUT",
  instrument_token: 1,
  order_type: "LIMIT",
  transaction_type: "BUY",
  validity: "DAY",
  product: "NRML",
  quantity: 130,
  disclosed_quantity: 0,
  price: new Money.Decimal("24500.05"),
  trigger_price: Money.zero,
  average_price: Money.zero,
  filled_quantity: 0,
  pending_quantity: 130,
  cancelled_quantity: 0,
  market_protection: Money.zero,
  tag: null,
  guid: null,
  ...more
})

export const aTrade = (more: Partial<Figures.Trade> = {}): Figures.Trade => ({
  trade_id: "t1",
  order_id: "1",
  exchange_order_id: null,
  exchange: "NFO",
  tradingsymbol: "NIFTY26AUGFUT",
  instrument_token: 1,
  product: "NRML",
  average_price: new Money.Decimal("24500.05"),
  quantity: 65,
  transaction_type: "BUY",
  fill_timestamp: "2026-08-19T03:45:01.000Z",
  order_timestamp: null,
  exchange_timestamp: null,
  ...more
})

export const aPosition = (more: Partial<Figures.Position> = {}): Figures.Position => {
  const zero = Money.zero
  return {
    tradingsymbol: "NIFTY26AUGFUT",
    exchange: "NFO",
    instrument_token: 1,
    product: "NRML",
    quantity: 0,
    overnight_quantity: 0,
    multiplier: 1,
    average_price: zero,
    close_price: zero,
    last_price: zero,
    value: zero,
    pnl: zero,
    m2m: zero,
    unrealised: zero,
    realised: zero,
    buy_quantity: 0,
    buy_price: zero,
    buy_value: zero,
    buy_m2m: zero,
    sell_quantity: 0,
    sell_price: zero,
    sell_value: zero,
    sell_m2m: zero,
    day_buy_quantity: 0,
    day_buy_price: zero,
    day_buy_value: zero,
    day_sell_quantity: 0,
    day_sell_price: zero,
    day_sell_value: zero,
    ...more
  }
}
