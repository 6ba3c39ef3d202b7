import { createRequire } from "node:module"

/** The keys of NATS. The package is loaded by whoever needs one. */
const nkeys = () => createRequire(import.meta.url)("nats").nkeys

/** The private key of a new issuer, whose answers to logins the NATS server believes. */
export const newSeed = () => new TextDecoder().decode(nkeys().createAccount().getSeed())
/** Its public key, as nats.conf has it. */
export const issuerOf = (seed) => nkeys().fromSeed(new TextEncoder().encode(seed)).getPublicKey()
