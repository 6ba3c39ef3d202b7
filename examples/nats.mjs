// The public subjects, live: a plain NATS connection, typed messages:   node examples/nats.mjs [count]
import { connect } from "nats"
import { ChainDelta, ChainKeyframe, listen, Mark, Tick } from "tarang/client/nats"
import { count, natsOptions } from "./addresses.mjs"

const nc = await connect(natsOptions())
const show = async (subject, line) => {
  for await (const { subject: name, body } of listen(nc, subject, { max: count })) console.log(`${name}  ${body.as_of}  ${line(body)}`)
}
await Promise.all([
  show(
    Tick,
    ({ columns }) => `${columns.instrument_token.length} instruments, first ${columns.instrument_token[0]} at ${columns.last_price[0]}`
  ),
  show(ChainDelta, ({ columns, forward }) => `${columns.strike.length} rows changed, forward ${forward}`),
  show(
    ChainKeyframe,
    ({ columns, spot, max_pain, pcr_oi }) => `${columns.strike.length} rows, spot ${spot}, max pain ${max_pain}, pcr ${pcr_oi}`
  ),
  show(Mark, ({ m2m, unrealised_pnl, net_delta }) => `m2m ${m2m}, unrealised ${unrealised_pnl}, net delta ${net_delta}`)
])
await nc.close()
