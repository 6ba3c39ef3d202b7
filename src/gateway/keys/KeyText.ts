import { randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import { Effect, Redacted } from "effect"

/** `tk_<public id>_<secret>`: 96 and 256 random bits, base64url. The public id finds the row, and only the secret proves the key. */
const form = /^tk_([A-Za-z0-9-]{16})_([A-Za-z0-9_-]{43})$/
/** RFC 7914; about 30 ms of one core and 16 MB. */
const cost = { N: 2 ** 14, r: 8, p: 1 } as const
const hashBytes = 32

export interface Parts {
  readonly publicId: string
  readonly secret: Redacted.Redacted<string>
}

export const parse = (text: string): Parts | undefined => {
  const [, publicId, secret] = form.exec(text) ?? []
  return publicId === undefined || secret === undefined ? undefined : { publicId, secret: Redacted.make(secret) }
}
export const prefixOf = (publicId: string): string => `tk_${publicId}`

const hashOf = (secret: Redacted.Redacted<string>, salt: Buffer): Effect.Effect<Buffer> =>
  Effect.async<Buffer>((resume) => {
    scrypt(Redacted.value(secret), salt, hashBytes, cost, (error, hash) =>
      resume(error === null ? Effect.succeed(hash) : Effect.die(error))
    )
  })

/** A new key: its text, which is shown once, and what is stored of it. */
export const make = Effect.gen(function* () {
  const publicId = randomBytes(12).toString("base64url").replaceAll("_", "-")
  const secret = Redacted.make(randomBytes(32).toString("base64url"))
  const salt = randomBytes(16)
  const hash = yield* hashOf(secret, salt)
  return {
    text: Redacted.make(`${prefixOf(publicId)}_${Redacted.value(secret)}`),
    stored: { publicId, salt: salt.toString("base64"), hash: hash.toString("base64") }
  }
})

export const proves = (
  secret: Redacted.Redacted<string>,
  stored: { readonly salt: string; readonly hash: string }
): Effect.Effect<boolean> =>
  Effect.map(hashOf(secret, Buffer.from(stored.salt, "base64")), (hash) => timingSafeEqual(hash, Buffer.from(stored.hash, "base64")))
