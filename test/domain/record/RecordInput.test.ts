import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as ClockFrame from "../../../src/domain/record/ClockFrame.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import * as RecordInput from "../../../src/domain/record/RecordInput.ts"

const header: FrameHeader.FrameHeader = {
  account: "ACC1",
  epoch: 3,
  incarnation: 2,
  number: 9,
  baseReceivedMs: 1_787_000_000_000,
  source: "kite",
  runs: [3, 0, 1, 12]
}

describe("RecordInput", () => {
  it("a frame is its header and its unchanged bytes", () => {
    const bytes = Uint8Array.of(0, 0)
    assert.deepStrictEqual(RecordInput.frame(5, "NSE", "M&M", FrameHeader.format(header), bytes), {
      _tag: "Frame",
      seq: 5,
      exchange: "NSE",
      underlying: "M&M",
      header,
      bytes
    })
  })

  it("names the rejected message: a frame without our header, a clock with other bytes", () => {
    assert.strictEqual(RecordInput.frame(5, "NSE", "NIFTY", "", Uint8Array.of(0, 0)), "frame header")
    assert.strictEqual(RecordInput.clock(5, "ACC1", "", Uint8Array.of(1, 2, 3)), "clock frame")
    assert.strictEqual(RecordInput.clock(5, "ACC1", "", new Uint8Array(new Float64Array([Number.NaN]).buffer)), "clock frame")
  })

  it("BE-ISO-02 a keyframe or a clock that names another account than its subject is refused", () => {
    const bytes = Uint8Array.of(0, 0)
    const text = FrameHeader.format(header)
    const keyframe = (account: string) =>
      RecordInput.keyframe(5, { exchange: "NSE", underlying: "NIFTY", account }, { frame: text, time: "1787000000000" }, bytes)
    assert.strictEqual(keyframe("ACC2"), "frame header of another account")
    assert.strictEqual((keyframe("ACC1") as RecordInput.Keyframe)._tag, "Keyframe")
    const time = ClockFrame.encode(1_787_000_000_000)
    assert.strictEqual(RecordInput.clock(5, "ACC2", text, time), "frame header of another account")
    assert.strictEqual(RecordInput.clock(5, "ACC1", `${text},`, time), "frame header of another account")
    assert.strictEqual((RecordInput.clock(5, "ACC1", text, time) as RecordInput.Clock)._tag, "Clock")
  })

  it("references and definitions pass with their sequence", () => {
    const reference = { v: 1, exchange: "NSE", underlying: "NIFTY", instruments: [] } as const
    const definition = { v: 1, strategy_id: 1, owner: "u1", legs: [] } as const
    assert.deepStrictEqual(RecordInput.reference(1, reference), { _tag: "Reference", seq: 1, reference })
    assert.deepStrictEqual(RecordInput.definition(2, definition), { _tag: "Definition", seq: 2, definition })
  })
})

describe("ClockFrame", () => {
  it.prop(
    "market time survives its eight bytes at any position of a buffer",
    [FastCheck.maxSafeNat(), FastCheck.nat(16)],
    ([atMs, offset]) => {
      const encoded = ClockFrame.encode(atMs)
      const buffer = new Uint8Array(offset + encoded.length + 3).fill(255)
      buffer.set(encoded, offset)
      const bytes = buffer.subarray(offset, offset + encoded.length)
      assert.strictEqual(ClockFrame.decode(bytes), atMs)
      assert.deepStrictEqual(RecordInput.clock(1, "ACC1", "", bytes), { _tag: "Clock", seq: 1, account: "ACC1", atMs })
    }
  )

  it.prop("other bytes give no time and never throw", [FastCheck.uint8Array({ maxLength: 20 })], ([bytes]) => {
    const atMs = ClockFrame.decode(bytes)
    if (!Number.isNaN(atMs)) assert.deepStrictEqual(Array.from(ClockFrame.encode(atMs)), Array.from(bytes))
  })

  it("rejects a negative, fractional or infinite time", () => {
    for (const value of [-1, 0.5, Number.POSITIVE_INFINITY]) assert.isNaN(ClockFrame.decode(ClockFrame.encode(value)))
  })
})
