import { createHash, createPrivateKey, sign as signBytes } from "node:crypto"
import { Either, Schema } from "effect"
import { nkeys } from "nats"

/** The part of the nkeys library that is used here; `nats` brings it without types. */
interface KeyPair {
  readonly getPublicKey: () => string
  readonly getRawSeed: () => Uint8Array
}
/** The bytes before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410). */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex")
/** The key in Node's form. The library would sign in JavaScript, which blocks the event loop for some milliseconds at each login. */
const signingKey = (pair: KeyPair) => createPrivateKey({ key: Buffer.concat([pkcs8Head, pair.getRawSeed()]), format: "der", type: "pkcs8" })

/** The server's question whether a client may connect: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-26.md */
const Question = Schema.Struct({
  nats: Schema.Struct({
    user_nkey: Schema.String,
    server_id: Schema.Struct({ id: Schema.String }),
    connect_opts: Schema.Struct({
      user: Schema.optional(Schema.String),
      pass: Schema.optional(Schema.String),
      auth_token: Schema.optional(Schema.String)
    })
  })
})
export type Question = typeof Question.Type
const decodeQuestion = Schema.decodeUnknownEither(Schema.parseJson(Question))

/** Reads the claims of the server's JWT. Only a NATS server can publish it (nats.conf), so its signature is not checked. */
export const readQuestion = (jwt: string): Either.Either<Question, unknown> =>
  Either.flatMap(
    Either.try(() => Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString()),
    decodeQuestion
  )

/** A user who may connect: its name for the server, what it may subscribe to, and until when. It publishes nothing. */
export interface Grant {
  readonly name: string
  readonly filters: ReadonlyArray<string>
  readonly expiresAtMs: number
}

/** The account of nats.conf that owners' connections belong to. */
export const account = "USERS"
/** Subscriptions of one connection. */
const subscriptionsMax = 1_000
const unlimited = -1
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** Signs the answers to the server. `seed` is the private key of the issuer in nats.conf; a text that is no such key throws. */
export const makeSigner = (seed: string) => {
  const pair: KeyPair = nkeys.fromSeed(new TextEncoder().encode(seed))
  const issuer = pair.getPublicKey()
  if (!issuer.startsWith("A")) throw new TypeError("not the seed of an account")
  const key = signingKey(pair)
  const sign = (nowMs: number, claims: object): string => {
    const known = { iat: Math.floor(nowMs / 1_000), iss: issuer, ...claims }
    const jti = createHash("sha256").update(JSON.stringify(known)).digest("base64url")
    const text = `${encoded({ typ: "JWT", alg: "ed25519-nkey" })}.${encoded({ jti, ...known })}`
    return `${text}.${signBytes(null, Buffer.from(text), key).toString("base64url")}`
  }
  const answer = (nowMs: number, { user_nkey, server_id }: Question["nats"], result: object): string =>
    sign(nowMs, { sub: user_nkey, aud: server_id.id, nats: { type: "authorization_response", version: 2, ...result } })
  return {
    issuer,
    admit: (nowMs: number, { nats }: Question, { expiresAtMs, filters, name }: Grant): string => {
      const rights = { pub: { deny: [">"] }, sub: { allow: filters } }
      const limits = { subs: subscriptionsMax, data: unlimited, payload: unlimited }
      // JWTs count whole seconds. A user never stays longer than its key.
      const until = { exp: Math.floor(expiresAtMs / 1_000) }
      const jwt = sign(nowMs, {
        name,
        sub: nats.user_nkey,
        aud: account,
        ...until,
        nats: { type: "user", version: 2, ...rights, ...limits }
      })
      return answer(nowMs, nats, { jwt })
    },
    /** The server logs the reason. The client only learns that it is refused. */
    refuse: (nowMs: number, { nats }: Question, reason: string): string => answer(nowMs, nats, { error: reason })
  }
}
export type Signer = ReturnType<typeof makeSigner>
