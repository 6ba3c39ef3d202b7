// The public subjects, live, with a plain NATS client:   node examples/nats.mjs [count]
import { connect } from "nats"
import { count, natsOptions } from "./addresses.mjs"

const lines = {
  "md.tick.>": ({ columns }) =>
    `${columns.instrument_token.length} instruments, first ${columns.instrument_token[0]} at ${columns.last_price[0]}`,
  "opt.delta.>": ({ columns, forward }) => `${columns.strike.length} rows changed, forward ${forward}`,
  "opt.chain.>": ({ columns, spot, max_pain, pcr_oi }) =>
    `${columns.strike.length} rows, spot ${spot}, max pain ${max_pain}, pcr ${pcr_oi}`,
  "strat.m2m.>": ({ m2m, unrealised_pnl, net_delta }) => `m2m ${m2m}, unrealised ${unrealised_pnl}, net delta ${net_delta}`
}

const nc = await connect(natsOptions())
const show = async ([subject, line]) => {
  for await (const message of nc.subscribe(subject, Number.isFinite(count) ? { max: count } : {})) {
    const body = message.json()
    console.log(`${message.subject}  ${body.as_of}  ${line(body)}`)
  }
}
await Promise.all(Object.entries(lines).map(show))
await nc.close()
