/** Posts orders to the platform, or straight to the broker, and notes when each was written and answered. */
import { Agent, request } from "node:http"
import * as Kite from "../chaos/orders/Kite.ts"
import type * as Desk from "./Desk.ts"

/** One order of a caller. Times are UNIX ms. */
export interface Call {
  readonly orderId: string
  readonly calledAtMs: number
  readonly answeredAtMs: number
  /** The order's task; null for the bare loop. */
  readonly task: Task | null
}

/** Times of a task, UNIX ms, by the platform's own clock, which is the caller's. */
export interface Task {
  /** When it was saved. */
  readonly acceptedAtMs: number
  /** When all rules had been checked again and the attempt began. */
  readonly begunAtMs: number
}

export interface Caller {
  readonly place: (number: number) => Promise<Call>
  readonly close: () => void
}

const answerMsMax = 60_000
const nowMs = (): number => performance.timeOrigin + performance.now()

const exchange = (url: string, agent: Agent, headers: Readonly<Record<string, string>>, body: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent, headers, timeout: answerMsMax }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      response.on("error", reject)
      response.on("end", () => {
        if (response.statusCode === 200 || response.statusCode === 202) resolve(text)
        else reject(new Error(`${url}: ${response.statusCode} ${text}`))
      })
    })
    sent.on("timeout", () => sent.destroy(new Error(`${url}: no answer in ${answerMsMax / 1_000} s`)))
    sent.on("error", reject)
    sent.end(body)
  })

/** The number of different prices, so that no two orders in a row are the same. */
const pricesMax = 50
const termsOf = ({ exchange, lotSize, lowest, tickSize, tradingsymbol }: Desk.Contract, number: number) => ({
  exchange,
  tradingsymbol,
  transaction_type: "BUY",
  quantity: lotSize,
  product: "NRML",
  order_type: "LIMIT",
  price: ((lowest + (number % pricesMax) * tickSize) / 100).toFixed(2)
})

const running: ReadonlySet<string> = new Set(["PENDING", "RUNNING", "RETRYING"])
const deadlineSeconds = 120

interface Answer {
  readonly status: string
  readonly order_id: string
  readonly created_at: string
  readonly attempts: ReadonlyArray<{ readonly started_at: string }>
}

/** Orders by `POST /orders` of the platform. The answer comes when the broker has confirmed. */
export const platform = (port: number, jwt: string, accountId: string, contract: Desk.Contract): Caller => {
  const agent = new Agent({ keepAlive: true })
  const url = `http://127.0.0.1:${port}/orders?wait_ms=30000`
  const place = async (number: number): Promise<Call> => {
    const headers = { authorization: `Bearer ${jwt}`, "content-type": "application/json", "idempotency-key": `bench-${number}` }
    const body = JSON.stringify({ account_id: accountId, kind: "place", deadline_s: deadlineSeconds, ...termsOf(contract, number) })
    const calledAtMs = nowMs()
    let text: string
    let task: Answer
    // A busy machine may take longer than one request waits. The key then returns the same task.
    do {
      text = await exchange(url, agent, headers, body)
      task = JSON.parse(text)
    } while (running.has(task.status))
    const answeredAtMs = nowMs()
    if (task.status !== "COMPLETED") throw new Error(`order ${number} was not placed: ${text}`)
    const begunAtMs = Date.parse(task.attempts.at(-1)?.started_at ?? "")
    return { orderId: task.order_id, calledAtMs, answeredAtMs, task: { acceptedAtMs: Date.parse(task.created_at), begunAtMs } }
  }
  return { place, close: () => agent.destroy() }
}

/** Orders by only a POST to the broker: no key, no row, no rule. */
export const bare = async (root: string, account: Kite.Account, contract: Desk.Contract): Promise<Caller> => {
  const authorization = await Kite.login(root, account)
  const agent = new Agent({ keepAlive: true })
  const headers = { authorization, "x-kite-version": "3", "content-type": "application/x-www-form-urlencoded" }
  const place = async (number: number): Promise<Call> => {
    const { quantity, ...terms } = termsOf(contract, number)
    const body = new URLSearchParams({ ...terms, quantity: String(quantity), validity: "DAY", tag: `bare${number}` }).toString()
    const calledAtMs = nowMs()
    const text = await exchange(`${root}/orders/regular`, agent, headers, body)
    const answeredAtMs = nowMs()
    const { data } = JSON.parse(text) as { readonly data: { readonly order_id: string } }
    return { orderId: data.order_id, calledAtMs, answeredAtMs, task: null }
  }
  return { place, close: () => agent.destroy() }
}
