import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { rowsOf, run } from "./Run.ts"

const golden = (name: string): string => readFileSync(new URL(`../data/golden/${name}`, import.meta.url), "utf8")

/** A golden CSV with only the named columns, as a user would provide it. */
const only = (text: string, columns: ReadonlyArray<string>): string =>
  [columns.join(","), ...rowsOf(text).map((row) => columns.map((name) => row[name]).join(","))].join("\n")

const near = (actual: string | undefined, expected: string | undefined, tolerance: number, context: string) => {
  assert.match(actual ?? "", /^-?[\d.]+(e[+-]\d+)?$/, context)
  assert.isAtMost(Math.abs(Number(actual) - Number(expected)), tolerance, `${context}: ${actual} is not ${expected}`)
}

const sensitivities = [
  "delta",
  "gamma",
  "theta_per_year",
  "vega_per_unit_vol",
  "rho_per_unit_rate",
  "vanna",
  "charm_per_year",
  "vomma",
  "speed",
  "zomma",
  "color_per_year",
  "d1",
  "d2"
]

/** The floors of the golden README near zero crossings: 1e-12 of each number's natural scale. */
const floorOf = (name: string, row: Readonly<Record<string, string>>, underlying: number): number => {
  const [t, vol, gamma, vega] = ["t_years", "vol", "gamma", "vega_per_unit_vol"].map((it) => Math.abs(Number(row[it]))) as [
    number,
    number,
    number,
    number
  ]
  const scales: Readonly<Record<string, number>> = {
    vanna: gamma * underlying * Math.sqrt(t),
    vomma: vega / vol,
    charm_per_year: (gamma * underlying) / t,
    zomma: gamma / vol,
    color_per_year: gamma / t,
    theta_per_year: (vega * vol) / t
  }
  return 1e-12 * Math.max(scales[name] ?? 0, name === "rho_per_unit_rate" || name === "d1" || name === "d2" ? 1 : 0)
}

describe("calc on the golden files", () => {
  const pricing = [
    ["greeks", "greeks.golden.csv", ["id", "kind", "spot", "strike", "t_years", "rate", "dividend_yield", "vol", "tag"]],
    ["black76", "black76.golden.csv", ["id", "kind", "forward", "strike", "t_years", "rate", "vol", "tag"]]
  ] as const
  for (const [command, file, inputs] of pricing) {
    it(`${command} prices every row of ${file}`, async () => {
      const expected = rowsOf(golden(file))
      const { output, problems } = await run(command, only(golden(file), inputs))
      assert.deepStrictEqual(problems, [])
      const rows = rowsOf(output)
      assert.strictEqual(rows.length, expected.length)
      for (const [at, row] of expected.entries()) {
        const context = `${file} row ${row["id"]}`
        const underlying = Number(row["spot"] ?? row["forward"])
        for (const name of inputs) assert.strictEqual(rows[at]?.[name], row[name], `${context} ${name} is kept`)
        near(rows[at]?.["price"], row["price"], 1e-13 * Math.max(underlying, Number(row["strike"])), `${context} price`)
        for (const name of sensitivities) {
          const tolerance = Math.max(1e-9 * Math.abs(Number(row[name])), floorOf(name, row, underlying))
          near(rows[at]?.[name], row[name], tolerance, `${context} ${name}`)
        }
        // The price was rounded, so its implied volatility may differ by the effect of the last bit.
        if (row["iv_status"] === "ok")
          near(rows[at]?.["iv_from_price"], row["iv_from_price"], Number(row["iv_tol_abs"]), `${context} iv_from_price`)
      }
    })
  }

  it("iv solves every row of iv.golden.csv or gives the reason why not", async () => {
    const text = golden("iv.golden.csv")
    const inputs = ["id", "kind", "spot", "strike", "t_years", "rate", "dividend_yield", "price", "tag"]
    const { output, problems } = await run("iv", only(text, inputs))
    assert.deepStrictEqual(problems, [])
    const rows = rowsOf(output)
    for (const [at, row] of rowsOf(text).entries()) {
      const context = `iv row ${row["id"]}`
      const boundary = Number(row["boundary_margin_ulps"]) < 8 && rows[at]?.["status"] !== row["status"]
      if (boundary) continue
      assert.strictEqual(rows[at]?.["status"], row["status"], context)
      if (row["status"] === "ok") near(rows[at]?.["vol"], row["vol"], Number(row["tol_abs"]), context)
      else assert.strictEqual(rows[at]?.["vol"], "", context)
    }
  })

  it("iv treats a forward as a spot with its yield", async () => {
    const text = golden("black76.golden.csv")
    const { output, problems } = await run("iv", only(text, ["id", "kind", "forward", "strike", "t_years", "rate", "price"]))
    assert.deepStrictEqual(problems, [])
    const rows = rowsOf(output)
    for (const [at, row] of rowsOf(text).entries())
      if (row["iv_status"] === "ok") near(rows[at]?.["vol"], row["iv_from_price"], Number(row["iv_tol_abs"]), `row ${row["id"]}`)
  })

  it("a whole golden file keeps its columns in place and gets new results", async () => {
    const text = golden("iv.golden.csv")
    const { output } = await run("iv", text)
    assert.strictEqual(output.split("\n")[0], text.split("\n")[0])
    const withoutResults = (csv: string) => rowsOf(csv).map((row) => ({ ...row, status: "", vol: "" }))
    assert.deepStrictEqual(withoutResults(output), withoutResults(text))
  })

  it("maxpain gives what every chain of maxpain.golden.json expects", async () => {
    const whole = JSON.parse(golden("maxpain.golden.json"))
    const stripped = { ...whole, chains: whole.chains.map(({ expected: _, ...rest }: { expected: object }) => rest) }
    const { output, problems } = await run("maxpain", JSON.stringify(stripped))
    assert.deepStrictEqual(problems, [])
    const found = JSON.parse(output)
    assert.strictEqual(found.rule, whole.rule)
    assert.deepStrictEqual(
      found.chains,
      whole.chains.map(({ expected, ...rest }: { expected: object }) => ({ ...rest, ...expected })),
      "each result once, beside its chain"
    )
  })

  interface Strategy {
    readonly id: string
    readonly m2m: { readonly dec: string }
    readonly totals: Readonly<Record<string, { readonly dec: string }>>
    readonly instruments: ReadonlyArray<Readonly<Record<string, unknown>>>
  }
  /** The golden values without their rationals, which repeat the compared decimals. */
  const withoutExact = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(withoutExact)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(
            Object.entries(value).flatMap(([key, it]) => (key === "exact" || key === "running" ? [] : [[key, withoutExact(it)]]))
          )
        : value
  const rational = (text: unknown): number =>
    String(text)
      .split("/")
      .map(Number)
      .reduce((n, d) => n / d)

  it("pnl gives m2m, instruments and totals of every strategy of m2m.golden.json", async () => {
    const whole = JSON.parse(golden("m2m.golden.json"))
    const stripped = whole.strategies.map(({ m2m: _m, instruments: _i, totals: _t, ...rest }: Strategy) => rest)
    const { output, problems } = await run("pnl", JSON.stringify({ strategies: stripped }))
    assert.deepStrictEqual(problems, [])
    const found: ReadonlyArray<Strategy> = JSON.parse(output).strategies
    assert.deepStrictEqual(withoutExact(found), withoutExact(whole.strategies))
    for (const [at, strategy] of (whole.strategies as ReadonlyArray<Strategy>).entries())
      for (const [place, { running }] of strategy.instruments.entries())
        for (const [index, expected] of (running as ReadonlyArray<Record<string, unknown>>).entries()) {
          const actual = (found[at]!.instruments[place]!["running"] as ReadonlyArray<Record<string, unknown>>)[index]!
          assert.strictEqual(actual["seq"], expected["seq"])
          assert.strictEqual(actual["netQty"], expected["netQty"])
          for (const name of ["fifoRealised", "avgRealised", "avgPrice"])
            assert.closeTo(Number(actual[name]), rational(expected[name]), 1e-6, `${strategy.id} ${place} ${index} ${name}`)
        }
  })

  it("indicators gives every series of indicators.golden.json, with its first index", async () => {
    const { values, firstIndex, ...input } = JSON.parse(golden("indicators.golden.json"))
    const { output, problems } = await run("indicators", JSON.stringify(input))
    assert.deepStrictEqual(problems, [])
    const found = JSON.parse(output)
    assert.deepStrictEqual(Object.keys(found.values), Object.keys(values))
    assert.deepStrictEqual(found.firstIndex, firstIndex)
    assert.deepStrictEqual({ ohlcv: found.ohlcv, sessionLength: found.sessionLength, conventions: found.conventions }, input)
    for (const [name, column] of Object.entries<ReadonlyArray<number | null>>(values))
      for (const [at, expected] of column.entries()) {
        const actual = found.values[name][at]
        if (expected === null) assert.isNull(actual, `${name} ${at}`)
        else assert.closeTo(actual, expected, 1e-9 * Math.max(1, Math.abs(expected)), `${name} ${at}`)
      }
  })
})
