import { createHash } from "node:crypto"
import { deserialize, serialize } from "node:v8"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type * as Decider from "../../../src/domain/Decider.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import {
  chain,
  chainPackets,
  future,
  futureToken,
  leg,
  option,
  optionToken,
  type Packet,
  Recorder,
  settings,
  spot,
  spotToken,
  startMs
} from "../record/Recorder.ts"
import * as RecordHash from "../record/RecordHash.ts"

/** A repeatable stream of numbers in [0, 1). */
const random = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const far = "2026-09-29"
const instruments = [spot, future, ...chain(), ...chain(far)]
const legs = [
  leg(1, "BUY", option(24_500, "CE"), 50, "120"),
  leg(2, "SELL", option(24_600, "PE", far), 75, "250.5"),
  leg(3, "SELL", future, 25, "24500")
]

/** A short simulated day: two accounts, resends, lost frames, jumps, new instruments and new legs. `others` adds a second underlying. */
const market = (seed: number, others: boolean): ReadonlyArray<RecordInput.RecordInput> => {
  const next = random(seed)
  const recorder = new Recorder().reference(instruments).definition(legs)
  const options = instruments.filter(({ kind }) => kind === "CE" || kind === "PE")
  const ours = new Set<RecordInput.RecordInput>()
  const skipped: Array<{ number: number; atMs: number; packets: ReadonlyArray<Packet> }> = []
  recorder.frame(startMs, [...chainPackets(24_550, 0.14, startMs), ...chainPackets(24_650, 0.15, startMs, far)])
  let atMs = startMs
  for (let step = 0; step < 300; step++) {
    atMs += step === 150 ? 61_234 : Math.floor(next() * 120)
    const account = next() < 0.7 ? "ACC1" : "ACC2"
    const packets: Array<Packet> = Array.from({ length: 1 + Math.floor(next() * 6) }, () => {
      const { instrument_token } = options[Math.floor(next() * options.length)]!
      return {
        token: instrument_token,
        price: Math.round(next() * 8_000) / 20,
        oi: Math.floor(next() * 1e6),
        volume: step,
        atMs: atMs + Math.floor(next() * 5)
      }
    })
    if (next() < 0.3) packets.push({ token: spotToken, price: 24_500 + Math.floor(next() * 100), close: 24_480 })
    if (next() < 0.3) packets.push({ token: futureToken, price: 24_510 + Math.floor(next() * 100), oi: step })
    if (next() < 0.05 && account === "ACC1") skipped.push({ number: recorder.number(), atMs, packets })
    else recorder.frame(atMs, packets, { account })
    const resend = next() < 0.05 ? skipped.shift() : undefined
    if (resend !== undefined) recorder.frame(resend.atMs, resend.packets, { number: resend.number })
    if (next() < 0.6) for (const one of ["ACC1", "ACC2"]) recorder.clock(Math.floor(atMs / 100) * 100, one)
    if (step === 80) recorder.reference([...instruments.slice(0, -4), option(24_900, "CE")])
    if (step === 120) recorder.definition([...legs, leg(4, "BUY", option(24_400, "PE"), 10, "1")])
    for (const input of recorder.inputs) ours.add(input)
    if (others) recorder.frame(atMs, [{ token: optionToken(24_500, "CE"), price: 1 }], { underlying: "BANKNIFTY" })
  }
  recorder.clock(atMs + 60_000)
  return others ? recorder.inputs : [...ours, ...recorder.inputs.slice(-1)]
}

const underlying = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
const strategy = M2mDecider.make({ settings })

interface Run {
  readonly hash: string
  readonly outputs: ReadonlyArray<RecordHash.Output>
}

/** Folds in batches of the given sizes (repeated); stores and restores the state where `stored` says so. */
const replay = <S>(
  decider: Decider.Decider<S, RecordInput.RecordInput, RecordHash.Output>,
  inputs: ReadonlyArray<RecordInput.RecordInput>,
  batches: () => number,
  stored: (batch: number) => boolean = () => false
): Run => {
  const hash = createHash("sha256")
  const all: Array<RecordHash.Output> = []
  let state = decider.initial
  let batch = 0
  for (let from = 0; from < inputs.length; batch++) {
    const size = Math.max(1, batches())
    const [next, outputs] = Deciding.fold(decider, state, inputs.slice(from, from + size))
    state = stored(batch) ? (deserialize(serialize(next)) as S) : next
    RecordHash.feed(hash, outputs)
    all.push(...outputs)
    from += size
  }
  return { hash: hash.digest("hex"), outputs: all }
}

const deciders = [
  [
    "UnderlyingDecider",
    (inputs: ReadonlyArray<RecordInput.RecordInput>, ...how: [() => number, ((batch: number) => boolean)?]) =>
      replay(underlying, inputs, ...how)
  ],
  [
    "M2mDecider",
    (inputs: ReadonlyArray<RecordInput.RecordInput>, ...how: [() => number, ((batch: number) => boolean)?]) =>
      replay(strategy, inputs, ...how)
  ]
] as const

it("an underlying without exact numbers publishes the same messages", () => {
  const inputs = market(1, false)
  const messages = (outputs: ReadonlyArray<RecordHash.Output>) => outputs.map(({ exact: _, ...output }) => output)
  const lean = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings, isExact: false })
  const run = replay(lean, inputs, () => 7)
  const exact = replay(underlying, inputs, () => 7)
  assert.deepStrictEqual(messages(run.outputs), messages(exact.outputs))
  assert.isTrue(exact.outputs.some((output) => output.exact.length > 0))
  assert.isTrue(run.outputs.every((output) => output.exact.length === 0))
})

describe.each(deciders)("replay: %s", (_name, fold) => {
  it("batches of 1, 7, random sizes and all at once give bit-identical outputs", () => {
    const inputs = market(1, false)
    const whole = fold(inputs, () => inputs.length)
    assert.isAbove(whole.outputs.length, 50)
    const sizes = random(9)
    for (const size of [() => 1, () => 7, () => Math.floor(sizes() * 40)]) {
      const run = fold(inputs, size)
      assert.strictEqual(run.hash, whole.hash)
      assert.deepStrictEqual(
        JSON.stringify(run.outputs.map(({ message }) => message)),
        JSON.stringify(whole.outputs.map(({ message }) => message))
      )
    }
  })

  it.each([2, 3, 4])("a state stored and restored in the middle continues bit-identically (market %i)", (seed) => {
    const inputs = market(seed, false)
    const whole = fold(inputs, () => inputs.length)
    assert.strictEqual(
      fold(
        inputs,
        () => 13,
        () => true
      ).hash,
      whole.hash
    )
    assert.strictEqual(
      fold(
        inputs,
        () => 1,
        (batch) => batch % 97 === 5
      ).hash,
      whole.hash
    )
  })

  it("messages of other underlyings in the record change only the sequence numbers", () => {
    const content = (run: Run) =>
      run.outputs.map(({ message, ...output }) => JSON.stringify([output.kind, { ...message, seq: 0 }, Array.from(output.exact)]))
    const ours = market(5, false)
    const mixed = market(5, true)
    assert.isAbove(mixed.length, ours.length + 200)
    assert.deepStrictEqual(content(fold(mixed, () => 11)), content(fold(ours, () => 11)))
  })

  it("another market gives another hash", () => {
    assert.notStrictEqual(fold(market(6, false), () => 50).hash, fold(market(7, false), () => 50).hash)
  })
})

describe("replay: values that are not numbers", () => {
  it("every published and exact number is finite or the canonical NaN", () => {
    for (const fold of deciders.map(([, it]) => it)) {
      for (const { exact, message } of fold(market(8, false), () => 100).outputs) {
        assert.notMatch(JSON.stringify(message), /NaN|Infinity/)
        const bits = new BigUint64Array(exact.buffer, exact.byteOffset, exact.length)
        for (const [at, value] of exact.entries()) if (Number.isNaN(value)) assert.strictEqual(bits[at], 0x7ff8000000000000n)
      }
    }
  })

  it.prop("the hash treats all NaNs and zeros alike and separates the outputs", [FastCheck.array(FastCheck.double())], ([values]) => {
    const hash = (exact: ReadonlyArray<number>, message: object = {}) => {
      const sink = createHash("sha256")
      RecordHash.feed(sink, [{ seq: 1, kind: "delta", expiry: "2026-08-25", message, exact: Float64Array.from(exact) }])
      return sink.digest("hex")
    }
    const odd = new Float64Array(new BigUint64Array([0xfff8000000000001n]).buffer)[0]!
    const other = values.map((value) => (Number.isNaN(value) ? odd : Object.is(value, 0) ? -0 : value))
    assert.strictEqual(hash(other), hash(values))
    assert.notStrictEqual(hash([...values, 1]), hash(values))
    assert.notStrictEqual(hash(values, { a: 1 }), hash(values))
  })
})
