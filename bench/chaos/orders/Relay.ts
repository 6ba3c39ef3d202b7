/**
 * A relay between executors and a broker that cannot make faults on request. It passes requests on, makes the faults itself, and hides new
 * orders from the order book for the lag. The broker's own order books show the true orders.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { Schema } from "effect"
import * as Faults from "../../../src/simulator/orders/Faults.ts"
import type * as Broker from "./Broker.ts"
import * as Kite from "./Kite.ts"

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

interface Placed {
  readonly data?: { readonly order_id?: string }
}

const decode = Schema.decodeUnknownSync(Faults.Fault)
const decodeScatter = Schema.decodeUnknownSync(Schema.NonEmptyArray(Faults.Fault))

const json = (status: number, value: unknown): Answer => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value)
})
const refusal = (status: number, error_type: string, message: string): Answer =>
  json(status, { status: "error", message, data: null, error_type })
const timedOut: Answer = { status: 504, headers: { "content-type": "text/html" }, body: "<html>504 Gateway Time-out</html>" }

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const write = (response: ServerResponse, { body, headers, status }: Answer): void => {
  if (response.destroyed) return
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
  response.end(body)
}

/** Which faults a request can meet. */
const targetOf = ({ method, url = "" }: IncomingMessage): Faults.Target | undefined => {
  const [path = ""] = url.split("?", 1)
  if (method !== "GET") return path.startsWith("/orders/") ? "change" : undefined
  return path === "/orders" || path === "/trades" || path.startsWith("/orders/") ? "read" : undefined
}

/** Headers of requests and of answers that are passed on. A body is passed on as text, without compression. */
const sentOn = ["authorization", "x-kite-version", "content-type"] as const
const answeredOn = ["content-type", "location"] as const

type PassOn = () => Promise<Answer>

/** Answers a request that meets a fault, as src/simulator/orders/OrderRoutes.ts does. */
const failed = async (fault: Faults.Fault, passOn: PassOn, response: ServerResponse): Promise<void> => {
  switch (fault.kind) {
    case "lose":
      return void response.destroy()
    case "drop_reply":
      await passOn()
      return void response.destroy()
    case "late":
      response.destroy()
      await sleep(fault.afterMs)
      return void (await passOn())
    case "slow": {
      const answer = await passOn()
      await sleep(fault.afterMs)
      return write(response, answer)
    }
    case "hang":
      if (fault.isCarriedOut) await passOn()
      return
    case "reset":
      if (fault.isCarriedOut) await passOn()
      return void response.socket?.resetAndDestroy()
    case "gateway_timeout":
      if (fault.isCarriedOut) await passOn()
      return write(response, timedOut)
    case "network":
      if (fault.isCarriedOut) await passOn()
      return write(response, refusal(fault.status, "NetworkException", "Something went wrong. Please try again."))
    case "too_many":
      return write(response, refusal(429, "NetworkException", "Too many requests"))
    case "token_expires":
      return write(response, refusal(403, "TokenException", "Incorrect `api_key` or `access_token`."))
  }
}

export interface Relay {
  readonly broker: Broker.Broker
  readonly close: () => void
}

export const open = async (target: string, accounts: ReadonlyArray<Kite.Account>): Promise<Relay> => {
  const faults = new Faults.Faults()
  /** When an order was placed here, UNIX ms. */
  const placedAtMs = new Map<string, number>()
  let lagMs = 0

  const passOn = async (request: IncomingMessage, body: Buffer): Promise<Answer> => {
    const { method = "GET", url = "/" } = request
    const headers = Object.fromEntries(
      sentOn.flatMap((name) => {
        const value = request.headers[name]
        return typeof value === "string" ? [[name, value]] : []
      })
    )
    const response = await fetch(`${target}${url}`, { method, headers, redirect: "manual", ...(body.length === 0 ? {} : { body }) })
    const answered = answeredOn.flatMap((name) => {
      const value = response.headers.get(name)
      return value === null ? [] : [[name, value]]
    })
    return { status: response.status, headers: Object.fromEntries(answered), body: await response.text() }
  }
  const placing = async (request: IncomingMessage, body: Buffer): Promise<Answer> => {
    const answer = await passOn(request, body)
    const id = answer.status === 200 ? (JSON.parse(answer.body) as Placed).data?.order_id : undefined
    if (id !== undefined) placedAtMs.set(id, Date.now())
    return answer
  }
  const reading = async (request: IncomingMessage, body: Buffer): Promise<Answer> => {
    const nowMs = Date.now()
    const answer = await passOn(request, body)
    if (answer.status !== 200 || request.url !== "/orders" || lagMs === 0) return answer
    const book = JSON.parse(answer.body) as { readonly data: ReadonlyArray<Broker.Real> }
    return json(200, { ...book, data: book.data.filter(({ order_id }) => (placedAtMs.get(order_id) ?? 0) + lagMs <= nowMs) })
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request)
    const kind = targetOf(request)
    if (kind === undefined) return write(response, await passOn(request, body))
    const apiKey = /^token ([^:]+):/.exec(request.headers.authorization ?? "")?.[1]
    const account = accounts.find((one) => one.apiKey === apiKey)
    const carryOut = () => (kind === "change" ? placing(request, body) : reading(request, body))
    const fault = account === undefined ? undefined : faults.take(kind, account.accountId)
    if (fault === undefined) write(response, await carryOut())
    else await failed(fault, carryOut, response)
  }
  const server = createServer((request, response) => {
    // If the broker did not answer, the executor gets no answer either.
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo

  const ordersOf = async (account: Kite.Account) => Kite.orders(target, await Kite.login(target, account))
  const control: Broker.Control = {
    add: async (accountId, target, added) =>
      faults.addTo(
        target,
        added.map((fault) => decode(fault)),
        accountId
      ),
    clearOf: async (accountId) => faults.clearOf(accountId),
    clear: async () => {
      faults.clear()
      lagMs = 0
    },
    scatter: async ({ among, ...scatter }) => faults.scatter({ ...scatter, among: decodeScatter(among) }),
    lag: async (ms) => {
      lagMs = ms
    },
    applied: async () => faults.applied(),
    orders: async () => (await Promise.all(accounts.map(ordersOf))).flat()
  }
  return {
    broker: { root: `http://127.0.0.1:${port}`, accounts, control },
    close: () => {
      server.close()
      server.closeAllConnections()
    }
  }
}
