/**
 * Splits one CSV line into cells (RFC 4180). Quotes are kept, so that an unchanged cell is printed as it was. A record must be one
 * line: null if a quoted cell does not end on the line, or has text around its quotes.
 */
export const split = (line: string): ReadonlyArray<string> | null => {
  if (!line.includes('"')) return line.split(",")
  const cells: Array<string> = []
  let from = 0
  for (;;) {
    const end = line[from] === '"' ? quotedEnd(line, from) : plainEnd(line, from)
    if (end < 0) return null
    cells.push(line.slice(from, end))
    if (end === line.length) return cells
    from = end + 1
  }
}

const plainEnd = (line: string, from: number): number => {
  const comma = line.indexOf(",", from)
  const end = comma < 0 ? line.length : comma
  return line.slice(from, end).includes('"') ? -1 : end
}

/** The position after a quoted cell's closing quote. Two quotes side by side stand for one. Returns -1 for a cell that is not well formed. */
const quotedEnd = (line: string, from: number): number => {
  let at = from + 1
  for (;;) {
    const quote = line.indexOf('"', at)
    if (quote < 0) return -1
    if (line[quote + 1] !== '"') return quote + 1 === line.length || line[quote + 1] === "," ? quote + 1 : -1
    at = quote + 2
  }
}

/** The text of a cell, without its quotes and the blanks around it. */
export const textOf = (cell: string): string => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"').trim() : cell.trim())

/** Quotes a cell's text, whatever characters it contains. */
export const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
