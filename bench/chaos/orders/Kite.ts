/** The calls of Kite that an executor of orders needs, over HTTP. */
import { request } from "node:http"
import * as Outcome from "../../../src/domain/orders/Outcome.ts"
import * as Sessions from "../../../src/simulator/Sessions.ts"

export interface Account {
  readonly accountId: string
  readonly apiKey: string
  readonly apiSecret: string
  /** For a broker where a person has to sign in. */
  readonly accessToken?: string | undefined
}

export interface Terms {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly quantity: number
  /** Rupees, as text. */
  readonly price: string
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** One HTTP exchange. It fails if no answer comes in time. `onWritten` runs when all bytes were written. */
const exchange = (
  url: string,
  options: { readonly method: string; readonly headers: Record<string, string>; readonly body?: string; readonly timeoutMs: number },
  onWritten?: () => void
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { body = "", headers, method, timeoutMs } = options
    const sent = request(url, { method, headers, timeout: timeoutMs, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      response.on("error", reject)
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")))
    sent.on("error", reject)
    if (onWritten !== undefined) sent.on("finish", onWritten)
    sent.end(body)
  })

/** The test does not measure the login, so a busy machine gets a long time for it. */
const loginMsMax = 120_000

/**
 * Returns the value of the Authorization header. An account without an access token signs in at a broker that consents at once, as the
 * simulator does.
 */
export const login = async (root: string, { accessToken, apiKey, apiSecret }: Account): Promise<string> => {
  if (accessToken !== undefined) return `token ${apiKey}:${accessToken}`
  const page = await fetch(`${root}/connect/login?v=3&api_key=${apiKey}`, { redirect: "manual", signal: AbortSignal.timeout(loginMsMax) })
  const token = new URL(page.headers.get("location") ?? "").searchParams.get("request_token") ?? ""
  const checksum = Sessions.checksumOf(apiKey, token, apiSecret)
  const body = new URLSearchParams({ api_key: apiKey, request_token: token, checksum }).toString()
  const answer = await exchange(`${root}/session/token`, {
    method: "POST",
    headers: { "x-kite-version": "3" },
    body,
    timeoutMs: loginMsMax
  })
  if (answer.status !== 200) throw new Error(`the login answered ${answer.status}: ${answer.body}`)
  return `token ${apiKey}:${JSON.parse(answer.body).data.access_token}`
}

const headersOf = (authorization: string) => ({
  authorization,
  "x-kite-version": "3",
  "content-type": "application/x-www-form-urlencoded"
})

/** Places a limit order, and returns the reply. */
export const place = async (
  root: string,
  authorization: string,
  { exchange: at, price, quantity, tradingsymbol }: Terms,
  tag: string,
  timeoutMs: number,
  onWritten: () => void
): Promise<Outcome.Reply> => {
  const form = { exchange: at, tradingsymbol, transaction_type: "BUY", quantity: String(quantity), product: "NRML", order_type: "LIMIT" }
  const body = new URLSearchParams({ ...form, price, tag }).toString()
  try {
    const answer = await exchange(
      `${root}/orders/regular`,
      { method: "POST", headers: headersOf(authorization), body, timeoutMs },
      onWritten
    )
    const isJson = answer.body.startsWith("{")
    const { data, error_type, message } = isJson ? JSON.parse(answer.body) : {}
    return Outcome.Reply.Answer({
      httpStatus: answer.status,
      errorType: error_type ?? null,
      message: message ?? null,
      orderId: data?.order_id ?? null
    })
  } catch (error) {
    return Outcome.Reply.Lost({ reason: String(error) })
  }
}

interface BookRow {
  readonly order_id: string
  readonly tag: string | null
}

/** The whole order book. */
export const orders = async (root: string, authorization: string): Promise<ReadonlyArray<BookRow>> => {
  const answer = await exchange(`${root}/orders`, { method: "GET", headers: headersOf(authorization), timeoutMs: loginMsMax })
  if (answer.status !== 200) throw new Error(`the order book answered ${answer.status}: ${answer.body.slice(0, 300)}`)
  return JSON.parse(answer.body).data
}

/** Reads the order book. Returns the id of each order by its tag, "failed", or "expired" if the token has ended. */
export const readBook = async (
  root: string,
  authorization: string,
  timeoutMs: number
): Promise<ReadonlyMap<string, string> | "failed" | "expired"> => {
  try {
    const answer = await exchange(`${root}/orders`, { method: "GET", headers: headersOf(authorization), timeoutMs })
    if (answer.status === 403) return "expired"
    if (answer.status !== 200) return "failed"
    const rows: ReadonlyArray<BookRow> = JSON.parse(answer.body).data
    return new Map(rows.flatMap(({ order_id, tag }) => (tag === null ? [] : [[tag, order_id] as const])).toReversed())
  } catch {
    // A failed reading shows nothing, so the caller reads again.
    return "failed"
  }
}
