import { assert, describe, it } from "@effect/vitest"
import { OutputGuard, subjectsMax } from "../../../src/domain/record/OutputGuard.ts"
import * as OutputPlace from "../../../src/domain/record/OutputPlace.ts"

const stored = (seq: number, text: string, subject = "strat.m2m.u1.1") => ({
  subject,
  seq,
  header: (name: string) => (name === OutputPlace.name ? text : "")
})
/** The answers of one guard to outputs in stream order; "" for accepted. */
const answers = (...texts: ReadonlyArray<string>) => {
  const guard = new OutputGuard()
  return texts.map((text, at) => guard.refusal(stored(at + 1, text)) ?? "")
}

describe("OutputGuard", () => {
  it("accepts outputs in their order, of this and of later epochs, and of a record that was made again", () => {
    assert.deepStrictEqual(answers("9 5 0 1", "9 5 1 1", "9 6 0 1", "9 7 0 4", "12 1 0 4"), ["", "", "", "", ""])
  })

  it("refuses an output of an older epoch, also a later one, and goes on with the newer epoch", () => {
    const [first, late, next] = answers("9 5 0 7", "9 6 0 3", "9 6 0 7")
    assert.deepStrictEqual([first, next], ["", ""])
    assert.match(late ?? "", /^epoch 3 belongs to a replaced process; epoch 7 has already published$/)
  })

  it("refuses an output that was published before", () => {
    const [, , again, older, next] = answers("9 5 0 1", "9 6 1 1", "9 6 1 1", "9 5 0 1", "9 6 2 1")
    assert.match(again ?? "", /^an output of input 6 came before/)
    assert.match(older ?? "", /^an output of input 6 came before, this one is of 5$/)
    assert.strictEqual(next, "")
  })

  it("accepts a message that is delivered again, and one of an old owner from before the new one", () => {
    const guard = new OutputGuard()
    const all = [stored(1, "9 5 0 1"), stored(2, "9 6 0 1"), stored(3, "9 7 0 8")]
    for (const one of [...all, ...all]) assert.isUndefined(guard.refusal(one))
  })

  it("reads a header of three numbers as epoch 0, accepts a message without the header, and refuses any other text", () => {
    assert.deepStrictEqual(answers("9 5 0", "9 6 0 1", "", "9 7 0 1"), ["", "", "", ""])
    assert.match(answers("9 5 0 1", "9 6 0")[1] ?? "", /epoch 0/)
    for (const text of ["x", "1 2", "1 2 3 4 5", "1 -2 3 4", "1 2 3 4e9"]) assert.match(answers(text)[0] ?? "", /header is not ours/, text)
  })

  it("keeps subjects apart, and forgets the first one beyond its limit", () => {
    const guard = new OutputGuard()
    for (let at = 0; at <= subjectsMax; at++) assert.isUndefined(guard.refusal(stored(1, "9 5 0 1", `s.${at}`)))
    assert.isUndefined(guard.refusal(stored(2, "9 5 0 1", "s.0")))
    assert.isDefined(guard.refusal(stored(2, "9 5 0 1", `s.${subjectsMax}`)))
  })
})
