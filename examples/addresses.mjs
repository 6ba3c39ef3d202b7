import { readFileSync } from "node:fs"
import { join } from "node:path"

/** The addresses and the token from the file that npm start writes, unless the environment sets them. */
export const fact = (variable, name) => {
  if (process.env[variable]) return process.env[variable]
  const file = join(process.env.TARANG_DATA ?? join(import.meta.dirname, "..", ".data"), "run.json")
  try {
    return JSON.parse(readFileSync(file, "utf8"))[name]
  } catch {
    console.error(`No ${file}: run npm start first, or set NATS_URL, GATEWAY_URL and TOKEN.`)
    process.exit(1)
  }
}
export const gatewayUrl = () => fact("GATEWAY_URL", "gateway_url")
export const token = () => fact("TOKEN", "token")

/** For connect of nats.js, which ignores the credentials of an address. */
export const natsOptions = () => {
  const { protocol, host, username, password } = new URL(fact("NATS_URL", "nats_url"))
  return {
    servers: `${protocol}//${host}`,
    ...(username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) })
  }
}

/** Every example ends after that many messages of each kind if its last argument is a number, otherwise with Ctrl-C. */
export const count = Number(process.argv.at(-1)) || Number.POSITIVE_INFINITY
