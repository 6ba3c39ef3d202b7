import { assert, describe, it } from "@effect/vitest"
import type * as Acks from "../../../src/streams/sending/Acks.ts"
import * as Bursts from "../../../src/streams/sending/Bursts.ts"
import { bytes, range } from "../Nats.ts"

const outgoing = (subject: string): Acks.Outgoing => ({ subject, data: bytes(subject), headers: [] })
const many = (name: string, count: number) => range(1, count).map((n) => outgoing(`${name}${n}`))

/** A stream that the test lets answer. */
const stream = () => {
  /** Subjects in the order in which they were sent. */
  const sent: Array<string> = []
  const open: Array<(result: Acks.Ack | Error) => void> = []
  const bursts = Bursts.make((subject, _data, _headers, done, ahead = []) => {
    sent.push(...ahead.map((one) => one.subject), subject)
    open.push(done)
  })
  const results: Array<number | string> = []
  const send = (messages: ReadonlyArray<Acks.Outgoing>) =>
    bursts.send(messages, (result) => results.push(result instanceof Error ? result.message : result.seq))
  const answer = (...answers: ReadonlyArray<number | Error>) => {
    for (const one of answers) open.shift()?.(one instanceof Error ? one : { seq: one, stream: "STRAT", duplicate: false })
  }
  return { bursts, sent, results, send, answer }
}

describe("Bursts", () => {
  it("sends in order with acknowledgements of the first and the last message", () => {
    const { sent, results, send, answer } = stream()
    send(many("a", 4))
    assert.deepStrictEqual(sent, ["a1", "a2", "a3", "a4"])
    answer(7)
    assert.deepStrictEqual(results, [])
    answer(10)
    send(many("b", 1))
    answer(11)
    send(many("c", 2))
    answer(12, 14) // another publisher was between them
    assert.deepStrictEqual(results, [10, 11, 14])
  })

  it("fails when the stream did not take a message between them, or refused one", () => {
    const { results, send, answer } = stream()
    send(many("a", 4))
    answer(7, 9)
    send(many("a", 4))
    answer(new Error("no room"), 13)
    send(many("a", 4))
    answer(14, new Error("no answer"))
    assert.deepStrictEqual(results, ["the stream STRAT did not take all messages between 7 and 9", "no room", "no answer"])
  })

  it("lets a limited number of messages be on their way; a lost connection fails those that wait", () => {
    const { bursts, sent, results, send, answer } = stream()
    const half = Bursts.openMax / 2
    for (const name of ["a", "b", "c", "d"]) send(many(name, half))
    assert.strictEqual(sent.length, Bursts.openMax)
    answer(1, half)
    assert.strictEqual(sent.length, 3 * half)
    bursts.lose()
    answer(half + 1, 2 * half, 2 * half + 1, 3 * half)
    assert.strictEqual(sent.length, 3 * half)
    assert.deepStrictEqual(results, [half, "connection to NATS lost", 2 * half, 3 * half])
    send(many("e", 2 * Bursts.openMax))
    assert.strictEqual(sent.length, 3 * half + 2 * Bursts.openMax, "a burst that is larger than the limit goes alone")
  })
})
