import type { Parsed } from "./Instrument.ts"

/** How many instruments each exchange has in a dump. */
export type Counts = ReadonlyMap<string, number>

export const countsOf = (instruments: Iterable<{ readonly exchange: string }>): Counts => {
  const counts = new Map<string, number>()
  for (const { exchange } of instruments) counts.set(exchange, (counts.get(exchange) ?? 0) + 1)
  return counts
}

/**
 * Each exchange in a complete dump has at least this share of the rows that it had in the last dump. The largest real fall comes on the
 * day after a monthly expiry, when about a third of an exchange's contracts disappear.
 */
export const rowsShareMin = 0.5
/** Kite's own dump has no unreadable row. A few may be new kinds of instruments; many mean a broken file. */
export const unreadableShareMax = 0.01

/**
 * The reasons to reject a dump, as texts for the operator; empty if the dump is complete. `before` counts the rows of the current dump;
 * it is empty if there is no current dump.
 */
export const flaws = ({ instruments, rejected }: Parsed, before: Counts): ReadonlyArray<string> => {
  if (instruments.length === 0) return ["it has no instruments"]
  const found: Array<string> = []
  const repeated = rejected.flatMap(({ repeatedToken }) => repeatedToken ?? [])
  if (repeated.length > 0) found.push(`instrument_token ${repeated[0]} appears twice (${repeated.length} such rows)`)
  const unreadable = rejected.filter(({ repeatedToken }) => repeatedToken === undefined)
  const [first] = unreadable
  if (first !== undefined && unreadable.length > (instruments.length + unreadable.length) * unreadableShareMax)
    found.push(`${unreadable.length} rows cannot be read, the first on line ${first.line}: ${first.reason}`)
  const counts = countsOf(instruments)
  for (const [exchange, rowsBefore] of before) {
    const rows = counts.get(exchange) ?? 0
    if (rows === 0) found.push(`exchange ${exchange} is missing; it had ${rowsBefore} instruments`)
    else if (rows < rowsBefore * rowsShareMin) found.push(`exchange ${exchange} has ${rows} instruments; it had ${rowsBefore}`)
  }
  return found
}
