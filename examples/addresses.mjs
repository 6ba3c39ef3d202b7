import { readFileSync } from "node:fs"
import { join } from "node:path"

const file = join(process.env.TARANG_DATA ?? join(import.meta.dirname, "..", ".data"), "run.json")
const running = () => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    console.error(`No ${file}: run npm start first, or set NATS_URL, GATEWAY_URL and TOKEN.`)
    process.exit(1)
  }
}

export const natsUrl = process.env.NATS_URL ?? running().nats_url
export const gatewayUrl = process.env.GATEWAY_URL ?? running().gateway_url
export const token = process.env.TOKEN ?? running().token

/** nats.js ignores the credentials of an address, and each user but operator has an inbox of its own (nats.conf). */
export const natsOptions = (url = natsUrl) => {
  const { protocol, host, username, password } = new URL(url)
  return {
    servers: `${protocol}//${host}`,
    ...(username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    ...(username === "" || username === "operator" ? {} : { inboxPrefix: `_INBOX_${username}` })
  }
}

/** Every example ends after so many messages of each kind when its last argument is a number, else with Ctrl-C. */
export const count = Number(process.argv.at(-1)) || Number.POSITIVE_INFINITY
