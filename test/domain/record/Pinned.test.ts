import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { gunzipSync, gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type * as Decider from "../../../src/domain/Decider.ts"
import * as BarDecider from "../../../src/domain/market/BarDecider.ts"
import * as Break from "../../../src/domain/record/Break.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import * as StrategyDefinition from "../../../src/domain/record/StrategyDefinition.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import {
  chain,
  chainPackets,
  expiry,
  future,
  futureToken,
  leg,
  option,
  optionToken,
  Recorder,
  settings,
  spot,
  spotToken,
  startMs
} from "./Recorder.ts"
import * as RecordHash from "./RecordHash.ts"

const renewal = "RENEW_RECORD=1 npx vitest run test/domain/record/Pinned.test.ts"
const isRenewed = process.env["RENEW_RECORD"] === "1"
const file = (name: string) => new URL(`../../data/record/${name}`, import.meta.url)

/** Two minutes of two accounts: trades, books, an interruption, a lost frame, a new leg and silence until prices are stale. */
const stretch = (): ReadonlyArray<RecordInput.RecordInput> => {
  const recorder = new Recorder()
    .reference([spot, future, ...chain()], "NIFTY", "NSE", { listed_options: { [option(24_500, "CE").expiry as string]: 214 } })
    .definition([leg(1, "BUY", option(24_500, "CE"), 50, "120"), leg(2, "SELL", option(24_600, "PE"), 75, "250.5")])
  for (let step = 0; step < 120; step++) {
    const atMs = startMs + step * 1_000
    const forward = 24_550 + 40 * Math.round(Math.sin(step / 9) * 10) * 0.05
    const quoted = { exchangeMs: atMs, atMs }
    if (step < 100) {
      recorder.frame(atMs, [
        { token: spotToken, price: forward - 20, close: 24_500, ...quoted },
        { token: futureToken, price: forward + 1, oi: 900 + step, volume: 40 * step, tradeMs: atMs, ...quoted }
      ])
      const packets = chainPackets(forward, 0.14 + 0.0001 * step, atMs).map((packet) => ({ ...packet, volume: 1_000 + step, ...quoted }))
      // Every third instrument trades in this second; the others have a book only.
      const traded = packets.map((packet, at) => ({
        ...packet,
        tradeMs: at % 3 === step % 3 ? atMs : startMs - 60_000,
        bid: packet.price - 0.5,
        ask: packet.price + 0.5
      }))
      if (step === 40) recorder.number("ACC2")
      recorder.frame(atMs + 100, traded, { account: "ACC2" })
    }
    if (step === 55) recorder.interruption(atMs - 3_000, atMs)
    if (step === 60) recorder.definition([leg(1, "BUY", option(24_500, "CE"), 50, "120"), leg(3, "SELL", future, 25, "24500")])
    if (step === 70) recorder.frame(atMs + 150, [{ token: optionToken(24_500, "CE"), price: 151, kind: 8 }])
    for (const account of ["ACC1", "ACC2"]) recorder.clock(atMs + 500, account)
  }
  return recorder.inputs
}

const minute = 60_000
const hour = 60 * minute
const monday = Date.parse("2026-08-17T00:00:00+05:30")
const weekly = "2026-08-18"

/** The instants of a trading day at which packets come: before the open, every five minutes of the session, and after the close. */
const instantsOf = (midnightMs: number): ReadonlyArray<number> => {
  const session = Array.from({ length: 78 }, (_, step) => 9.25 * hour + step * 5 * minute)
  return [9 * hour + 5 * minute, ...session, 16.5 * hour].map((ms) => midnightMs + ms)
}

/** Packets of an underlying and of its chains at an instant, after so many instants of the day. */
const weekPackets = (atMs: number, step: number, expiries: ReadonlyArray<string>) => {
  const forward = 24_550 + Math.round(Math.sin(atMs / (3 * hour)) * 900) / 20
  const vol = 0.14 + 0.0002 * (step % 20)
  const quoted = { exchangeMs: atMs, atMs, tradeMs: atMs }
  return [
    { token: spotToken, price: forward - 20, close: 24_500, ...quoted },
    { token: futureToken, price: forward + 1, oi: 900 + step, volume: 40 * step, ...quoted },
    ...expiries.flatMap((expiry) =>
      chainPackets(forward, vol, atMs, expiry).map((packet) => ({ ...packet, volume: 75 * step, oi: 500 + step, ...quoted }))
    )
  ]
}

/**
 * Five trading days of two accounts, every five minutes: nights, an expiry on Tuesday, legs that change with it, a strategy that begins and
 * ends, an account that is interrupted and starts again, and keyframes each hour.
 */
const week = (): ReadonlyArray<RecordInput.RecordInput> => {
  const recorder = new Recorder()
  const near = [leg(1, "SELL", option(24_500, "CE", weekly), 75, "90"), leg(2, "BUY", option(24_600, "PE"), 75, "250.5")]
  for (let day = 0; day < 5; day++) {
    const midnightMs = monday + day * 24 * hour
    const expiries = day <= 1 ? [weekly, expiry] : [expiry]
    recorder.reference([spot, future, ...expiries.flatMap((one) => chain(one))])
    if (day === 0) recorder.definition(near)
    if (day === 2) recorder.definition([leg(2, "BUY", option(24_600, "PE"), 75, "250.5"), leg(3, "BUY", future, 25, "24500")])
    if (day === 2) recorder.definition([leg(1, "SELL", option(24_700, "CE"), 150, "80.05")], { strategyId: 8 })
    for (const [step, atMs] of instantsOf(midnightMs).entries()) {
      const incarnation = day < 3 ? 1 : 2
      const packets = weekPackets(atMs, step, expiries)
      recorder.frame(atMs, packets.slice(0, 2))
      recorder.frame(atMs + 100, packets.slice(2), { account: "ACC2", incarnation })
      if (day === 3 && step === 20) recorder.interruption(atMs - 4 * minute, atMs, { account: "ACC2", incarnation })
      if (day === 4 && step === 50) recorder.definition([], { strategyId: 8, ended: true })
      for (const account of ["ACC1", "ACC2"]) {
        recorder.clock(atMs + 500, account)
        if (step % 12 === 0) recorder.keyframe(atMs + 500, account)
      }
      recorder.clock(atMs + 2 * minute)
    }
    for (let night = 17; night < 33; night += 4) recorder.clock(midnightMs + night * hour)
  }
  return recorder.inputs
}

const encodeBreak = Schema.encodeSync(Break.Break)
const decodeBreak = Schema.decodeUnknownSync(Break.Break)
const encodeDefinition = Schema.encodeSync(StrategyDefinition.Definition)
const decodeDefinition = Schema.decodeUnknownSync(StrategyDefinition.Definition)

/** One line of JSON for each input: bodies as in the record's own messages, bytes in base64. */
const lineOf = (input: RecordInput.RecordInput): string => {
  switch (input._tag) {
    case "Frame":
    case "Keyframe":
      return JSON.stringify({ ...input, bytes: Buffer.from(input.bytes).toString("base64") })
    case "Break":
      return JSON.stringify({ ...input, interruption: encodeBreak(input.interruption) })
    case "Definition":
      return JSON.stringify({ ...input, definition: encodeDefinition(input.definition) })
    default:
      return JSON.stringify(input)
  }
}
const inputOf = (line: string): RecordInput.RecordInput => {
  const input = JSON.parse(line)
  switch (input._tag) {
    case "Frame":
    case "Keyframe":
      return { ...input, bytes: Uint8Array.from(Buffer.from(input.bytes, "base64")) }
    case "Break":
      return { ...input, interruption: decodeBreak(input.interruption) }
    case "Definition":
      return { ...input, definition: decodeDefinition(input.definition) }
    default:
      return input
  }
}
const written = (inputs: ReadonlyArray<RecordInput.RecordInput>): Buffer => gzipSync(inputs.map(lineOf).join("\n"))
const read = (bytes: Buffer): ReadonlyArray<RecordInput.RecordInput> => gunzipSync(bytes).toString().split("\n").map(inputOf)

const records = [
  { what: "a stretch of two minutes", inputs: stretch, recordFile: file("stretch.jsonl.gz"), hashFile: file("hashes.json") },
  { what: "a week", inputs: week, recordFile: file("week.jsonl.gz"), hashFile: file("hashes-week.json") }
]

describe.each(records)("a pinned record: $what", ({ what, inputs: made, recordFile, hashFile }) => {
  const names = { exchange: "NSE", underlying: "NIFTY" }
  if (isRenewed) writeFileSync(recordFile, written(made()))
  const inputs = read(readFileSync(recordFile))
  const hashOf = <S, O extends RecordHash.Output>(
    decider: Decider.Decider<S, RecordInput.RecordInput, O>,
    isPinned: (output: O) => boolean = () => true
  ): string => {
    const hash = createHash("sha256")
    const outputs = Deciding.fold(decider, decider.initial, inputs)[1].filter(isPinned)
    assert.isNotEmpty(outputs)
    // Messages may gain fields, and then an older reader ignores them. The numbers must stay.
    RecordHash.feed(
      hash,
      outputs.map((output) => ({ ...output, message: {} }))
    )
    return hash.digest("hex")
  }

  it(`BE-REC-05 every version of the program folds ${what} to the same numbers`, () => {
    const underlying = UnderlyingDecider.make({ ...names, settings })
    const hashes = {
      bars: hashOf(BarDecider.make({ ...names, rules: shipped })),
      chains: hashOf(underlying, ({ kind }) => kind !== "minute"),
      minutes: hashOf(underlying, ({ kind }) => kind === "minute"),
      strategy: hashOf(M2mDecider.make({ settings, rules: shipped }))
    }
    const of = UnderlyingDecider.conventionId(settings)
    if (isRenewed) writeFileSync(hashFile, `${JSON.stringify({ convention: of, ...hashes }, null, 2)}\n`)
    const { convention, ...pinned } = JSON.parse(readFileSync(hashFile, "utf8"))
    assert.deepStrictEqual(
      hashes,
      pinned,
      `The program computes other numbers from the same record. If that is intended, change the convention or the formula's id, then ${renewal}`
    )
    assert.strictEqual(convention, of)
  })
})
