import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** One row of a golden CSV: text by column, and numbers on demand. */
export interface Row {
  readonly id: string
  readonly text: (column: string) => string
  readonly number: (column: string) => number
}

const pathOf = (name: string) => fileURLToPath(new URL(`../../data/golden/${name}`, import.meta.url))

export const csv = (name: string): ReadonlyArray<Row> => {
  const [header = "", ...lines] = readFileSync(pathOf(name), "utf8").trim().split("\n")
  const columns = header.split(",")
  return lines.map((line) => {
    const cells = line.split(",")
    const text = (column: string): string => {
      const at = columns.indexOf(column)
      if (at < 0) throw new Error(`${name} has no column ${column}`)
      return cells[at] ?? ""
    }
    return { id: `${name} row ${text("id")}`, text, number: (column) => Number.parseFloat(text(column)) }
  })
}

export const json = <A>(name: string): A => JSON.parse(readFileSync(pathOf(name), "utf8"))
