/** Kinds of columns. A time is UNIX ms; an integer is a safe integer; a number is a price, a volatility or a Greek as its shortest decimal. */
export type Kind = "time" | "text" | "integer" | "number"
export interface Column {
  readonly name: string
  readonly kind: Kind
}
export type Cell = string | number | null
/** Cells in the order of the columns. */
export type Row = ReadonlyArray<Cell>

/** Writes a table piece by piece. `rows` is called with at least one row. */
export interface Format {
  readonly contentType: string
  readonly extension: string
  readonly begin: (columns: ReadonlyArray<Column>) => Writer
}
export interface Writer {
  readonly head: () => Uint8Array
  readonly rows: (rows: ReadonlyArray<Row>) => Uint8Array
  readonly end: () => Uint8Array
}
