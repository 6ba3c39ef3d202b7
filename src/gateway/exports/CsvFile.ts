import * as IndiaTime from "../../domain/IndiaTime.ts"
import type { Cell, Column, Format } from "./Table.ts"

const toBytes = new TextEncoder()
const lineEnd = "\r\n"
const needsQuotes = /[",\r\n]/
/** A spreadsheet reads a text that begins with one of these characters as a formula. */
const isFormula = /^[=+\-@\t]/

/** A text as a field of RFC 4180. */
const quoted = (text: string): string => {
  const safe = isFormula.test(text) ? `'${text}` : text
  return needsQuotes.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
const cellText = (cell: Cell, { kind }: Column): string => {
  if (cell === null) return ""
  if (typeof cell === "string") return quoted(cell)
  return kind === "time" ? IndiaTime.isoTime(cell) : String(cell)
}

/** A file by RFC 4180 whose first line names the columns. A missing value is an empty field. */
export const format: Format = {
  contentType: "text/csv; charset=utf-8",
  extension: "csv",
  begin: (columns) => {
    const encode = (lines: ReadonlyArray<string>) => toBytes.encode(lines.map((line) => `${line}${lineEnd}`).join(""))
    return {
      head: () => encode([columns.map(({ name }) => quoted(name)).join(",")]),
      rows: (rows) => encode(rows.map((row) => columns.map((column, at) => cellText(row[at] ?? null, column)).join(","))),
      end: () => new Uint8Array(0)
    }
  }
}
