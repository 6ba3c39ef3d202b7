import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { resolve } from "node:path"
import { Plain, readOr } from "./paths.mjs"

// The same format as src/broker/Vault.ts, which only opens sealed secrets. A test checks that both agree.
const prefix = "sealed:"
const [nonceBytes, tagBytes, keyBytes] = [12, 16, 32]
/** The fields of an account that are sealed at rest. */
export const secretFields = ["api_key", "api_secret", "access_token", "request_token"]

/** ACCOUNTS_KEY_FILE as an absolute path, or undefined without it. */
export const keyFile = () =>
  process.env.ACCOUNTS_KEY_FILE ? resolve(process.env.INIT_CWD ?? process.cwd(), process.env.ACCOUNTS_KEY_FILE) : undefined

/** The keys of ACCOUNTS_KEY_FILE; the first one seals. Empty without the file. */
export const readKeys = () => {
  const file = keyFile()
  if (file === undefined) return []
  const text = readOr(file, undefined)
  if (text === undefined) throw new Plain(`ACCOUNTS_KEY_FILE: ${file} cannot be read.`)
  const keys = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => line.split(/\s+/))
    .map(([id, encoded]) => ({ id, key: Buffer.from(encoded ?? "", "base64") }))
  if (keys.length === 0 || keys.some(({ key }) => key.length !== keyBytes))
    throw new Plain(`ACCOUNTS_KEY_FILE: each line of ${file} must be "<id> <${keyBytes} bytes in base64>".`)
  return keys
}

const boundTo = (account, field) => Buffer.from(`${account}/${field}`)

const seal = ({ id, key }, account, field, text) => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(boundTo(account, field))
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
  return `${prefix}${id}:${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url")}`
}

const open = (keys, account, field, text) => {
  if (!text.startsWith(prefix)) return text
  const [, id, encoded] = text.split(":")
  const found = keys.find((one) => one.id === id)
  if (found === undefined)
    throw new Plain(`${field} of account ${account} is sealed with the key ${id}: ACCOUNTS_KEY_FILE has to name a file with it.`)
  const sealed = Buffer.from(encoded, "base64url")
  try {
    const decipher = createDecipheriv("aes-256-gcm", found.key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
    decipher.setAAD(boundTo(account, field))
    decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes))
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]).toString("utf8")
  } catch {
    throw new Plain(`${field} of account ${account} cannot be opened: it was changed, or it was sealed for another account or field.`)
  }
}

const withSecrets = (account, change) =>
  Object.fromEntries(
    Object.entries(account).map(([name, value]) => [
      name,
      secretFields.includes(name) && typeof value === "string" ? change(name, value) : value
    ])
  )

/** An account with its secrets in clear. */
export const opened = (keys, account) => withSecrets(account, (name, value) => open(keys, account.account_id, name, value))

/** An account with all its secrets sealed by the first key; unchanged without keys. */
export const sealed = (keys, account) =>
  keys.length === 0 ? account : withSecrets(opened(keys, account), (name, value) => seal(keys[0], account.account_id, name, value))
