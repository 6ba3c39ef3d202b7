import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import { KiteConnect } from "kiteconnect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import type * as SimulatorOptions from "../../../src/simulator/SimulatorOptions.ts"
import { waitMsMax } from "../../Patience.ts"
import { account, alone, connect, first, login, second, until } from "../SimulatorWorld.ts"

const startMs = Date.parse("2026-11-23T04:00:00Z")
const start = (options: Partial<SimulatorOptions.Options> = {}) =>
  Simulator.make({
    accounts: [first, second],
    market: { mode: "synthetic", startMs, rate: 0, strikesEachSide: 1 },
    adminPort: 0,
    ...options
  }).pipe(Logger.withMinimumLogLevel(LogLevel.Warning))

type Client = InstanceType<typeof KiteConnect>
type Json = Readonly<Record<string, unknown>>
const call = <A = Json>(run: () => Promise<unknown>): Effect.Effect<A, Json> =>
  Effect.tryPromise({ try: run, catch: (error) => error as Json }) as Effect.Effect<A, Json>

/** Asks the admin port, and fails the test with a refusal. */
const ask = <A = unknown>({ adminUrl }: Simulator.Service, method: string, path: string, body?: object) =>
  Effect.promise(async () => {
    const response = await fetch(`${adminUrl}${path}`, { ...alone, method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const answer = (await response.json()) as { readonly data: unknown }
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
    return answer.data as A
  })
const truth = (simulator: Simulator.Service) => ask<ReadonlyArray<Json>>(simulator, "GET", "/orders")

const limit = ({ market }: Simulator.Service, change: object = {}) => {
  const instrument = market.instruments.find(({ instrumentType }) => instrumentType === "FUT")
  const row = market.rowByToken.get(instrument?.token ?? 0)
  if (instrument === undefined || row === undefined) throw new Error("the market has no future")
  const price = (Frame.rowOf(market.columns, row).bids[0]?.price ?? 0) / Instrument.priceScale(instrument.token)
  return {
    exchange: instrument.exchange,
    tradingsymbol: instrument.tradingsymbol,
    transaction_type: "BUY",
    quantity: instrument.lotSize,
    product: "NRML",
    order_type: "LIMIT",
    price,
    ...change
  } as never
}
const place = (client: Client, simulator: Simulator.Service, tag: string) =>
  call(() => client.placeOrder("regular", limit(simulator, { tag })))

/** The answer of each fault, and whether the order then exists. */
const faults: ReadonlyArray<readonly [fault: { readonly kind: string; readonly [more: string]: unknown }, isThere: boolean, answer: Json]> =
  [
    [{ kind: "drop_reply" }, true, { error_type: "NetworkException" }],
    [{ kind: "lose" }, false, { error_type: "NetworkException" }],
    [{ kind: "hang", is_carried_out: true }, true, { message: expect.stringMatching(/ECONNABORTED/) }],
    [{ kind: "hang", is_carried_out: false }, false, { message: expect.stringMatching(/ECONNABORTED/) }],
    [{ kind: "reset", is_carried_out: true }, true, { message: expect.stringMatching(/ECONNRESET/) }],
    [{ kind: "reset", is_carried_out: false }, false, { message: expect.stringMatching(/ECONNRESET/) }],
    [{ kind: "gateway_timeout", is_carried_out: true }, true, { error_type: "NetworkException" }],
    [{ kind: "gateway_timeout", is_carried_out: false }, false, { error_type: "NetworkException" }],
    [{ kind: "network", status: 502, is_carried_out: true }, true, { message: expect.stringMatching(/Something went wrong/) }],
    [{ kind: "network", status: 503, is_carried_out: false }, false, { message: expect.stringMatching(/Something went wrong/) }],
    [{ kind: "too_many" }, false, { message: "Too many requests" }],
    [{ kind: "token_expires" }, false, { error_type: "TokenException" }]
  ]

describe("faults of the simulator, asked for at its admin port", () => {
  it.scopedLive("fail the next requests in their order, and the list of all orders shows which were carried out", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { accessToken } = yield* login(simulator.url)
      const client = (timeout: number) =>
        new KiteConnect({ api_key: first.apiKey, access_token: accessToken, root: simulator.url, timeout })
      const patient = client(waitMsMax)
      // Long enough for the request to arrive on a busy machine.
      const impatient = client(5_000)
      yield* ask(simulator, "POST", "/faults", { faults: faults.map(([fault]) => fault) })
      for (const [at, [fault, , answer]] of faults.entries()) {
        const failed = yield* Effect.flip(place(fault.kind === "hang" ? impatient : patient, simulator, `tag${at}`))
        expect(failed, JSON.stringify(fault)).toMatchObject(answer)
      }
      const there = (yield* truth(simulator)).map(({ tag }) => tag)
      expect(there).toEqual(faults.flatMap(([, isThere], at) => (isThere ? [`tag${at}`] : [])))
      expect(yield* Effect.flip(call(() => patient.getOrders()))).toMatchObject({ error_type: "TokenException" })
      expect(yield* ask(simulator, "GET", "/faults")).toMatchObject({ waiting: { change: 0, read: 0 }, applied: { hang: 2, too_many: 1 } })
    })
  )

  it.scopedLive("delay an answer or a request, and fail readings of the order book", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite: client } = yield* login(simulator.url)
      const slow = { kind: "slow", after_ms: 300 }
      yield* ask(simulator, "POST", "/faults", { faults: [slow, { kind: "late", after_ms: 10_000 }] })
      const begunMs = performance.now()
      yield* place(client, simulator, "slow")
      expect(performance.now() - begunMs).toBeGreaterThanOrEqual(295)
      yield* Effect.flip(place(client, simulator, "late"))
      expect((yield* truth(simulator)).map(({ tag }) => tag)).toEqual(["slow"])
      let tags: ReadonlyArray<unknown> = []
      for (; tags.length < 2; yield* Effect.sleep("25 millis")) tags = (yield* truth(simulator)).map(({ tag }) => tag)
      expect(tags).toEqual(["slow", "late"])

      yield* ask(simulator, "POST", "/faults", { target: "read", faults: [{ kind: "gateway_timeout", is_carried_out: true }] })
      expect(yield* Effect.flip(call(() => client.getOrders()))).toMatchObject({ error_type: "NetworkException" })
      yield* ask(simulator, "PUT", "/lag", { lag_ms: 300_000 })
      yield* place(client, simulator, "hidden")
      expect(yield* call<ReadonlyArray<Json>>(() => client.getOrders())).toHaveLength(2)
      expect(yield* truth(simulator)).toMatchObject([{ account_id: "a1" }, {}, { tag: "hidden", status: "OPEN" }])
    })
  )

  it.scopedLive("strike at random by a seed, the same seed the same way, until they are cleared", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite: client } = yield* login(simulator.url)
      const round = (name: string) =>
        Effect.gen(function* () {
          yield* ask(simulator, "PUT", "/faults/scatter", { seed: 7, share: 0.5, among: [{ kind: "lose" }, { kind: "too_many" }] })
          const failed: Array<boolean> = []
          for (let at = 0; at < 20; at++) failed.push((yield* Effect.either(place(client, simulator, `${name}${at}`)))._tag === "Left")
          return failed
        })
      const failed = yield* round("a")
      expect(new Set(failed).size).toBe(2)
      expect(yield* round("b")).toEqual(failed)
      yield* ask(simulator, "DELETE", "/faults")
      for (let at = 0; at < 10; at++) yield* place(client, simulator, `c${at}`)
    })
  )

  it.scopedLive("end a session and cut sockets, and invalid requests are refused", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { accessToken, kite: client } = yield* login(simulator.url)
      const socket = yield* connect(simulator.wsUrl, `/?api_key=${first.apiKey}&access_token=${accessToken}`).pipe(Effect.orDie)
      yield* ask(simulator, "POST", "/sockets/cut", { account_id: second.accountId })
      yield* call(() => client.getProfile())
      expect(socket.isClosed()).toBe(false)
      yield* ask(simulator, "POST", "/sockets/cut", { account_id: first.accountId })
      yield* until("the socket's end", socket.isClosed)
      yield* ask(simulator, "POST", "/sessions/expire", { account_id: first.accountId })
      expect(yield* Effect.flip(call(() => client.getProfile()))).toMatchObject({ error_type: "TokenException" })
      const status = (method: string, path: string, body?: string) =>
        Effect.promise(
          async () => (await fetch(`${simulator.adminUrl}${path}`, { method, ...(body === undefined ? {} : { body }) })).status
        )
      expect(yield* status("POST", "/faults", JSON.stringify({ faults: [{ kind: "flood" }] }))).toBe(400)
      expect(yield* status("PUT", "/lag", "{")).toBe(400)
      expect(yield* status("POST", "/sessions/expire", JSON.stringify({ account_id: "nobody" }))).toBe(404)
      expect(yield* status("POST", "/sockets/cut", JSON.stringify({ account_id: "nobody" }))).toBe(404)
      expect(yield* status("GET", "/nothing")).toBe(404)
    })
  )
})

describe("reports of orders by the simulator", () => {
  /** An HTTP server that keeps the bodies that were posted to it. */
  const receiver = Effect.gen(function* () {
    const posted: Array<Json> = []
    const server = createServer((request, response) => {
      let body = ""
      request.on("data", (chunk) => {
        body += chunk
      })
      request.on("end", () => {
        posted.push(JSON.parse(body))
        response.end()
      })
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () => Effect.sync(() => server.closeAllConnections()).pipe(Effect.zipRight(Effect.sync(() => server.close())))
    )
    return { posted, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/postback` }
  })

  it.scopedLive("ends and modifications are posted with a checksum that Kite's own client accepts", () =>
    Effect.gen(function* () {
      const { posted, url } = yield* receiver
      const simulator = yield* start({ postbackUrl: url })
      const { kite: client } = yield* login(simulator.url)
      const { order_id } = yield* place(client, simulator, "posted")
      yield* call(() => client.modifyOrder("regular", String(order_id), { quantity: 2 * 65 } as never))
      yield* call(() => client.cancelOrder("regular", String(order_id)))
      yield* until("two postbacks", () => posted.length === 2)
      expect(posted.map(({ status }) => status)).toEqual(["UPDATE", "CANCELLED"])
      for (const body of posted) expect(client.validatePostback(body as never, first.apiSecret)).toBe(true)
    })
  )

  it.scopedLive("come twice, in the wrong order or not at all, as a test asks", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { accessToken, kite: client } = yield* login(simulator.url)
      const socket = yield* connect(simulator.wsUrl, `/?api_key=${first.apiKey}&access_token=${accessToken}`).pipe(Effect.orDie)
      const statuses = () => socket.texts.flatMap(({ data, type }) => (type === "order" ? [(data as Json)["status"]] : []))
      const sound = { is_doubled: false, is_swapped: false, is_lost: false, delay_ms: 0 }
      const placeAndCancel = (change: object, count: number) =>
        Effect.gen(function* () {
          yield* ask(simulator, "PUT", "/updates", { ...sound, ...change })
          socket.texts.length = 0
          const { order_id } = yield* place(client, simulator, "x")
          yield* call(() => client.cancelOrder("regular", String(order_id)))
          yield* until(`${count} messages`, () => statuses().length === count)
          return statuses()
        })
      expect(yield* placeAndCancel({ is_doubled: true }, 4)).toEqual(["OPEN", "OPEN", "CANCELLED", "CANCELLED"])
      expect(yield* placeAndCancel({ is_swapped: true }, 2)).toEqual(["CANCELLED", "OPEN"])
      expect(yield* placeAndCancel({ delay_ms: 20 }, 2)).toEqual(["OPEN", "CANCELLED"])
      yield* placeAndCancel({ is_lost: true }, 0)
      // A lost report does not come later: the next message is the next order's.
      expect(yield* placeAndCancel({}, 2)).toEqual(["OPEN", "CANCELLED"])
      // A report that nothing overtakes comes too.
      yield* ask(simulator, "PUT", "/updates", { ...sound, is_swapped: true })
      socket.texts.length = 0
      yield* place(client, simulator, "alone")
      yield* until("the report", () => statuses().length === 1)
    })
  )

  it.scopedLive("a simulator without an admin port has none", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.make({
        accounts: [account("b1")],
        market: { mode: "synthetic", startMs, rate: 0, strikesEachSide: 1 }
      }).pipe(Logger.withMinimumLogLevel(LogLevel.Warning))
      expect(simulator.adminUrl).toBe(null)
      expect((yield* Effect.promise(() => fetch(`${simulator.url}/faults`))).status).toBe(404)
    })
  )
})
