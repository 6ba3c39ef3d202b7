import { ByteWriter, ParquetWriter } from "hyparquet-writer"
import type { Cell, Column, Format, Kind } from "./Table.ts"

const types = {
  time: { type: "INT64", converted_type: "TIMESTAMP_MILLIS" },
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  integer: { type: "INT64" },
  number: { type: "DOUBLE" }
} as const satisfies Record<Kind, object>

const valueOf = (cell: Cell, kind: Kind): unknown => {
  if (cell === null) return null
  if (kind === "time") return new Date(Number(cell))
  return kind === "integer" ? BigInt(cell) : cell
}

/** Hands out the bytes written so far and forgets them. Positions in the file go on, because `offset` counts all. */
const take = (writer: ByteWriter): Uint8Array => {
  const bytes = writer.getBytes().slice()
  writer.index = 0
  return bytes
}

/** Apache Parquet: one row group for each piece, so that no more than a piece is in memory. */
export const format: Format = {
  contentType: "application/vnd.apache.parquet",
  extension: "parquet",
  begin: (columns: ReadonlyArray<Column>) => {
    const writer = new ByteWriter()
    const root = { name: "root", num_children: columns.length }
    const schema = [root, ...columns.map(({ name, kind }) => ({ name, repetition_type: "OPTIONAL" as const, ...types[kind] }))]
    const file = new ParquetWriter({ writer, schema, createdBy: "tarang" })
    return {
      head: () => take(writer),
      rows: (rows) => {
        const columnData = columns.map(({ name, kind }, at) => ({ name, data: rows.map((row) => valueOf(row[at] ?? null, kind)) }))
        file.write({ columnData, rowGroupSize: rows.length })
        return take(writer)
      },
      end: () => {
        file.finish()
        return take(writer)
      }
    }
  }
}
