// The caller's own strategies, live from NATS: the password is a token or an API key.   node examples/own.mjs [count]
import { connect } from "nats"
import { listen, Mark } from "tarang/client/nats"
import { count, natsOptions, token } from "./addresses.mjs"

const { sub: owner } = JSON.parse(Buffer.from(token().split(".")[1], "base64url").toString())
const nc = await connect({ servers: natsOptions().servers, user: owner, pass: token() })
for await (const { subject, body } of listen(nc, Mark, { names: { owner }, max: count }))
  console.log(`${subject}  ${body.as_of}  m2m ${body.m2m}, total ${body.total_pnl}`)
await nc.close()
