// The state of every underlying and chain at once, then each change of it:   node examples/latest.mjs [count]
import { connect, DeliverPolicy } from "nats"
import { count, natsOptions } from "./addresses.mjs"

const nc = await connect(natsOptions())
const consumer = await nc.jetstream().consumers.get("OPT_LAST", { deliver_policy: DeliverPolicy.LastPerSubject })
const messages = await consumer.consume()
let isLive = false
let seen = 0
for await (const message of messages) {
  const { as_of, spot, forward, expiries } = message.json()
  const more = expiries === undefined ? `forward ${forward}` : `${expiries.length} expiries`
  console.log(`${isLive ? "live " : "state"}  ${message.subject}  ${as_of}  spot ${spot}, ${more}`)
  if (isLive && ++seen >= count) break
  isLive ||= message.info.pending === 0
}
await nc.close()
