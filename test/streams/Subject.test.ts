import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Either, FastCheck, Schema } from "effect"
import * as Bar from "../../src/domain/market/Bar.ts"
import * as StrategyMessage from "../../src/domain/strategy/StrategyMessage.ts"
import * as Subject from "../../src/streams/Subject.ts"
import * as Subjects from "../../src/streams/Subjects.ts"

const odd = [
  "M&M",
  "A.B",
  "x y",
  "%",
  "%25",
  "%4",
  "*",
  ">",
  "=",
  "=3D",
  "",
  "é",
  "日本",
  "\u{1F600}",
  "\u{FEFF}a",
  "\t",
  "\u0000",
  "a\u2028b",
  "__proto__"
]
const names = FastCheck.oneof(
  FastCheck.constantFrom(...odd),
  FastCheck.string({ unit: "grapheme" }),
  FastCheck.string({ unit: "binary" }),
  FastCheck.string({ unit: FastCheck.constantFrom("%", ".", "=", " ", "*", ">", "2", "5", "F", "é") })
)

describe("Subject", () => {
  it("names from exchanges stay readable", () => {
    assert.strictEqual(Subjects.Frame.at({ exchange: "NSE", underlying: "M&M" }), "md.frame.NSE.M&M")
    assert.strictEqual(Subjects.Frame.at({ exchange: "NSE", underlying: "NIFTY 50" }), "md.frame.NSE.NIFTY%2050")
    assert.strictEqual(Subjects.deadLetter("a.b"), "dlq.a%2Eb")
  })

  it.prop("a name survives encoding and cannot add tokens or wildcards", [names], ([name]) => {
    const token = Subject.escape(name)
    assert.notMatch(token, /[\s.*>]/u)
    assert.notStrictEqual(token, "")
    assert.strictEqual(Subject.unescape(token), name)
  })

  it.prop("two names never share a token or a key", [names, names], ([one, other]) => {
    assert.strictEqual(Subject.escape(one) === Subject.escape(other), one === other)
    assert.strictEqual(Subject.kvKey(one) === Subject.kvKey(other), one === other)
  })

  it.prop(
    "a concrete subject gives back every hole and is matched by its filter's shape alone",
    [names, names, names],
    ([exchange, underlying, expiry]) => {
      const holes = { exchange, underlying, expiry }
      const subject = Subjects.ChainDelta.at(holes)
      assert.strictEqual(subject.split(".").length, 5)
      assert.deepStrictEqual({ ...Subjects.ChainDelta.match(subject) }, holes)
      assert.isUndefined(Subjects.ChainKeyframe.match(subject))
      assert.isUndefined(Subjects.ChainDelta.match(`${subject}.more`))
    }
  )

  it.prop(
    "a KV key has the server's alphabet and gives back its names",
    [FastCheck.array(names, { minLength: 1, maxLength: 4 })],
    ([parts]) => {
      const key = Subject.kvKey(...parts)
      assert.match(key, /^[-/=\w]+(\.[-/=\w]+)*$/)
      assert.deepStrictEqual(Subject.kvNames(key), parts)
    }
  )

  it.prop("match answers for any published subject and does not throw", [FastCheck.string({ unit: "binary" })], ([tail]) => {
    Subjects.Frame.match(`md.frame.NSE.${tail}`)
    assert.isString(Subject.unescape(tail))
    assert.isArray(Subject.kvNames(tail))
  })

  it.prop(
    "a subject that skips the schema's walk writes the same bytes",
    [Arbitrary.make(StrategyMessage.Mark), Arbitrary.make(Bar.Bars)],
    ([mark, bars]) => {
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
      assert.strictEqual(text(Subjects.Mark.encode(mark)), Schema.encodeSync(Schema.parseJson(StrategyMessage.Mark))(mark))
      assert.strictEqual(text(Subjects.Bars.encode(bars)), Schema.encodeSync(Schema.parseJson(Bar.Bars))(bars))
    }
  )

  it("a missing name is * in a filter and an error in a subject", () => {
    assert.strictEqual(Subjects.ChainDelta.filter(), "opt.delta.*.*.*")
    assert.strictEqual(Subjects.ChainDelta.filter({ underlying: "M&M" }), "opt.delta.*.M&M.*")
    assert.throws(() => Subjects.Clock.at({} as { account: string }), "md.clock.{account}: no account")
  })

  it.effect("a body that does not fit the schema gives an error that names the subject", () =>
    Effect.gen(function* () {
      const number = Subject.make({ template: "label.{name}", stream: "LABEL", schema: Schema.Struct({ n: Schema.Int }) })
      const encoded = number.encode({ n: 5 })
      assert.deepStrictEqual(yield* number.decode("label.a", encoded), { n: 5 })
      assert.deepStrictEqual(number.decodeEither(encoded), Either.right({ n: 5 }))
      for (const wrong of ["", "{", '{"n":"5"}', "[]"]) {
        const bytes = new TextEncoder().encode(wrong)
        const error = yield* Effect.flip(number.decode("label.a", bytes))
        assert.strictEqual(error.subject, "label.a")
        assert.isTrue(Either.isLeft(number.decodeEither(bytes)))
      }
    })
  )

  it("BE-ISO-02 a settlement that names another underlying than its subject is refused", () => {
    const lives = { v: 1, as_of: "2026-07-28T10:00:00.000Z", seq: 1, exchange: "NSE", underlying: "NIFTY", happenings: [] } as const
    const bytes = Subjects.Life.encode(lives)
    assert.isTrue(Either.isRight(Subjects.Life.read(Subjects.Life.at({ exchange: "NSE", underlying: "NIFTY" }), bytes)))
    for (const other of [
      { exchange: "NSE", underlying: "BANKNIFTY" },
      { exchange: "BSE", underlying: "NIFTY" }
    ])
      assert.isTrue(Either.isLeft(Subjects.Life.read(Subjects.Life.at(other), bytes)))
  })
})
