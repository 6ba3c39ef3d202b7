import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import type { NatsConnection } from "nats"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Headers from "../../../src/streams/sending/Headers.ts"
import * as Wire from "../../../src/streams/sending/Wire.ts"
import { backend, bytes, text, until } from "../Nats.ts"

/** A connection that keeps the bytes that it is given. */
const client = () => {
  const commands: Array<Buffer> = []
  const state = { isClosed: false, noMorePublishing: false }
  const nc = {
    isClosed: () => state.isClosed,
    protocol: {
      sendCommand: (command: Uint8Array) => commands.push(Buffer.from(command)),
      get noMorePublishing() {
        return state.noMorePublishing
      }
    }
  } as unknown as NatsConnection
  return { nc, state, written: () => Buffer.concat(commands).toString() }
}
const noHeaders = new Uint8Array(0)

describe("Wire", () => {
  const one = FastCheck.record({
    subject: FastCheck.stringMatching(/^[a-zé€]{1,9}$/),
    headers: FastCheck.array(FastCheck.tuple(FastCheck.constantFrom("A", "B"), FastCheck.stringMatching(/^[a-zé]{0,30}$/)), {
      maxLength: 2
    }),
    body: FastCheck.string({ maxLength: 4_000 }),
    isEnd: FastCheck.boolean()
  })
  it.prop(
    "writes each message as the protocol has it, however the bytes are given to the client",
    [FastCheck.array(one, { maxLength: 80 })],
    ([all]) => {
      const { nc, written } = client()
      const wire = Wire.make(nc)
      let expected = ""
      for (const [at, { subject, headers, body, isEnd }] of all.entries()) {
        const head = headers.length === 0 ? noHeaders : Headers.bytesOf(headers)
        wire.add({ subject, reply: `r.${at}`, headers: head, data: bytes(body) })
        const size = head.length + Buffer.byteLength(body)
        expected += `${headers.length === 0 ? "PUB" : "HPUB"} ${subject} r.${at} ${headers.length === 0 ? "" : `${head.length} `}${size}\r\n`
        expected += `${Buffer.from(head).toString()}${bytesText(body)}\r\n`
        if (isEnd) {
          wire.end()
          assert.strictEqual(written(), expected)
        }
      }
      wire.end()
      assert.strictEqual(written(), expected)
    }
  )

  it("a client that no longer sends refuses the message, and gets no part of it", () => {
    const { nc, state, written } = client()
    const wire = Wire.make(nc)
    const add = () => wire.add({ subject: "a", reply: "r", headers: noHeaders, data: bytes("1") })
    state.noMorePublishing = true
    assert.throws(add, /draining/i)
    state.isClosed = true
    assert.throws(add, /closed/i)
    wire.end()
    assert.strictEqual(written(), "")
  })

  it("a client that does not accept bytes is refused at once", () => {
    assert.throws(() => Wire.make({} as NatsConnection), "package.json")
  })
})

/** A text as it comes back from UTF-8: half of a pair is replaced. */
const bytesText = (body: string): string => text({ data: bytes(body) } as Parameters<typeof text>[0])

layer(backend, { excludeTestServices: true })("Wire to a server", (it) => {
  it.effect("the server delivers what was written, in order", () =>
    Effect.gen(function* () {
      const { nc, newInbox } = yield* JetStream
      const inbox = newInbox()
      const seen: Array<string> = []
      const all = Array.from({ length: 1_000 }, (_, at) => `${at} ${"é".repeat(at % 700)}`)
      nc.subscribe(inbox, {
        callback: (_, message) => seen.push(`${message.reply} ${message.headers?.get("Tarang-X") ?? ""} ${message.string()}`)
      })
      const wire = Wire.make(nc)
      for (const [at, body] of all.entries()) {
        const headers = at % 2 === 0 ? noHeaders : Headers.bytesOf([["Tarang-X", `é${at}`]])
        wire.add({ subject: inbox, reply: `${inbox}.${at}`, headers, data: bytes(body) })
        if (at % 90 === 0) wire.end()
      }
      wire.end()
      yield* until("all are delivered", () => seen.length === all.length)
      assert.deepStrictEqual(
        seen,
        all.map((body, at) => `${inbox}.${at} ${at % 2 === 0 ? "" : `é${at}`} ${body}`)
      )
    })
  )
})
