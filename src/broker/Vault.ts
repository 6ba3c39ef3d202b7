/**
 * Seals secrets at rest with AES-256-GCM: "sealed:<key id>:<base64url of nonce, tag and text>", as `scripts/lib/vault.mjs` does.
 * A sealed secret is bound to its account and field, so it opens nowhere else.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { Either, Redacted } from "effect"

const prefix = "sealed:"
const nonceBytes = 12
const tagBytes = 16
const keyBytes = 32

/** Keys by id, the one that seals first. */
export type Keys = ReadonlyMap<string, Redacted.Redacted<Buffer>>
export const noKeys: Keys = new Map()

/** Reads the text of ACCOUNTS_KEY_FILE: a line "<id> <32 bytes in base64>" for each key. The problem never quotes the file. */
export const parseKeys = (text: string): Either.Either<Keys, string> => {
  const keys = new Map<string, Redacted.Redacted<Buffer>>()
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const [id, encoded, ...more] = line.trim().split(/\s+/)
    const key = Buffer.from(encoded ?? "", "base64")
    if (id === undefined || !/^[A-Za-z0-9_-]{1,32}$/.test(id) || key.length !== keyBytes || more.length > 0)
      return Either.left(`line ${at + 1} is not "<id> <${keyBytes} bytes in base64>"`)
    if (keys.has(id)) return Either.left(`line ${at + 1} lists the key ${id} again`)
    keys.set(id, Redacted.make(key))
  }
  return keys.size === 0 ? Either.left("has no key") : Either.right(keys)
}

export type Field = "api_key" | "api_secret" | "access_token" | "request_token"
const tokens: ReadonlySet<Field> = new Set(["access_token", "request_token"])
/** The placeholder for a token in a process without tokens. No broker accepts it. */
export const withheld = Redacted.make("withheld from this process")

/** Whether a process may use the accounts at the broker. A process with `withheld` replaces every token by the placeholder. */
export type Tokens = "opened" | "withheld"
interface Place {
  readonly account: string
  readonly field: Field
}
const boundTo = ({ account, field }: Place): Buffer => Buffer.from(`${account}/${field}`)

/** Seals a secret with the first key; undefined without keys. */
export const seal = (keys: Keys, place: Place, secret: Redacted.Redacted): string | undefined => {
  const [first] = keys
  if (first === undefined) return undefined
  const [id, key] = first
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv("aes-256-gcm", Redacted.value(key), nonce, { authTagLength: tagBytes })
  cipher.setAAD(boundTo(place))
  const sealed = Buffer.concat([cipher.update(Redacted.value(secret), "utf8"), cipher.final()])
  return `${prefix}${id}:${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url")}`
}

/** Whether the first key sealed the text. Any other text has to be sealed again before its old key may be deleted. */
export const isNewest = (keys: Keys, stored: Redacted.Redacted): boolean => {
  const [id] = keys.keys()
  return id !== undefined && Redacted.value(stored).startsWith(`${prefix}${id}:`)
}

/** The secret behind a stored text; a text that is not sealed is the secret. The problem never quotes it. */
export const open = (
  keys: Keys,
  place: Place,
  stored: Redacted.Redacted,
  use: Tokens = "opened"
): Either.Either<Redacted.Redacted, string> => {
  if (use === "withheld" && tokens.has(place.field)) return Either.right(withheld)
  const text = Redacted.value(stored)
  if (!text.startsWith(prefix)) return Either.right(stored)
  const [, id = "", encoded = ""] = text.split(":")
  const key = keys.get(id)
  if (key === undefined) return Either.left("is sealed with a key that ACCOUNTS_KEY_FILE does not have")
  const sealed = Buffer.from(encoded, "base64url")
  return Either.try({
    try: () => {
      const decipher = createDecipheriv("aes-256-gcm", Redacted.value(key), sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(boundTo(place))
      decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes))
      const opened = Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()])
      return Redacted.make(opened.toString("utf8"))
    },
    catch: () => "cannot be opened: it was changed, or it was sealed for another account or field"
  })
}
