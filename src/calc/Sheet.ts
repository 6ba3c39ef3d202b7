import { Either } from "effect"
import * as Csv from "./Csv.ts"
import * as Lines from "./Lines.ts"
import type { Table } from "./Pricing.ts"

/** A printed row, and the problem with it. A row with a problem has empty results. */
export interface Row {
  readonly text: string
  readonly reason: string | null
}

/** A CSV file after its header was read: its columns in order, then the result columns that it lacks. */
export interface Sheet {
  readonly header: string
  readonly row: (line: string) => Row
}

/** Where a row's cells come from and where results go. */
interface Layout {
  readonly table: Table
  readonly width: number
  readonly kindAt: number
  readonly numbersAt: ReadonlyArray<number>
  /** Column of each result: the file's column with its name, or a new column after the others. */
  readonly resultsAt: ReadonlyArray<number>
}

/** Chooses the calculation from a header: the first table whose input columns all exist. */
export const open = (header: string, tables: ReadonlyArray<Table>): Either.Either<Sheet, string> => {
  const cells = header.length > Lines.lengthMax ? null : Csv.split(header)
  if (cells === null) return Either.left("no CSV header: a quoted cell does not end on its line, or the line is too long")
  const names = cells.map(Csv.textOf)
  const needs = (table: Table) => ["kind", ...table.numbers]
  const table = tables.find((it) => needs(it).every((name) => names.includes(name)))
  if (table === undefined) return Either.left(missing(names, tables.map(needs)))
  const twice = [...needs(table), ...table.results].find((name) => names.indexOf(name) !== names.lastIndexOf(name))
  if (twice !== undefined) return Either.left(`column ${twice} appears twice`)
  const added = table.results.filter((name) => !names.includes(name))
  const layout: Layout = {
    table,
    width: names.length,
    kindAt: names.indexOf("kind"),
    numbersAt: table.numbers.map((name) => names.indexOf(name)),
    resultsAt: table.results.map((name) => (names.includes(name) ? names.indexOf(name) : names.length + added.indexOf(name)))
  }
  return Either.right({ header: [...cells, ...added].join(","), row: (line) => evaluate(layout, line) })
}

const missing = (names: ReadonlyArray<string>, alternatives: ReadonlyArray<ReadonlyArray<string>>): string => {
  const lacking = alternatives.map((needed) => needed.filter((name) => !names.includes(name)).join(", "))
  return `no column ${lacking.join(" (or, instead: ")}${")".repeat(lacking.length - 1)}; needed are ${alternatives.map((it) => it.join(", ")).join(", or ")}`
}

const evaluate = (layout: Layout, line: string): Row => {
  const cells = line.length > Lines.lengthMax ? null : Csv.split(line)
  const found = cells === null ? Either.left(unreadable(line)) : resultsOf(layout, cells)
  // A line that cannot be split is printed as one quoted cell, so that the output stays readable.
  const out = (cells ?? [Csv.quoted(line)]).slice(0, layout.width)
  while (out.length < layout.width) out.push("")
  for (const [index, at] of layout.resultsAt.entries()) out[at] = Either.isRight(found) ? (found.right[index] ?? "") : ""
  return { text: out.join(","), reason: Either.isLeft(found) ? found.left : null }
}

const unreadable = (line: string): string =>
  line.length > Lines.lengthMax
    ? `longer than ${Lines.lengthMax} characters`
    : "a quoted cell does not end on its line, or has text around it"

const resultsOf = (layout: Layout, cells: ReadonlyArray<string>): Either.Either<ReadonlyArray<string>, string> => {
  if (cells.length !== layout.width) return Either.left(`${cells.length} cells, but the header has ${layout.width}`)
  const kind = Csv.textOf(cells[layout.kindAt] ?? "")
  if (kind !== "CE" && kind !== "PE") return Either.left(`kind: CE or PE, but is "${kind}"`)
  const numbers: Array<number> = []
  for (const [index, at] of layout.numbersAt.entries()) {
    const text = Csv.textOf(cells[at] ?? "")
    const value = numberOf(text)
    if (Number.isNaN(value)) return Either.left(`${layout.table.numbers[index]}: expected a number, but is "${text}"`)
    numbers.push(value)
  }
  return layout.table.evaluate(kind, numbers)
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** The double nearest to a decimal text, which may be Infinity. NaN for any other text ("", "NaN", "0x10"). */
const numberOf = (text: string): number => (decimal.test(text) ? Number(text) : Number.NaN)
