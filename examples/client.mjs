// REST and the three streams with the typed client:   node examples/client.mjs [count]
import { make } from "tarang/client"
import { WebSocket } from "ws" // browsers, and Node from version 22 on, have one built in: leave the option out there
import { count, gatewayUrl, token } from "./addresses.mjs"

const { rest, ticks, chains, strategies } = make({ url: gatewayUrl(), token: token(), WebSocket })
const [subscribed, near, own] = await Promise.all([
  rest.subscriptions.list({ urlParams: { status: "active", limit: 1000 } }),
  rest.fo.expiries({ urlParams: { symbol: "NIFTY" } }),
  rest.strategies.list({ urlParams: {} })
])

const lines = {
  tick: ({ data }) => `${data.tradingsymbol} last ${data.last_price}, delta ${data.delta}`,
  update: ({ kind, symbol, expiry, spot, strikes }) => `${kind} of ${symbol} ${expiry}: ${strikes.length} strikes, spot ${spot}`,
  m2m: ({ strategy_id, m2m, net_delta }) => `strategy ${strategy_id}: m2m ${m2m}, net delta ${net_delta}`,
  // After a reconnect the client gets what it missed. A gap names what can no longer be delivered.
  gap: ({ from, to }) => `missed ${from} to ${to}`,
  state: ({ state, reason = "" }) => `${state} ${reason}`,
  error: ({ message }) => message
}
const show = async (stream) => {
  let seen = 0
  for await (const event of stream) {
    if (event.type in lines) console.log(`${event.type}  ${lines[event.type](event)}`)
    if (["tick", "update", "m2m"].includes(event.type) && ++seen >= count) break // which closes the connection
  }
}
await Promise.all([
  show(ticks({ items: subscribed.subscriptions.map(({ instrument_token }) => instrument_token) })),
  show(chains({ items: [{ symbol: "NIFTY", expiry: near.expiries[0] }] })),
  show(strategies({ items: own.strategies.map(({ strategy_id }) => strategy_id) }))
])
