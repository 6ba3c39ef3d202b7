// The three streams, as a browser would open them:   node examples/websocket.mjs [count]
import { WebSocket } from "ws" // in a browser it is there already, and the code is the same
import { count, gatewayUrl, token } from "./addresses.mjs"

const url = gatewayUrl()
const jwt = token()
const get = async (path) => (await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${jwt}` } })).json()
const [{ subscriptions }, { expiries }, { strategies }] = await Promise.all(
  ["/subscriptions?status=active&limit=1000", "/fo/expiries?symbol=NIFTY", "/strategies"].map(get)
)

const open = (path, type, wish) => {
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, ["tarang.v1", `bearer.${jwt}`])
  let seen = 0
  socket.onopen = () => socket.send(JSON.stringify({ action: "subscribe", ...wish }))
  socket.onclose = ({ code, reason }) => console.log(`${path}  closed ${code}${reason && `: ${reason}`}`)
  socket.onmessage = ({ data }) => {
    if (seen >= count) return // on its way when we closed
    console.log(`${path}  ${data.length > 200 ? `${data.slice(0, 200)}...` : data}`)
    if (JSON.parse(data).type === type && ++seen >= count) socket.close()
  }
}
open("/ws/ticks", "tick", { tokens: subscriptions.map(({ instrument_token }) => instrument_token), mode: "full" })
open("/fo/stream", "update", { symbol: "NIFTY", expiry: expiries[0] })
open("/strategies/stream", "m2m", { strategy_ids: strategies.map(({ strategy_id }) => strategy_id) })
