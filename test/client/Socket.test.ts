import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import * as Backoff from "../../src/client/Backoff.ts"
import * as Socket from "../../src/client/Socket.ts"

/** A WebSocket whose other side is the test. */
class Wire implements Socket.WebSocketLike {
  static all: Array<Wire> = []
  readonly url: string
  readonly protocols: ReadonlyArray<string>
  readonly sent: Array<unknown> = []
  readonly #listeners = new Map<string, (event: never) => void>()
  readyState = 0
  constructor(url: string, protocols: Array<string>) {
    this.url = url
    this.protocols = protocols
    Wire.all.push(this)
  }
  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, listener)
  }
  fire(type: "open" | "message" | "close" | "error", event: object = {}): void {
    if (type === "open") this.readyState = 1
    if (type === "close") this.readyState = 3
    this.#listeners.get(type)?.(event as never)
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }
  close(): void {
    this.readyState = 2
  }
}
const newest = () => {
  const wire = Wire.all.at(-1)
  if (wire === undefined) throw new Error("nothing was opened")
  return wire
}

beforeEach(() => {
  Wire.all = []
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] })
})
afterEach(() => vi.useRealTimers())
/** Lets promises settle, because the token is requested as a promise. */
const settle = () => vi.advanceTimersByTimeAsync(0)

const open = async (token: Socket.Options["token"] = () => "jwt") => {
  const told: Array<Socket.StateChange | string> = []
  const socket = Socket.make({
    url: "ws://gateway/ws/ticks",
    token,
    WebSocket: Wire,
    onOpen: () => told.push("said again"),
    onText: (text) => told.push(text),
    onState: (change) => told.push(change)
  })
  await settle()
  const states = () => told.map((one) => (typeof one === "string" ? one : one.state))
  const waits = () => told.flatMap((one) => (typeof one !== "string" && one.state === "waiting" ? [one] : []))
  return { socket, told, states, waits }
}

describe("Socket", () => {
  it("offers the subprotocol and the token, subscribes again at each open, and passes messages on", async () => {
    const { socket, states } = await open()
    assert.deepStrictEqual([newest().url, newest().protocols], ["ws://gateway/ws/ticks", ["tarang.v1", "bearer.jwt"]])
    assert.isFalse(socket.isOpen())
    newest().fire("open")
    assert.isTrue(socket.isOpen())
    newest().fire("message", { data: "hello" })
    socket.send({ action: "x" })
    assert.deepStrictEqual(newest().sent, [{ action: "x" }])
    assert.deepStrictEqual(states(), ["connecting", "open", "said again", "hello"])
    socket.close()
    socket.close()
    assert.deepStrictEqual(states().slice(4), ["closed"])
    assert.strictEqual(newest().readyState, 2)
    await vi.advanceTimersByTimeAsync(60_000)
    assert.strictEqual(Wire.all.length, 1)
  })

  it("doubles the wait after each failure up to a limit, and starts over after a healthy connection", async () => {
    const { waits } = await open()
    for (let failure = 0; failure < 8; failure++) {
      newest().fire("close", { code: 1006, reason: "" })
      await vi.advanceTimersByTimeAsync(waits().at(-1)?.retryMs ?? 0)
    }
    const full = [400, 800, 1_600, 3_200, 6_400, 8_000, 8_000, 8_000]
    for (const [at, { retryMs }] of waits().entries()) {
      assert.isAtLeast(retryMs, (full[at] ?? 0) / 2)
      assert.isAtMost(retryMs, full[at] ?? 0)
    }
    assert.strictEqual(Wire.all.length, 9)
    newest().fire("open")
    for (let sign = 0; sign < 3; sign++) {
      await vi.advanceTimersByTimeAsync(Backoff.healthyMs / 2)
      newest().fire("message", { data: "pong" })
    }
    newest().fire("close", { code: 1012, reason: "restarting" })
    const last = waits().at(-1)
    assert.deepInclude(last, { isRefused: false, code: 1012, reason: "restarting" })
    assert.isAtMost(last?.retryMs ?? Number.NaN, 400)
  })

  it("distinguishes a refused handshake and an expired token from a missing network", async () => {
    const { waits } = await open()
    newest().fire("error", { message: "Unexpected server response: 403" })
    newest().fire("close", { code: 1006, reason: "" })
    assert.deepInclude(waits()[0], { isRefused: true, reason: "Unexpected server response: 403" })
    await vi.advanceTimersByTimeAsync(400)
    newest().fire("open")
    newest().fire("close", { code: 1006, reason: "" })
    assert.isFalse(waits()[1]?.isRefused)
    await vi.advanceTimersByTimeAsync(800)
    newest().fire("open")
    newest().fire("close", { code: 4401, reason: "token expired" })
    assert.isTrue(waits()[2]?.isRefused)
  })

  it("gets a token at each attempt, and treats a missing token as a failure", async () => {
    const tokens = [async () => "first", async () => Promise.reject(new Error("signed out")), () => "third"]
    const { waits } = await open(() => tokens.shift()?.() ?? "none")
    newest().fire("close", { code: 1006, reason: "" })
    await vi.advanceTimersByTimeAsync(400)
    assert.strictEqual(waits()[1]?.reason, "no connection can be made: signed out")
    await vi.advanceTimersByTimeAsync(800)
    assert.deepStrictEqual(
      Wire.all.map(({ protocols }) => protocols[1]),
      ["bearer.first", "bearer.third"]
    )
  })

  it("pings, and gives up a silent gateway; later messages of the old connection are ignored", async () => {
    const { waits, states } = await open()
    const old = newest()
    old.fire("open")
    await vi.advanceTimersByTimeAsync(8_000)
    assert.deepStrictEqual(old.sent, [{ action: "ping" }, { action: "ping" }])
    assert.deepStrictEqual(waits(), [])
    old.fire("message", { data: "pong" })
    await vi.advanceTimersByTimeAsync(12_000)
    assert.deepInclude(waits()[0], { isRefused: false, reason: "the gateway is silent" })
    await vi.advanceTimersByTimeAsync(400)
    const before = states().length
    old.fire("message", { data: "too late" })
    old.fire("close", { code: 1006, reason: "" })
    old.fire("open")
    assert.strictEqual(states().length, before)
  })

  it("connects at once when woken from a wait, and not otherwise", async () => {
    const { socket } = await open()
    socket.wake()
    await settle()
    assert.strictEqual(Wire.all.length, 1)
    newest().fire("close", { code: 1006, reason: "" })
    socket.wake()
    await settle()
    assert.strictEqual(Wire.all.length, 2)
    await vi.advanceTimersByTimeAsync(400)
    assert.strictEqual(Wire.all.length, 2)
  })

  it("stays disconnected while paused, and closes for good in any state", async () => {
    const { socket, states } = await open()
    newest().fire("open")
    socket.pause()
    await vi.advanceTimersByTimeAsync(60_000)
    socket.wake()
    assert.strictEqual(Wire.all.length, 1)
    socket.resume()
    await settle()
    assert.strictEqual(Wire.all.length, 2)
    socket.pause()
    socket.close()
    socket.resume()
    socket.pause()
    await settle()
    assert.deepStrictEqual([Wire.all.length, states().at(-1)], [2, "closed"])
  })
})

describe("Backoff", () => {
  it("doubles up to a limit, with jitter", () => {
    assert.deepStrictEqual(
      [1, 2, 3, 6, 1_000].map((failures) => Backoff.waitMs(failures, 0)),
      [200, 400, 800, 4_000, 4_000]
    )
    for (const random of [0, 0.5, 0.999]) assert.isAtMost(Backoff.waitMs(50, random), 8_000)
  })
})
