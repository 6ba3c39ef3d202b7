// The official client logged in to the simulator, beside the running platform:   node examples/kiteconnect.mjs [ticks]
import { KiteConnect, KiteTicker } from "kiteconnect"
import { count, fact } from "./addresses.mjs"

// The spare account is for you: a login ends the session that the same account had before, as at Kite.
const account = fact("SIMULATOR_ACCOUNT", "simulator_account")
const { api_key, api_secret, root, ws_root } = typeof account === "string" ? JSON.parse(account) : account
const kite = new KiteConnect({ api_key, root })

// At Kite a person signs in on this page. The simulator's page redirects at once, with the request token in the address.
// kiteconnect 5 ignores its option login_uri, so only the query of its login address is used.
const { search } = new URL(kite.getLoginURL())
const page = await fetch(`${root}/connect/login${search}`, { redirect: "manual" })
const requestToken = new URL(page.headers.get("location")).searchParams.get("request_token")
const { access_token } = await kite.generateSession(requestToken, api_secret)

const { user_id, user_name } = await kite.getProfile()
const { net } = await kite.getMargins("equity")
console.log(`${user_id} (${user_name}) has ${net} rupees`)

const { "NSE:NIFTY 50": nifty } = await kite.getQuote(["NSE:NIFTY 50"])
console.log(`NIFTY 50 last ${nifty.last_price}`)
// With its default, reconnect: true, kiteconnect ends the process after disconnect().
const ticker = new KiteTicker({ api_key, access_token, root: ws_root, reconnect: false })
let seen = 0
ticker.on("connect", () => ticker.subscribe([nifty.instrument_token]))
ticker.on("ticks", (ticks) => {
  for (const { instrument_token, last_price } of ticks) console.log(`tick ${instrument_token} last ${last_price}`)
  seen += ticks.length
  if (seen >= count) ticker.disconnect()
})
ticker.connect()
