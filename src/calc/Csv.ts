/**
 * Cells of one CSV line (RFC 4180) as they were written, quotes included, so that a kept cell is printed unchanged. A record is one line:
 * null for a line with a quoted cell that does not end on it, or with text around the quotes.
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

/** Where a quoted cell ends: after the quote that neither doubles another nor is doubled; -1 where none does. */
const quotedEnd = (line: string, from: number): number => {
  let at = from + 1
  for (;;) {
    const quote = line.indexOf('"', at)
    if (quote < 0) return -1
    if (line[quote + 1] !== '"') return quote + 1 === line.length || line[quote + 1] === "," ? quote + 1 : -1
    at = quote + 2
  }
}

/** What a cell says: without its quotes and the blanks around it. */
export const textOf = (cell: string): string => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"').trim() : cell.trim())

/** A cell that says `text`, whatever stands in it. */
export const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
