/** Requests of /docs that work on a platform just started with the synthetic market: its demo strategy has number 1, its user created it. */

/** Values of parameters by name. The days are any of the rulebook's: an expiry that is not listed is answered 404. */
export const parameters: Readonly<Record<string, unknown>> = {
  account: "mine",
  account_id: "sim1",
  adjusted: true,
  adjustment: "back_difference",
  bucket: "ATM,OTM1,ITM1",
  close_price: "24510.5",
  count: 5,
  countback: "30",
  date: "2026-11-24",
  days: 365,
  direction: "BUY",
  entry_price: "24400",
  error: "unknown_outcome",
  exchange: "NSE",
  expiry: "2026-12-29",
  from: "2026-11-20",
  greeks: false,
  id: 1,
  "idempotency-key": "order-1",
  indicator: "rsi(period=14)",
  indicators: "rsi,macd(fast=12,slow=26)",
  instrument_token: 256265,
  interval: "5m",
  key: "NSE:NIFTY",
  leg_id: 1,
  limit: 50,
  metric: "oi",
  offset: 0,
  oi: true,
  open_price: "24630.5",
  points: 101,
  quantity: 65,
  query: "RELI",
  reference_size: 650,
  resolution: "5",
  search: "NIFTY",
  segment: "INDICES",
  size: 65,
  sources: true,
  spot_shift: 0.01,
  spot_shifts: "-0.05,0,0.05",
  status: "active",
  stream: "und.state",
  after: 0,
  strike: 24500,
  steps: 2,
  strikes: "24500,24600",
  symbol: "NIFTY",
  symbols: "NSE:RELIANCE,NIFTY",
  tenor_days: 30,
  timeframe: "5m",
  to: "2026-11-21",
  token: 256265,
  tradingsymbol: "RELIANCE",
  type: "stock",
  underlying: "NIFTY",
  vol_shift: 0.02,
  vol_shifts: "-0.02,0,0.02",
  wait_ms: 1000
}

/** Accounts have names, not numbers. */
const account = { id: "sim1" }

/** Values of one operation's parameters, where the value above does not fit. */
export const ofOperation: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "accounts.get": account,
  "accounts.remove": { id: "mine" },
  "accounts.limits": account,
  "accounts.setLimits": account,
  "accounts.releaseLimits": account,
  "accounts.mode": account,
  "accounts.setMode": account,
  "accounts.stop": account,
  "accounts.kill": account,
  "accounts.release": account,
  "kite.callback": { state: "the-state-of-the-login", request_token: "from-the-broker", status: "success" },
  "kite.login": { redirect: "false" },
  "portfolio.sync": account,
  "portfolio.orders": account,
  "portfolio.trades": account,
  "portfolio.positions": account,
  "portfolio.holdings": account,
  "portfolio.funds": account,
  "calendar.tradingDays": { to: "2026-11-30" },
  "calendar.holidays": { from: "2026-01-01", to: "2026-12-31" },
  "instruments.foEnabled": { exchange: "NFO" },
  "orders.basket": { "idempotency-key": "basket-1" },
  "orders.basketOf": { basket_id: "3f2b8c1e-5d0a-4c7e-9b1a-2f6d8e4c7a90" },
  "orders.tasks": { status: "COMPLETED" },
  "orders.gtt": { account_id: "sim1" },
  "orders.placeGtt": { "idempotency-key": "gtt-1" },
  "orders.changeGtt": { "idempotency-key": "gtt-2" },
  "orders.removeGtt": { "idempotency-key": "gtt-3", account_id: "sim1", trigger_id: "1" },
  // These days must lie between now and the legs' expiry, so no fixed day stays a valid example.
  "positions.payoff": { date: undefined },
  "positions.scenario": { dates: undefined },
  "udf.history": { from: "1795146300", to: "1795168800", symbol: "NSE:RELIANCE" },
  "udf.search": { limit: "30" }
}

const coveredCall = [
  { type: "EQ", direction: "BUY", quantity: 100, entry_price: "1300.50" },
  { type: "CE", strike: 1350, expiry: "2098-12-30", direction: "SELL", quantity: 100, entry_price: "12.40", iv: 0.24 }
]
const leg = { tradingsymbol: "RELIANCE", exchange: "NSE", direction: "BUY", quantity: 100, entry_price: "1300.50" }

const order = {
  exchange: "NSE",
  tradingsymbol: "RELIANCE",
  transaction_type: "BUY",
  quantity: 1,
  product: "CNC",
  order_type: "MARKET",
  market_protection: "-1"
}

/** Shares for delivery, at a limit. */
const delivery = {
  exchange: "NSE",
  tradingsymbol: "RELIANCE",
  transaction_type: "BUY",
  quantity: 100,
  product: "CNC",
  order_type: "LIMIT",
  price: "1300.50"
}

/** Sells shares when their price has fallen. */
const trigger = {
  account_id: "sim1",
  type: "single",
  exchange: "NSE",
  tradingsymbol: "RELIANCE",
  trigger_values: ["900"],
  last_price: "1300.50",
  orders: [{ transaction_type: "SELL", quantity: 10, product: "CNC", price: "899" }]
}

const holiday = (date: string) => ({
  entry: "day",
  date,
  name: "Floods",
  kind: "holiday",
  calendars: ["NSE_CM", "NSE_FO"],
  source: ["circular 1/2026"]
})

/** Bodies, by the operation's id. */
export const bodies: Readonly<Record<string, unknown>> = {
  "subscriptions.save": { instrument_token: 256265, requested_mode: "FULL" },
  "subscriptions.saveAll": { subscriptions: [{ instrument_token: 738561, requested_mode: "QUOTE" }] },
  "subscriptions.change": { requested_mode: "QUOTE" },
  "windows.create": { underlying: "BANKNIFTY", expiries: 1, strikes: 5, requested_mode: "FULL" },
  "strategies.create": { name: "Covered call", description: "Shares and a short call", tags: ["income"], instruments: [leg] },
  "strategies.change": { name: "Iron condor", tags: ["weekly"] },
  "strategies.addLeg": leg,
  "strategies.addLegs": { instruments: [leg] },
  "strategies.changeLeg": { quantity: 130 },
  "positions.record": {
    fills: [{ tradingsymbol: "RELIANCE", exchange: "NSE", side: "BUY", quantity: 100, price: "1300.50", external_id: "trade-1" }]
  },
  "calendar.addEntry": holiday("2026-09-15"),
  "calendar.changeEntry": { ...holiday("2026-09-15"), kind: "special_open", sessions: ["continuous 10:00-12:00"] },
  "calendar.importEntries": { entries: [holiday("2026-09-16")] },
  "corporateActions.importAll": {
    actions: [
      {
        exchange: "NSE",
        symbol: "RELIANCE",
        ex_date: "2024-10-28",
        kind: "bonus",
        shares_before: 1,
        shares_after: 2,
        source: ["the company's announcement of 2024-09-05"]
      }
    ]
  },
  "settlements.enter": {
    exchange: "NFO",
    tradingsymbol: "NIFTY24AUG24500CE",
    expiry: "2024-08-29",
    price: "651.95",
    reference: "NSE's bhavcopy of the day"
  },
  "accounts.link": { account_id: "mine", user_id: "AB1234", api_key: "key-of-the-app", api_secret: "secret-of-the-app" },
  "strategyLimits.setLimits": {
    max_position_lots: 10,
    max_total_lots: 40,
    max_loss: "250000",
    max_orders_per_day: 40,
    action: "square_off"
  },
  "accounts.setLimits": {
    max_order_value: "500000",
    max_position_lots: 50,
    max_total_lots: 200,
    max_daily_loss: "10000",
    loss_action: "square_off",
    max_orders_per_day: 100,
    price_band_percent: "5",
    duplicate_window_s: 2
  },
  "accounts.releaseLimits": {},
  "accounts.setMode": { mode: "live", confirm: "sim1" },
  "accounts.kill": { reason: "drill" },
  "accounts.release": {},
  "accounts.killAll": { reason: "drill" },
  "accounts.releaseAll": {},
  // Kite's documented body. Its checksum needs the account's secret, which no example can have.
  "postback.take": {
    user_id: "SIM1",
    app_id: 1,
    checksum: "0000000000000000000000000000000000000000000000000000000000000000",
    order_id: "261124000000001",
    order_timestamp: "2026-11-24 09:24:25",
    status: "COMPLETE",
    variety: "regular",
    exchange: "NSE",
    tradingsymbol: "RELIANCE",
    instrument_token: 738561,
    order_type: "LIMIT",
    transaction_type: "BUY",
    validity: "DAY",
    product: "CNC",
    quantity: 1,
    price: 1300.5,
    trigger_price: 0,
    average_price: 1300.5,
    filled_quantity: 1,
    pending_quantity: 0
  },
  "orders.submit": {
    account_id: "sim1",
    kind: "place",
    ...order
  },
  "orders.basket": {
    account_id: "sim1",
    orders: [order],
    on_failure: "stop"
  },
  "orders.charges": {
    account_id: "sim1",
    orders: [delivery]
  },
  "orders.placeGtt": trigger,
  "orders.changeGtt": { ...trigger, trigger_id: "1" },
  "orders.margins": {
    account_id: "sim1",
    orders: [delivery]
  },
  "indicators.subscribe": { symbol: "NIFTY", timeframe: "5m", indicators: ["rsi", "macd(fast=12,slow=26)"] },
  "indicators.unsubscribe": { symbol: "NIFTY", timeframe: "5m", indicators: ["rsi"] },
  "indicators.batch": { requests: [{ symbol: "NIFTY", timeframe: "5m", indicators: ["rsi", "supertrend(period=10,multiplier=3)"] }] },
  "apiKeys.create": { name: "notebook", scopes: ["fo:read", "strategies:read"], role: "viewer", expires_in_days: 30 },
  "apiKeys.rotate": { overlap_s: 600 },
  "backfills.create": { symbols: ["NIFTY"], timeframe: "1m", from: "2026-11-20", to: "2026-11-21" },
  "alerts.create": {
    name: "NIFTY above 26,000",
    on: { source: "instrument", symbol: "NIFTY", field: "last_price" },
    condition: "crosses_above",
    threshold: "26000",
    hysteresis: "25",
    repeat: true,
    webhook_url: "https://example.org/hooks/tarang"
  },
  "alerts.change": { threshold: "26100" },
  "mcp.message": { jsonrpc: "2.0", id: 1, method: "tools/list" },
  "labels.create": { symbol: "NIFTY", time: "2026-11-24T05:00:00Z", text: "Long above the range", label: "L", color: "#2962ff" },
  "labels.change": { text: "Long above the morning range" },
  "foAnalysis.payoff": { spot: 1300, legs: coveredCall },
  "foAnalysis.scenario": { spot: 1300, legs: coveredCall, spot_shifts: [-0.05, 0, 0.05], vol_shifts: [-0.02, 0, 0.02] }
}
