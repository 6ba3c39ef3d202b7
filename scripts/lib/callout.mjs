import { createRequire } from "node:module"

/** The key functions of NATS. The package is loaded only when a key is needed. */
const nkeys = () => createRequire(import.meta.url)("nats").nkeys

/** The private key of a new issuer. The NATS server accepts answers to logins that are signed with it. */
export const newSeed = () => new TextDecoder().decode(nkeys().createAccount().getSeed())
/** The public key of an issuer, in the form that nats.conf needs. */
export const issuerOf = (seed) => nkeys().fromSeed(new TextEncoder().encode(seed)).getPublicKey()
