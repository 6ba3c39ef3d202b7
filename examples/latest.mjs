// The state of every underlying and chain at once, then each change:   node examples/latest.mjs [count]
import { connect } from "nats"
import { ChainKeyframe, latest, UnderlyingState } from "tarang/client/nats"
import { count, natsOptions } from "./addresses.mjs"

const nc = await connect(natsOptions())
let seen = 0
const show = async (subject, line) => {
  for await (const { subject: name, body, isLive } of latest(nc, subject)) {
    if (isLive && ++seen > count) break
    console.log(`${isLive ? "live " : "state"}  ${name}  ${body.as_of}  spot ${body.spot}, ${line(body)}`)
  }
}
await Promise.all([
  show(UnderlyingState, ({ expiries }) => `${expiries.length} expiries`),
  show(ChainKeyframe, ({ forward }) => `forward ${forward}`)
])
await nc.close()
