import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { Unstored } from "../../../src/streams/keep/Unstored.ts"
import * as Acks from "../../../src/streams/sending/Acks.ts"
import { waitMsMax } from "../../Patience.ts"
import { backend, bytes, freshStream, Server, text } from "../Nats.ts"

/** For publishes to a mute server. */
const briefMs = 400
type Result = Acks.Ack | Error

const sending = (timeoutMs = waitMsMax) =>
  Effect.gen(function* () {
    const { nc, newInbox } = yield* JetStream
    const unstored = new Unstored(waitMsMax)
    const acks = Acks.make(nc, newInbox(), timeoutMs, unstored, (_, cause) => cause)
    const send = (subject: string, data: Uint8Array, headers: ReadonlyArray<readonly [string, string]> = []) =>
      Effect.async<Result>((resume) => acks.send(subject, data, headers, (result) => resume(Effect.succeed(result))))
    return { acks, send } as const
  })
const reason = (result: Result): string => (result instanceof Error ? result.message : "acknowledged")

describe("plainAck", () => {
  const read = (answer: string) => Acks.plainAck(new TextEncoder().encode(answer))

  it.prop("reads what JSON.parse reads", [FastCheck.stringMatching(/^[A-Z_]{1,20}$/), FastCheck.maxSafeNat()], ([stream, seq]) => {
    assert.deepStrictEqual(read(JSON.stringify({ stream, seq })), { stream, seq, duplicate: false })
  })

  it("leaves every other answer to JSON.parse", () => {
    const others = [
      "",
      "{}",
      '{"stream":"',
      '{"stream":"STRAT"}',
      '{"stream":"STRAT","seq":}',
      '{"stream":"STRAT","seq":1',
      '{"stream":"STRAT","seq":1.5}',
      '{"stream":"STRAT","seq":99999999999999999999}',
      '{"stream":"STRAT","seq":1,"duplicate":true}',
      '{"stream":"STRAT","domain":"d","seq":1}',
      '{"stream":"a\\"b","seq":1}',
      '{"stream":"é","seq":1}',
      '{"error":{"code":503,"err_code":10077,"description":"store failed"},"stream":"STRAT","seq":0}'
    ]
    for (const answer of others) assert.isUndefined(read(answer), answer)
  })
})

layer(backend, { excludeTestServices: true })("Acks", (it) => {
  it.effect("many publishes at once, with headers, each get their own acknowledgement", () =>
    Effect.gen(function* () {
      const { send } = yield* sending()
      const { last } = yield* JetStream
      const stream = yield* freshStream()
      const numbers = Array.from({ length: 50 }, (_, at) => at + 1)
      const all = yield* Effect.forEach(numbers, (n) => send(stream.at("a"), bytes(String(n)), [["Nats-Msg-Id", `id ${n}`]]), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        all,
        numbers.map((seq) => ({ seq, stream: stream.name, duplicate: false }))
      )
      assert.deepStrictEqual(yield* send(stream.at("a"), bytes("again"), [["Nats-Msg-Id", "id 7"]]), {
        seq: 7,
        stream: stream.name,
        duplicate: true
      })
      yield* send(stream.at("b"), bytes("é"), [["Tarang-X", "é y"]])
      const found = yield* Effect.flatten(last(stream.name, stream.at("b")))
      assert.deepStrictEqual([text(found), found.header("Tarang-X")], ["é", "é y"])
    })
  )

  it.effect("a message that cannot be sent or is refused gives an error with the reason", () =>
    Effect.gen(function* () {
      const { send } = yield* sending()
      const stream = yield* freshStream({ max_msg_size: 10 })
      const { payloadMax } = yield* JetStream
      assert.include(reason(yield* send("label.nobody", bytes("1"))), "no stream takes this subject (503)")
      assert.include(reason(yield* send(stream.at("a"), bytes("more than ten bytes"))), "exceed")
      assert.match(reason(yield* send(stream.at("a"), new Uint8Array(payloadMax() + 1))), /max.?payload/i)
      assert.include(reason(yield* send(stream.at("a"), bytes("1"), [["Tarang-X", "a\r\nNats-Msg-Id: b"]])), "line break")
      assert.strictEqual(reason(yield* send(stream.at("a"), bytes("1"))), "acknowledged")
    })
  )

  it.effect("a publish fails after the time limit if the server is mute, and at once if the connection is lost", () =>
    Effect.gen(function* () {
      const { acks, send } = yield* sending(briefMs)
      const server = yield* Server
      const stream = yield* freshStream()
      yield* Effect.sync(server.freeze)
      const both = Effect.all([send(stream.at("a"), bytes("1")), send(stream.at("a"), bytes("2"))], { concurrency: 2 })
      const late = yield* both.pipe(Effect.ensuring(Effect.sync(server.thaw)))
      for (const result of late) assert.strictEqual(reason(result), `no acknowledgement within ${briefMs} ms`)
      const lost = yield* Effect.zipRight(
        Effect.sync(server.freeze),
        Effect.all([send(stream.at("a"), bytes("3")), Effect.sync(acks.lose)], { concurrency: 2 })
      ).pipe(Effect.ensuring(Effect.sync(server.thaw)))
      assert.strictEqual(reason(lost[0]), "connection to NATS lost")
    })
  )
})
