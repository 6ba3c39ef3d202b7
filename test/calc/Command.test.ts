import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Command from "../../src/calc/Command.ts"
import * as Csv from "../../src/calc/Csv.ts"
import * as Lines from "../../src/calc/Lines.ts"
import { rowsOf, run } from "./Run.ts"

const root = join(import.meta.dirname, "../..")
const header = "id,kind,spot,strike,t_years,rate,dividend_yield,vol"
const good = "1,CE,100,100,1,0.05,0,0.2"

describe("rows by line", () => {
  it("keep unknown columns as written: quotes, commas, blanks", async () => {
    const { output, problems } = await run(
      "greeks",
      `\uFEFF"kind",note, spot ,strike,t_years,rate,dividend_yield,vol,"a, b"\r\nCE," x ""y"", z",100,100,1,0.05,0,0.2, last\r\n`
    )
    assert.deepStrictEqual(problems, [])
    const [first = "", second = "", end] = output.split("\n")
    assert.match(first, /^"kind",note, spot ,strike,t_years,rate,dividend_yield,vol,"a, b",price,delta,.*,d1,d2$/)
    assert.match(second, /^CE," x ""y"", z",100,100,1,0\.05,0,0\.2, last,10\.45058357218556\d*,/)
    assert.strictEqual(end, "")
  })

  it("fills an existing result column in place", async () => {
    const { output } = await run("iv", "vol,status,kind,forward,strike,t_years,rate,price\n9,no,CE,100,100,1,0,7.965567455405804\n")
    assert.match(
      output,
      /^vol,status,kind,forward,strike,t_years,rate,price\n0\.2(0{10}\d*)?,ok,CE,100,100,1,0,7\.965567455405804\n$|^vol.*\n0\.19999999999999\d*,ok,/
    )
  })

  const bad: ReadonlyArray<readonly [row: string, reason: RegExp]> = [
    ["1,XX,100,100,1,0.05,0,0.2", /^line 3: kind: CE or PE, but is "XX"$/],
    ["1,CE,100,,1,0.05,0,0.2", /^line 3: strike: expected a number, but is ""$/],
    ["1,CE,0x10,100,1,0.05,0,0.2", /^line 3: spot: expected a number, but is "0x10"$/],
    ["1,CE,100,100,1,0.05,0,NaN", /^line 3: vol: expected a number, but is "NaN"$/],
    ["1,CE,100,100,-1,0.05,0,0.2", /^line 3: t_years: Time to expiry must be >= 0$/],
    ["1,CE,100,100,1,0.05,9,0.2", /^line 3: dividend_yield: .* from -5 to 5, but is 9$/],
    ["1,CE,1e999,100,1,0.05,0,0.2", /^line 3: spot: .*Infinity$/],
    ["1,CE,100", /^line 3: 3 cells, but the header has 8$/],
    [`${good},more`, /^line 3: 9 cells, but the header has 8$/],
    ['1,"CE,100,100,1,0.05,0,0.2', /^line 3: a quoted cell does not end on its line/],
    ['1,CE,10"0,100,1,0.05,0,0.2', /^line 3: a quoted cell does not end on its line, or has text around it$/]
  ]
  for (const [row, reason] of bad) {
    it(`name the line of ${row} and leave its results empty`, async () => {
      const { output, problems } = await run("greeks", `${header}\n${good}\n${row}\n\n${good}\n`)
      assert.strictEqual(problems.length, 1, problems.join("\n"))
      assert.match(problems[0]!, reason)
      const lines = output.trimEnd().split("\n")
      assert.strictEqual(lines.length, 4)
      assert.match(lines[1]!, /^1,CE,100,100,1,0\.05,0,0\.2,10\.45/)
      assert.strictEqual(lines[3], lines[1])
      const cells = Csv.split(lines[2]!)!
      assert.strictEqual(cells.length, 8 + 14)
      assert.deepStrictEqual(
        cells.slice(8),
        Array.from({ length: 14 }, () => "")
      )
    })
  }

  it("computes nothing without the needed columns", async () => {
    assert.deepStrictEqual(await run("greeks", "kind,spot\nCE,100\n"), {
      output: "",
      problems: [
        "line 1: no column strike, t_years, rate, dividend_yield, vol; needed are kind, spot, strike, t_years, rate, dividend_yield, vol"
      ]
    })
    const { problems } = await run("iv", "kind,spot,strike,t_years,rate,price\nCE,1,1,1,0,1\n")
    assert.match(problems[0]!, /^line 1: no column dividend_yield \(or, instead: forward\); needed are kind, spot, .*, or kind, forward, /)
    assert.match((await run("greeks", `${header},vol\n`)).problems[0]!, /column vol appears twice/)
    assert.match((await run("greeks", '"kind\n')).problems[0]!, /no CSV header/)
    assert.deepStrictEqual((await run("greeks", "")).problems, ["line 1: no header: the input is empty"])
  })

  it("cuts a line that is too long, names it, and computes the following ones", async () => {
    const { output, problems } = await run("greeks", `${header}\n${"9".repeat(Lines.lengthMax * 3)}\n${good}`)
    assert.deepStrictEqual(problems, [`line 2: longer than ${Lines.lengthMax} characters`])
    assert.match(output.trimEnd().split("\n")[2]!, /^1,CE,100,100,1,0\.05,0,0\.2,10\.45/)
  })

  it("gives the same output wherever the input is cut", () =>
    FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.integer({ min: 1, max: 40 }),
        FastCheck.array(FastCheck.constantFrom(good, "é✓,x", "", '"', `${good}\r`), { maxLength: 12 }),
        async (pieceBytes, lines) => {
          const input = [header, ...lines].join("\n")
          assert.deepStrictEqual(await run("greeks", input, pieceBytes), await run("greeks", input))
        }
      )
    ))

  it.prop(
    "any text is a cell when quoted",
    [
      FastCheck.array(
        FastCheck.string().filter((it) => it.trim() === it),
        { minLength: 1 }
      )
    ],
    ([texts]) => {
      const cells = Csv.split(texts.map(Csv.quoted).join(","))
      assert.deepStrictEqual(cells?.map(Csv.textOf), texts)
    }
  )
})

describe("symbols", () => {
  const of = async (line: string) => {
    const { output, problems } = await run("symbols", `${line}\n`)
    return { symbol: JSON.parse(output), problems }
  }

  it("a weekly option with its OpenAlgo form", async () => {
    assert.deepStrictEqual(await of("NIFTY24N2124000CE"), {
      symbol: {
        tradingsymbol: "NIFTY24N2124000CE",
        kind: "CE",
        name: "NIFTY",
        series: null,
        expiry: "2024-11-21",
        expiry_month: "2024-11",
        strike: 24000,
        openalgo: "NIFTY21NOV2424000CE"
      },
      problems: []
    })
  })

  it("a monthly symbol gets its day only from the master", async () => {
    const without = await of("NIFTY24NOVFUT")
    assert.deepStrictEqual(without.problems, [])
    assert.deepInclude(without.symbol, { expiry: null, expiry_month: "2024-11", strike: null, openalgo: null })
    assert.match(without.symbol.openalgo_reason, /instrument master/)
    const { symbol } = await of("NIFTY24NOVFUT, 2024-11-28")
    assert.deepInclude(symbol, { tradingsymbol: "NIFTY24NOVFUT", expiry: "2024-11-28", openalgo: "NIFTY28NOV24FUT" })
    assert.notProperty(symbol, "openalgo_reason")
  })

  it("shares and indices", async () => {
    assert.deepInclude((await of("CENTRALBK-BE")).symbol, { kind: "EQ", name: "CENTRALBK", series: "BE", openalgo: "CENTRALBK-BE" })
    assert.deepInclude((await of("NIFTY 50")).symbol, { kind: "INDEX", expiry: null, expiry_month: null, openalgo: "NIFTY" })
  })

  it("names a line that is not a symbol, and skips blank lines", async () => {
    const { output, problems } = await run(
      "symbols",
      "INFY\n\nNIFTY99Z0124000CE\nINFY,2024-11-28\nNIFTY24NOVFUT,2024-12-26\nNIFTY24NOVFUT,28-11-2024\n"
    )
    assert.deepStrictEqual(problems, [
      'line 3: "NIFTY99Z0124000CE" is not a tradingsymbol',
      "line 4: INFY does not expire",
      "line 5: NIFTY24NOVFUT does not expire on 2024-12-26",
      'line 6: "28-11-2024" is not a day (YYYY-MM-DD)'
    ])
    const answers = output
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    assert.deepStrictEqual(
      answers.map(({ tradingsymbol, kind }) => [tradingsymbol, kind]),
      [
        ["INFY", "EQ"],
        ["NIFTY99Z0124000CE", null],
        ["INFY", null],
        ["NIFTY24NOVFUT", null],
        ["NIFTY24NOVFUT", null]
      ]
    )
  })
})

describe("JSON documents", () => {
  const of = async (command: string, document: unknown) => {
    const { output, problems } = await run(command, JSON.stringify(document))
    return { document: JSON.parse(output), problems }
  }
  const leg = { symbol: "A", side: "BUY", qty: 50, ltp: 120.05 }

  it("accepts a single row or a bare array, and keeps a row's other fields", async () => {
    const row = { name: "mine", legs: [leg] }
    const whole = await of("pnl", { made: "today", strategies: [row] })
    assert.strictEqual(whole.document.made, "today")
    assert.deepInclude(whole.document.strategies[0], { ...row, m2m: { dec: "-6002.5" } })
    assert.deepStrictEqual((await of("pnl", [row])).document, whole.document.strategies)
    assert.deepStrictEqual((await of("pnl", row)).document, whole.document.strategies[0])
  })

  it("takes a broker's average price as its JSON prints it: 390 bought at 86.4 and sold at 88.08333333333333 give 656.50 (public case 6)", async () => {
    const fills = [
      { symbol: "B", side: "BUY", qty: 390, price: 86.4 },
      { symbol: "B", side: "SELL", qty: 390, price: 88.08333333333333 }
    ]
    const { document, problems } = await of("pnl", { legs: [], fills, instruments: [{ symbol: "B", ltp: 90 }] })
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual([document.totals.fifoRealised, document.totals.fifoUnrealised], [{ dec: "656.5" }, { dec: "0" }])
  })

  it("names bad rows by path with empty results, and computes the others", async () => {
    const { document, problems } = await of("pnl", {
      strategies: [
        { legs: [{ ...leg, qty: -1 }] },
        { legs: [leg], fills: [{ symbol: "B", side: "SELL", qty: 1, price: "3" }] },
        { legs: [leg, { ...leg, ltp: "121" }] },
        { legs: [leg], fills: [{ symbol: "A", side: "SELL", qty: 1, price: "1e3" }] },
        7,
        { legs: [leg] }
      ]
    })
    assert.strictEqual(problems.length, 5)
    assert.match(problems[0]!, /^strategies\[0\]\.legs\[0\]\.qty: Expected a non-negative number, actual -1$/)
    assert.match(problems[1]!, /^strategies\[1\]\.fills\[0\]\.symbol: no leg and no instrument gives its last price$/)
    assert.match(problems[2]!, /^strategies\[2\]\.legs\[1\]\.ltp: A already has another last price: 120\.05$/)
    assert.match(problems[3]!, /^strategies\[3\]\.fills\[0\]\.price: expected a plain decimal/)
    assert.match(problems[4]!, /^strategies\[4\]: expected an object$/)
    for (const at of [0, 1, 2, 3, 4]) assert.deepInclude(document.strategies[at], { m2m: null, totals: null })
    assert.deepStrictEqual(document.strategies[5].m2m, { dec: "-6002.5" })
  })

  it("an instrument without a leg gets its last price from the input and keeps its other fields", async () => {
    const { document, problems } = await of("pnl", {
      legs: [],
      fills: [{ symbol: "B", side: "SELL", qty: 2, price: "3" }],
      instruments: [{ symbol: "B", ltp: 2.5, note: "kept" }]
    })
    assert.deepStrictEqual(problems, [])
    assert.deepInclude(document.instruments[0], { symbol: "B", ltp: 2.5, note: "kept", netQty: -2, total: { dec: "1" } })
    assert.deepStrictEqual(document.totals.fifoUnrealised, { dec: "1" })
  })

  it("maxpain prints the result of a chain once", async () => {
    const { output, problems } = await run("maxpain", JSON.stringify({ chains: [{ chain: [{ strike: 100, ceOi: 5, peOi: 3 }] }] }))
    assert.deepStrictEqual(problems, [])
    const keys = [...output.matchAll(/"(\w+)":/g)].map(([, key]) => key)
    for (const key of ["maxPain", "minPain", "totalPain", "pcrOi"]) assert.strictEqual(keys.filter((one) => one === key).length, 1, key)
  })

  it("maxpain rejects values that are not counts, and totals that would not be exact", async () => {
    const { document, problems } = await of("maxpain", {
      chains: [
        { chain: [{ strike: 100, ceOi: 1.5 }] },
        {
          chain: [
            { strike: 1, ceOi: 2 ** 53 - 1, peOi: 1 },
            { strike: 2, ceOi: 9 }
          ]
        },
        { chain: [] }
      ]
    })
    assert.match(problems[0]!, /^chains\[0\]\.chain\[0\]\.ceOi: Expected an integer, actual 1\.5$/)
    assert.strictEqual(problems[1], "chains[1].chain: the totals exceed 2^53 and would not be exact")
    assert.strictEqual(problems.length, 2)
    assert.deepInclude(document.chains[0], { maxPain: null, maxPainStrikes: null, pcrOi: null })
    assert.deepInclude(document.chains[2], { maxPain: null, maxPainStrikes: [], degenerate: true, pcrVolume: null })
  })

  it("a bad bar is null in every series, and later values ignore it", async () => {
    const bars = Array.from({ length: 12 }, (_, at) => [10 + at, 12 + at, 9 + at, 11 + at, 100])
    const clean = await of("indicators", { ohlcv: bars })
    const dirty = await of("indicators", { ohlcv: [...bars.slice(0, 6), [1, 2, 3, 4], [10, 9, 8, 9, 1], ...bars.slice(6)] })
    assert.deepStrictEqual(clean.problems, [])
    assert.match(dirty.problems[0]!, /^ohlcv\[6\]\[4\]: is missing$/)
    assert.strictEqual(dirty.problems[1], "ohlcv[7]: open and close lie from low to high")
    for (const [name, column] of Object.entries<ReadonlyArray<number | null>>(clean.document.values))
      assert.deepStrictEqual(dirty.document.values[name], [...column.slice(0, 6), null, null, ...column.slice(6)], name)
    assert.strictEqual(clean.document.firstIndex.sma_5, 4)
    assert.isNull(clean.document.firstIndex.sma_20)
    const none = await of("indicators", { sessionLength: 0, ohlcv: [] })
    assert.match(none.problems[0]!, /^sessionLength: /)
    assert.deepStrictEqual(none.document, { sessionLength: 0, ohlcv: [], firstIndex: null, values: null })
    assert.match((await of("indicators", 5)).problems[0]!, /^\$: /)
  })

  it("input that is not JSON gives no output", async () => {
    const { output, problems } = await run("maxpain", "{")
    assert.strictEqual(output, "")
    assert.strictEqual(problems.length, 1)
    assert.match(problems[0]!, /^\$: no JSON: .*JSON/)
  })

  it("rejects input beyond the limit without collecting it", async () => {
    const piece = new Uint8Array(32 * 1024 * 1024)
    let given = 0
    const problems: Array<string> = []
    await Command.commands.get("pnl")!({
      input: (async function* () {
        while (given < 100) {
          given++
          yield piece
        }
      })(),
      write: async () => assert.fail("nothing to write"),
      report: ({ reason }) => void problems.push(reason)
    })
    assert.deepStrictEqual(problems, [`more than ${Command.documentBytesMax} bytes of JSON`])
    assert.strictEqual(given, 9)
  })
})

describe("npm run -s calc", () => {
  /** Runs the script as npm runs it; the first run builds. */
  const calc = (args: ReadonlyArray<string>, input: string) =>
    new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((resolve, reject) => {
      const child = spawn(process.execPath, [join(root, "scripts/calc.mjs"), ...args], { cwd: tmpdir(), stdio: "pipe" })
      let [out, err] = ["", ""]
      child.stdout.on("data", (piece) => (out += piece))
      child.stderr.on("data", (piece) => (err += piece))
      child.once("error", reject)
      child.once("close", (code) => resolve({ code, out, err }))
      // The command may end without reading.
      child.stdin.on("error", () => {})
      child.stdin.end(input)
    })

  it("prints only results, and its status tells whether every row was good", { timeout: 300_000 }, async () => {
    const golden = readFileSync(join(root, "test/data/golden/greeks.golden.csv"), "utf8")
    const clean = await calc(["greeks"], golden)
    assert.strictEqual(clean.code, 0, clean.err)
    assert.strictEqual(clean.out, (await run("greeks", golden)).output)
    const dirty = await calc(["greeks"], `${header}\n${good}\n2,XX,1,1,1,0,0,1\n`)
    assert.strictEqual(dirty.code, 1)
    assert.match(dirty.err, /^line 3: kind: CE or PE, but is "XX"$/m)
    assert.strictEqual(rowsOf(dirty.out).length, 2)
    const unknown = await calc(["nothing"], "")
    assert.deepStrictEqual([unknown.code, unknown.out], [2, ""])
    assert.include(unknown.err, "npm run -s calc -- COMMAND")
    assert.deepStrictEqual(await calc(["--help"], ""), { code: 0, out: Command.usage, err: "" })
  })
})
