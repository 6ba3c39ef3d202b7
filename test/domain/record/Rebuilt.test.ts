import { assert, describe, it } from "@effect/vitest"
import type * as Decider from "../../../src/domain/Decider.ts"
import * as Keyframe from "../../../src/domain/record/Keyframe.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import { chain, chainPackets, future, leg, option, Recorder, settings, spot, startMs } from "./Recorder.ts"

const accounts = ["ACC1", "ACC2"]
const stepMs = 100
const recordedMs = 180_000
const legs = [leg(1, "BUY", option(24_500, "CE"), 50, "100"), leg(2, "SELL", option(24_600, "PE"), 50, "140.5")]

type Input = RecordInput.RecordInput
interface Output {
  readonly seq: number
  readonly kind: string
  readonly message: object
}
type AnyDecider = Decider.Decider<unknown, Input, Output>
const chains = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings }) as unknown as AnyDecider
const strategies = M2mDecider.make({ settings }) as unknown as AnyDecider

/** Seconds in which nothing trades: longer than the period in which a chain without packets is computed again, and once around a keyframe. */
const isQuiet = (second: number): boolean => second % 20 >= 12 || (second >= 105 && second < 150)
/** A number from 0 to 1 that depends on the step only. */
const noise = (step: number): number => ((Math.imul(step + 1, 2_654_435_761) >>> 8) % 1_000) / 1_000

/** Three minutes of two accounts, with their clocks, and their keyframes two seconds before each minute. */
const record = (() => {
  const recorder = new Recorder().reference([spot, future, ...chain()]).definition(legs)
  for (let atMs = startMs; atMs < startMs + recordedMs; atMs += stepMs) {
    const step = (atMs - startMs) / stepMs
    const forward = 24_550 + Math.round(noise(step >> 3) * 400) / 20
    if (!isQuiet(Math.floor(step / 10))) {
      const packets = chainPackets(forward, 0.14 + noise(step >> 2) / 100, atMs).filter((_, at) => noise(step * 31 + at) < 0.1)
      if (packets.length > 0) recorder.frame(atMs, packets, { account: "ACC1" })
      if (step % 3 === 0)
        recorder.frame(atMs, [{ token: spot.instrument_token, price: forward - 20, close: 24_500, atMs }], { account: "ACC2" })
    }
    // The second account's clock is one step late.
    recorder.clock(atMs + stepMs, "ACC1").clock(atMs, "ACC2")
    if (Keyframe.numberAt(atMs + stepMs) > Keyframe.numberAt(atMs))
      for (const account of accounts) recorder.keyframe(atMs + stepMs, account)
  }
  return recorder.inputs
})()
const [reference, definition] = record as [Input, Input]

/** The newest market time up to a place. */
const timeAt = (seq: number): number =>
  record.reduce((newest, input) => (input._tag === "Clock" && input.seq <= seq ? Math.max(newest, input.atMs) : newest), 0)

/** The outputs of an uninterrupted state after a place. */
const wholeOf = (decider: AnyDecider) => {
  const [, outputs] = Deciding.fold(decider, decider.initial, record)
  return (seq: number) => outputs.filter((output) => output.seq > seq)
}
/** The outputs after a place of a state that was rebuilt from the newest keyframes up to an instant. */
const rebuiltAt = (decider: AnyDecider, seq: number, untilMs: number): ReadonlyArray<Output> => {
  const keyframes = accounts.flatMap((account) => {
    const found = record.findLast((input) => input._tag === "Keyframe" && input.header.account === account && input.atMs <= untilMs)
    return found === undefined ? [] : [found]
  })
  assert.strictEqual(keyframes.length, accounts.length)
  const from = Math.min(...keyframes.map((one) => one.seq))
  const [, outputs] = Deciding.fold(decider, decider.initial, [
    reference,
    definition,
    ...keyframes,
    ...record.filter((input) => input.seq > from)
  ])
  return outputs.filter((output) => output.seq > seq)
}
const shown = (outputs: ReadonlyArray<Output>) => outputs.map(({ kind, message }) => ({ kind, message }))

/** Places all over the second and third minute, at clocks and between them. */
const places = record.filter(({ seq }) => timeAt(seq) > startMs + 66_000 && seq % 173 === 0).map(({ seq }) => seq)

describe("a state that was rebuilt from keyframes", () => {
  it("BE-REC-05 chains: it publishes behind any place what the uninterrupted state publishes, once it is settled there", () => {
    const whole = wholeOf(chains)
    assert.isAbove(places.length, 12)
    for (const seq of places) {
      const [found, expected] = [rebuiltAt(chains, seq, Keyframe.settledBy(timeAt(seq))), whole(seq)]
      assert.deepStrictEqual(shown(found), shown(expected), `from ${seq}`)
    }
  })

  it("BE-REC-05 strategies: marks and candles behind any place are those of the uninterrupted state, once it is settled there", () => {
    const whole = wholeOf(strategies)
    for (const seq of places) {
      const [found, expected] = [rebuiltAt(strategies, seq, Keyframe.settledBy(timeAt(seq))), whole(seq)]
      assert.deepStrictEqual(shown(found), shown(expected), `from ${seq}`)
    }
  })

  it("before it is settled its first window sends every row once more, because it compares with nothing; no value is missing or different", () => {
    const keyframe = record.find(({ _tag }) => _tag === "Keyframe") as Input & { readonly _tag: "Keyframe" }
    const seq = keyframe.seq + accounts.length - 1
    const deltas = (outputs: ReadonlyArray<Output>) => outputs.filter(({ kind }) => kind === "delta")
    const found = deltas(rebuiltAt(chains, seq, keyframe.atMs))
    const expected = deltas(wholeOf(chains)(seq))
    // Nothing trades at that place, so the uninterrupted state publishes nothing in the next window.
    assert.isTrue(isQuiet((keyframe.atMs - startMs) / 1_000))
    const surplus = found.filter((one) => !expected.some((other) => other.seq === one.seq))
    assert.deepStrictEqual(
      surplus.map((one) => one.seq),
      found.slice(0, 1).map((one) => one.seq),
      "exactly the first"
    )
    assert.deepStrictEqual(
      expected.filter((one) => !found.some((other) => other.seq === one.seq)),
      []
    )
    const settledMs = keyframe.atMs + Keyframe.settleMs
    const settledSeq = record.find((input) => input._tag === "Clock" && input.atMs > settledMs)?.seq ?? 0
    const behind = (outputs: ReadonlyArray<Output>) => shown(outputs.filter((output) => output.seq > settledSeq))
    assert.deepStrictEqual(behind(found), behind(expected))
  })

  it("is settled after eight seconds, and at the end of the minute in which it began: it is at most 70 s of record away", () => {
    const minuteMs = Math.floor(startMs / 60_000) * 60_000
    for (let atMs = minuteMs; atMs < minuteMs + 120_000; atMs += 250) {
      const untilMs = Keyframe.settledBy(atMs)
      assert.isAtLeast(atMs - untilMs, Keyframe.settleMs)
      const keyframeMs = Math.floor((untilMs + Keyframe.leadMs) / Keyframe.everyMs) * Keyframe.everyMs - Keyframe.leadMs
      assert.isAtMost(atMs - keyframeMs, 70_000)
      assert.isBelow(keyframeMs, Math.floor(atMs / 60_000) * 60_000, "before the minute began")
    }
  })
})
