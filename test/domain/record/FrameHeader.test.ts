import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"

const whole = FastCheck.integer({ min: 0, max: 999_999_999_999_999 })
const run = FastCheck.tuple(FastCheck.nat(5000), FastCheck.integer({ min: -100_000, max: 100_000 }))
const header: FastCheck.Arbitrary<FrameHeader.FrameHeader> = FastCheck.record({
  account: FastCheck.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
  epoch: whole,
  incarnation: whole,
  number: whole,
  baseReceivedMs: whole,
  source: FastCheck.constantFrom("kite", "simulator"),
  runs: FastCheck.array(run).map((runs) => runs.flat())
})

const example: FrameHeader.FrameHeader = {
  account: "ZX1234",
  epoch: 12,
  incarnation: 3,
  number: 0,
  baseReceivedMs: 1787000000123,
  source: "simulator",
  runs: [40, 0, 2, 7, 8, -1]
}

describe("FrameHeader", () => {
  it("is one line of text", () => {
    expect(FrameHeader.format(example)).toBe("ZX1234 12 3 0 1787000000123 simulator 40,0,2,7,8,-1")
    expect(FrameHeader.parse("ZX1234 12 3 0 1787000000123 simulator 40,0,2,7,8,-1")).toEqual(example)
  })

  it.prop("what was formatted is parsed", [header], ([value]) => {
    expect(FrameHeader.parse(FrameHeader.format(value))).toEqual(value)
  })

  it.prop(
    "a header with a subject is parsed as without it, and belongs to no other subject",
    [header, FastCheck.stringMatching(/^md\.frame\.[A-Z]{1,5}\.[A-Z&%-]{1,9}$/), FastCheck.stringMatching(/^[A-Z&%-]{1,9}$/)],
    ([value, subject, more]) => {
      const text = FrameHeader.format(value, subject)
      expect(FrameHeader.parse(text)).toEqual(value)
      expect(FrameHeader.isOf(text, subject)).toBe(true)
      for (const other of [`${subject}${more}`, `${more}${subject}`, subject.slice(1), "", more, subject.toLowerCase()])
        expect(FrameHeader.isOf(text, other)).toBe(false)
      expect(FrameHeader.isOf(FrameHeader.format(value), subject)).toBe(true)
    }
  )

  it.prop(
    "any text gives either nothing or a header that formats to that text",
    [
      FastCheck.oneof(
        FastCheck.string(),
        header.map((value) => FrameHeader.format(value))
      )
    ],
    ([text]) => {
      const parsed = FrameHeader.parse(text)
      if (parsed !== undefined) expect(FrameHeader.parse(FrameHeader.format(parsed))).toEqual(parsed)
    }
  )

  it("rejects what it did not write", () => {
    const refused = [
      "",
      "a",
      "a 1 1 1 1 kite",
      " 1 1 1 1 kite 1,0",
      "a 1 1 1 kite 1,0",
      "a -1 1 1 1 kite 1,0",
      "a 1 1.5 1 1 kite 1,0",
      "a 1 1 1e3 1 kite 1,0",
      "a 1 1 1 1 other 1,0",
      "a 1 1 1 1 kite 1",
      "a 1 1 1 1 kite 1,",
      "a 1 1 1 1 kite ,0",
      "a 1 1 1 1 kite -1,0",
      "a 1 1 1 1 kite 1,-0",
      "a 1 1 1 1 kite 1,0,",
      "a 1 1 1 1 kite 1,0 ",
      "a 1 1 1  1 kite 1,0",
      "a 1 1 1 9999999999999999 kite 1,0",
      "a.b 1 1 1 1 kite 1,0",
      `${"a".repeat(65)} 1 1 1 1 kite 1,0`
    ]
    expect(refused.filter((text) => FrameHeader.parse(text) !== undefined)).toEqual([])
    expect(FrameHeader.parse("a 1 1 1 1 kite ")?.runs).toEqual([])
  })

  it.prop(
    "receive times survive run-length coding",
    [FastCheck.array(FastCheck.tuple(FastCheck.integer({ min: 1, max: 9 }), FastCheck.integer({ min: -3, max: 3 })))],
    ([packets]) => {
      const base = 1_787_000_000_000
      const runs: Array<number> = []
      const times: Array<number> = []
      for (const [count, offset] of packets) {
        FrameHeader.addRun(runs, base, base + offset, count)
        for (let packet = 0; packet < count; packet++) times.push(base + offset)
      }
      const value = { ...example, baseReceivedMs: base, runs }
      const filled = new Float64Array(times.length)
      FrameHeader.fillReceivedMs(value, times.length, filled)
      expect([...filled]).toEqual(times)
      expect(times.map((_, row) => FrameHeader.receivedAtMs(value, row))).toEqual(times)
    }
  )

  it("joins packets of one receive time into one run", () => {
    const runs: Array<number> = []
    for (const at of [5, 5, 5, 6, 5]) FrameHeader.addRun(runs, 5, at, 1)
    expect(runs).toEqual([3, 0, 1, 1, 1, 0])
  })

  it("gives rows beyond the runs the last run's time, or the base without runs", () => {
    const filled = new Float64Array(4)
    FrameHeader.fillReceivedMs({ ...example, baseReceivedMs: 100, runs: [1, 0, 1, 5] }, 4, filled)
    expect([...filled]).toEqual([100, 105, 105, 105])
    expect(FrameHeader.receivedAtMs({ ...example, baseReceivedMs: 100, runs: [1, 0, 1, 5] }, 9)).toBe(105)
    FrameHeader.fillReceivedMs({ ...example, baseReceivedMs: 100, runs: [] }, 4, filled)
    expect([...filled]).toEqual([100, 100, 100, 100])
  })
})
