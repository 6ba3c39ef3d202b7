// Prints a new key for owners' logins to NATS: the seed for the gateways, the issuer for the server.   node scripts/callout.mjs
import { issuerOf, newSeed } from "./lib/callout.mjs"

const seed = newSeed()
console.log(`NATS_CALLOUT_SEED=${seed}\nNATS_CALLOUT_ISSUER=${issuerOf(seed)}`)
