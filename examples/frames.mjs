// Every packet of an underlying, read by Kite's own parser:   node examples/frames.mjs [NSE.NIFTY] [count]
import { KiteTicker } from "kiteconnect"
import { connect } from "nats"
import { count, natsOptions } from "./addresses.mjs"

const [name = "NSE.NIFTY"] = process.argv.slice(2).filter((argument) => Number.isNaN(Number(argument)))
const kite = new KiteTicker({ api_key: "", access_token: "" }) // never connected: only its parser is used
const nc = await connect(natsOptions())
let seen = 0
for await (const message of nc.subscribe(`md.frame.${name}`)) {
  const ticks = kite.parseBinary(message.data)
  console.log(`${message.subject}  ${message.headers.get("Tarang-Frame")}`)
  for (const { instrument_token, mode, last_price, oi, depth } of ticks)
    console.log(`  ${instrument_token}  ${mode}  last ${last_price}, oi ${oi ?? "-"}, best bid ${depth?.buy[0].price ?? "-"}`)
  if (++seen >= count) break
}
await nc.close()
