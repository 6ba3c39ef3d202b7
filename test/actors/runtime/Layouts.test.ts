import { readFileSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as BarActor from "../../../src/actors/market/BarActor.ts"
import * as GreeksActor from "../../../src/actors/market/GreeksActor.ts"
import * as M2mActor from "../../../src/actors/strategies/M2mActor.ts"
import type * as Decider from "../../../src/domain/Decider.ts"
import * as BarDecider from "../../../src/domain/market/BarDecider.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../../domain/Deciding.ts"
import {
  chain,
  chainPackets,
  future,
  futureToken,
  leg,
  option,
  Recorder,
  settings,
  spot,
  spotToken,
  startMs
} from "../../domain/record/Recorder.ts"

const renewal = "RENEW_LAYOUTS=1 npx vitest run test/actors/runtime/Layouts.test.ts"
const isRenewed = process.env["RENEW_LAYOUTS"] === "1"
const file = (layout: string) => new URL(`../../data/layouts/${layout}.txt`, import.meta.url)

/** Each path in a value with the type found there, as text: maps are `<>`, arrays `[]`. */
const shapeOf = (value: unknown, place = "", into = new Set<string>()): ReadonlySet<string> => {
  const add = (type: string) => into.add(`${place} ${type}`)
  if (value instanceof Map) {
    add("map")
    for (const [key, one] of value) {
      into.add(`${place}<key> ${typeof key}`)
      shapeOf(one, `${place}<>`, into)
    }
  } else if (value instanceof Set) {
    add("set")
    for (const one of value) shapeOf(one, `${place}{}`, into)
  } else if (Array.isArray(value)) {
    add("array")
    for (const one of value) shapeOf(one, `${place}[]`, into)
  } else if (ArrayBuffer.isView(value)) add(value.constructor.name)
  else if (value === null) add("null")
  else if (typeof value === "object") {
    add("object")
    for (const [name, one] of Object.entries(value)) shapeOf(one, `${place}.${name}`, into)
  } else add(typeof value)
  return into
}

/** A record with every event that a state remembers. */
const record = new Recorder()
  .reference([spot, future, ...chain()])
  .definition([leg(1, "BUY", option(24_500, "CE"), 50, "100")])
  .frame(startMs, [
    { token: spotToken, price: 24_530 },
    { token: futureToken, price: 24_551, oi: 9, volume: 4 },
    ...chainPackets(24_550, 0.14, startMs)
  ])
  .interruption(startMs - 1_000, startMs)
  .clock(startMs + 250)
  .frame(startMs + 300, [
    { token: futureToken, price: 24_552.03, oi: 9, volume: 5, bid: 24_553, ask: 24_552 },
    ...chainPackets(24_550, 0.15, startMs + 300)
  ])
  .clock(startMs + 500)
  .frame(startMs + 600, chainPackets(24_550, 0.16, startMs + 600)).inputs

describe("layouts of states", () => {
  const names = { exchange: "NSE", underlying: "NIFTY" }
  const folded = <S, O>(decider: Decider.Decider<S, RecordInput.RecordInput, O>): S => Deciding.fold(decider, decider.initial, record)[0]
  const states = {
    [BarActor.layout]: folded(BarDecider.make({ ...names, rules: shipped })),
    [GreeksActor.layout]: folded(UnderlyingDecider.make({ ...names, settings })),
    [M2mActor.layout]: folded(M2mDecider.make({ settings, rules: shipped }))
  }
  for (const [layout, state] of Object.entries(states)) {
    it(`BE-REC-05 a state of layout ${layout} has the shape that the name stands for`, () => {
      const shape = `${[...shapeOf(state)].sort().join("\n")}\n`
      if (isRenewed) writeFileSync(file(layout), shape)
      assert.strictEqual(
        shape,
        readFileSync(file(layout), "utf8"),
        `The state has another shape: an older process would misread it. Give the layout another name in its actor, then ${renewal}`
      )
    })
  }
})
