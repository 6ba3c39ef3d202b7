import { EventEmitter } from "node:events"
import { PassThrough } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import type { WebSocket } from "ws"
import { User } from "../../../src/contract/shared/Authentication.ts"
import * as CloseCodes from "../../../src/contract/sockets/CloseCodes.ts"
import { Connection } from "../../../src/gateway/sockets/Connection.ts"

/** A socket whose peer reads nothing until asked to. */
class Socket extends EventEmitter {
  readyState = 1
  bufferedAmount = 0
  isStuck = false
  readonly sent: Array<Record<string, unknown>> = []
  closedWith: number | undefined
  isTerminated = false
  send(text: string): void {
    this.sent.push(JSON.parse(text))
    if (this.isStuck) this.bufferedAmount += text.length
  }
  close(code: number): void {
    this.readyState = 2
    this.closedWith = code
    this.emit("close")
  }
  terminate(): void {
    this.isTerminated = true
  }
}

const user = new User({ id: "u1", email: null, name: null, role: "trader", expiresAtMs: 0, key: null })
const limits = { softBytes: 100, hardBytes: 400, stalledMs: 1000 }
const make = (options: { isBatched?: boolean; isPacked?: boolean; limits?: Partial<typeof limits> } = {}) => {
  const socket = new Socket()
  const connection = new Connection(socket as unknown as WebSocket, new PassThrough(), {
    id: "c1",
    user,
    isBatched: options.isBatched ?? false,
    isPacked: options.isPacked ?? false,
    limits: { ...limits, ...options.limits }
  })
  return { socket, connection }
}
const tick = (n: number) => JSON.stringify({ n })
const numbers = (socket: Socket) => socket.sent.map(({ n }) => n)

describe("Connection", () => {
  it("writes every event to a client that reads, in order", () => {
    const { socket, connection } = make()
    for (let n = 0; n < 500; n++) connection.event(n % 3, tick(n))
    assert.isFalse(connection.flush(0))
    assert.deepStrictEqual(
      numbers(socket),
      Array.from({ length: 500 }, (_, n) => n)
    )
  })

  it("beyond the soft limit keeps the newest event of each topic and sends the number of replaced ones", () => {
    const { socket, connection } = make()
    socket.bufferedAmount = 101
    for (let n = 0; n < 10; n++) connection.event(n % 2, tick(n))
    assert.isTrue(connection.flush(0))
    connection.event(0, tick(10))
    assert.isTrue(connection.flush(50))
    assert.deepStrictEqual(socket.sent, [])
    socket.bufferedAmount = 0
    assert.isFalse(connection.flush(100))
    assert.deepStrictEqual(socket.sent, [{ n: 9, conflated: 9 }, { n: 10 }])
    connection.event(0, tick(11))
    connection.flush(150)
    assert.deepStrictEqual(socket.sent.at(-1), { n: 11 })
  })

  it("beyond the hard limit, or when nothing is read for too long, closes with 4008", () => {
    const full = make()
    full.socket.bufferedAmount = 390
    full.connection.event(1, tick(1))
    assert.isTrue(full.connection.flush(0))
    full.connection.event(2, tick(2))
    assert.isFalse(full.connection.flush(1))
    assert.strictEqual(full.socket.closedWith, 4008)

    const stalled = make()
    stalled.socket.bufferedAmount = 200
    stalled.connection.event(1, tick(1))
    assert.isTrue(stalled.connection.flush(0))
    stalled.socket.bufferedAmount = 150 // it has read something, so the clock restarts
    assert.isTrue(stalled.connection.flush(900))
    assert.isTrue(stalled.connection.flush(1900))
    assert.strictEqual(stalled.socket.closedWith, undefined)
    assert.isFalse(stalled.connection.flush(1901))
    assert.strictEqual(stalled.socket.closedWith, 4008)
  })

  it("closes a client that sends requests and never reads the answers", () => {
    const { socket, connection } = make()
    socket.isStuck = true
    for (let n = 0; n < 100; n++) connection.reply({ type: "pong" })
    assert.strictEqual(socket.closedWith, 4008)
    assert.isBelow(socket.sent.length, 40)
  })

  it("a state that is still queued is replaced by the whole newest one", () => {
    const { socket, connection } = make()
    connection.state("chain", '{"change":1}', () => '{"whole":1}')
    connection.flush(0)
    connection.state("chain", '{"change":2}', () => '{"whole":2}')
    connection.state("chain", '{"change":3}', () => '{"whole":3}')
    connection.flush(1)
    connection.state("other", undefined, () => '{"whole":4}')
    connection.flush(2)
    assert.deepStrictEqual(socket.sent, [{ change: 1 }, { whole: 3 }, { whole: 4 }])
  })

  it("counts the states that a slow client did not get", () => {
    const { socket, connection } = make()
    socket.bufferedAmount = 101
    for (let n = 1; n <= 3; n++) {
      connection.state("chain", `{"change":${n}}`, () => `{"whole":${n}}`)
      connection.flush(n)
    }
    socket.bufferedAmount = 0
    connection.flush(4)
    assert.deepStrictEqual(socket.sent, [{ whole: 3, conflated: 2 }])
  })

  it("leaving a topic removes its queued messages", () => {
    const { socket, connection } = make()
    connection.event(1, tick(1))
    connection.event(2, tick(2))
    connection.state("chain", '{"change":1}', () => '{"whole":1}')
    connection.forget(1)
    connection.forget("chain")
    connection.flush(0)
    assert.deepStrictEqual(numbers(socket), [2])
    socket.bufferedAmount = 101
    connection.event(1, tick(3))
    connection.event(2, tick(4))
    connection.flush(1)
    connection.forget(2)
    socket.bufferedAmount = 0
    connection.flush(2)
    assert.deepStrictEqual(numbers(socket), [2, 3])
  })

  it("a batch is one frame with the number of replaced messages", () => {
    const { socket, connection } = make({ isBatched: true })
    connection.event(1, tick(1))
    connection.event(1, tick(2))
    connection.state("chain", '{"change":1}', () => '{"whole":1}')
    connection.flush(0)
    socket.bufferedAmount = 101
    connection.event(1, tick(3))
    connection.flush(1)
    connection.event(1, tick(4))
    socket.bufferedAmount = 0
    connection.flush(2)
    assert.deepStrictEqual(socket.sent, [
      { type: "batch", items: [{ n: 1 }, { n: 2 }, { change: 1 }] },
      { type: "batch", items: [{ n: 4 }], conflated: 1 }
    ])
  })

  it("MessagePack has maps and whole numbers that every decoder reads", () => {
    const { socket, connection } = make({ isPacked: true })
    const frames: Array<string> = []
    socket.send = (frame: string | Uint8Array) => void frames.push(Buffer.from(frame).toString("hex"))
    connection.reply({ a: 1, b: null })
    connection.event(1, '{"epoch":1795383988834,"x":24500.05,"y":-3000000000,"z":4294967295}')
    connection.flush(0)
    assert.deepStrictEqual(frames, [
      // fixmap, fixstr, fixint, nil
      "82a16101a162c0",
      // int64, float64, int64, uint32
      "84a565706f6368d3000001a205399262a178cb40d7ed0333333333a179d3ffffffff4d2fa200a17aceffffffff"
    ])
  })

  it("once closed it ignores everything", () => {
    const { socket, connection } = make()
    connection.event(1, tick(1))
    connection.close(CloseCodes.restarting)
    connection.event(1, tick(2))
    connection.reply({ type: "pong" })
    connection.state("chain", '{"change":1}', () => '{"whole":1}')
    assert.isFalse(connection.flush(0))
    assert.deepStrictEqual(socket.sent, [])
    assert.isFalse(connection.isOpen)
  })

  it("live events wait until a replay ends; beyond the limit they are dropped, and that is recorded", () => {
    const { socket, connection } = make()
    connection.hold()
    connection.event(1, tick(3))
    connection.replayed(1, tick(1))
    connection.replayed(2, tick(2))
    assert.isFalse(connection.isOverrun)
    connection.release()
    connection.event(1, tick(4))
    connection.flush(0)
    assert.deepStrictEqual(numbers(socket), [1, 2, 3, 4])
    connection.hold()
    while (!connection.isOverrun) connection.event(1, tick(5))
    connection.event(1, tick(6))
    connection.hold()
    assert.isFalse(connection.isOverrun)
    connection.event(1, tick(7))
    connection.release()
    connection.flush(0)
    assert.deepStrictEqual(numbers(socket), [1, 2, 3, 4, 7])
  })
})
