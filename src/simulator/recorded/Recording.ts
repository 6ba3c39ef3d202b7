/**
 * A recorded option chain as CSV, with one row per snapshot and contract. Columns are found by name: timestamp (YYYYMMDDHHMM in IST),
 * expiry (25-Aug-2026 or 2026-08-25), strike, option_type (CE or PE), spot, ltp, volume, oi, and oi_chg (since the previous session) where the
 * file has it. Other columns are ignored.
 */
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Frame from "../../domain/market/Frame.ts"

export interface Contract {
  /** "YYYY-MM-DD". */
  readonly expiry: string
  /** Paise. */
  readonly strike: number
  readonly type: "CE" | "PE"
}

/** The rows of one instant as columns of equal length; prices in paise. */
export interface Snapshot {
  /** UNIX seconds. */
  readonly time: number
  /** The first spot price of its rows; null if no row has one. */
  spot: number | null
  /** Indexes into the recording's contracts, each once. */
  readonly contract: Array<number>
  readonly lastPrice: Array<number>
  readonly volume: Array<number>
  readonly oi: Array<number>
}

export interface Skipped {
  /** Line 1 is the header. */
  readonly line: number
  readonly reason: string
}

export interface Recording {
  readonly contracts: ReadonlyArray<Contract>
  /**
   * For each day in India and each contract, the open interest at the end of the session before: from the day's first row, or else the last
   * value of an earlier day. Null if the file contains neither.
   */
  readonly previousOi: ReadonlyMap<string, ReadonlyArray<number | null>>
  /** In the order of time. */
  readonly snapshots: ReadonlyArray<Snapshot>
  readonly skipped: ReadonlyArray<Skipped>
}

const required = ["timestamp", "expiry", "strike", "option_type", "spot", "ltp", "volume", "oi"] as const
/** Columns that a file may omit. */
const optional = ["oi_chg"] as const
type Column = (typeof required)[number] | (typeof optional)[number]

const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const stampText = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})$/
const expiryText = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/
const plainNumber = /^\d{1,15}(\.\d{1,30})?$/
const wholeNumber = /^[+-]?\d{1,15}$/

/** UNIX seconds of a YYYYMMDDHHMM in IST, or the reason why the text is not one. */
const parseStamp = (text: string): number | string => {
  const match = stampText.exec(text)
  const day = match === null ? null : IndiaTime.isoDate(Number(match[1]), Number(match[2]), Number(match[3]))
  const hour = Number(match?.[4])
  const minute = Number(match?.[5])
  if (day === null || hour > 23 || minute > 59) return `timestamp "${text}" is not a YYYYMMDDHHMM time`
  return IndiaTime.istMidnightMs(day) / 1000 + hour * 3600 + minute * 60
}

const parseExpiry = (text: string): string | null => {
  if (IndiaTime.isIsoDate(text)) return text
  const match = expiryText.exec(text)
  if (match === null) return null
  return IndiaTime.isoDate(Number(match[3]), monthNames.indexOf((match[2] ?? "").toLowerCase()) + 1, Number(match[1]))
}

/** A decimal text in hundredths; -1 for any other text. It is rounded, because a float32 spot has spurious digits beyond the paisa. */
const parsePaise = (text: string): number => {
  if (!plainNumber.test(text)) return -1
  const paise = Math.round(Number(text) * 100)
  return paise <= Frame.u32Max ? paise : -1
}

const parseCount = (text: string): number => {
  if (!plainNumber.test(text)) return -1
  const count = Number(text)
  return Number.isInteger(count) && count <= Frame.u32Max ? count : -1
}

interface Row {
  readonly time: number
  readonly expiry: string
  readonly strike: number
  readonly type: "CE" | "PE"
  readonly spot: number | null
  readonly lastPrice: number
  readonly volume: number
  readonly oi: number
  readonly previousOi: number | null
}

/** Remembers the result per value, because tens of thousands of rows share a few hundred times and dates. */
const memo = <K extends string | number, A>(parse: (text: K) => A): ((text: K) => A) => {
  const known = new Map<K, A>()
  return (text) => {
    const held = known.get(text)
    if (held !== undefined) return held
    const value = parse(text)
    known.set(text, value)
    return value
  }
}

const rowParser = (index: Readonly<Record<Column, number>>): ((fields: ReadonlyArray<string>) => Row | string) => {
  const stampOf = memo(parseStamp)
  const expiryOf = memo(parseExpiry)
  return (fields) => {
    const field = (column: Column): string => (fields[index[column]] ?? "").trim()
    const time = stampOf(field("timestamp"))
    if (typeof time === "string") return time
    const expiry = expiryOf(field("expiry"))
    if (expiry === null) return `expiry "${field("expiry")}" is not a day such as 25-Aug-2026`
    const type = field("option_type")
    if (type !== "CE" && type !== "PE") return `option_type "${type}" is neither CE nor PE`
    const strike = parsePaise(field("strike"))
    if (strike <= 0) return `strike "${field("strike")}" is not a price`
    // Recorders write 0 or nothing without a spot. The options are still worth playing, because parity gives the forward.
    const spot = field("spot") === "" ? 0 : parsePaise(field("spot"))
    if (spot < 0) return `spot "${field("spot")}" is not a price`
    const lastPrice = parsePaise(field("ltp"))
    if (lastPrice < 0) return `ltp "${field("ltp")}" is not a price`
    const volume = parseCount(field("volume"))
    if (volume < 0) return `volume "${field("volume")}" is not a whole number from 0 to ${Frame.u32Max}`
    const oi = parseCount(field("oi"))
    if (oi < 0) return `oi "${field("oi")}" is no whole number from 0 to ${Frame.u32Max}`
    const change = field("oi_chg")
    if (change !== "" && !wholeNumber.test(change)) return `oi_chg "${change}" is not a whole number`
    const previous = change === "" ? -1 : oi - Number(change)
    return { time, expiry, strike, type, spot: spot === 0 ? null : spot, lastPrice, volume, oi, previousOi: previous < 0 ? null : previous }
  }
}

const columnIndex = (header: ReadonlyArray<string>): Record<Column, number> | string => {
  const names = header.map((name) => name.trim())
  const missing = required.filter((column) => !names.includes(column))
  if (missing.length > 0) return `the header lacks ${missing.join(", ")}`
  return Object.fromEntries([...required, ...optional].map((column) => [column, names.indexOf(column)])) as Record<Column, number>
}

/** Calls `visit` with every non-empty line; the format has no quoted fields. */
const eachLine = (text: string, visit: (line: string, number: number) => void): void => {
  let at = text.startsWith("\uFEFF") ? 1 : 0
  for (let number = 1; at < text.length; number++) {
    const newline = text.indexOf("\n", at)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(at, text[end - 1] === "\r" ? end - 1 : end)
    if (line !== "") visit(line, number)
    at = end + 1
  }
}

class Builder {
  readonly contracts: Array<Contract> = []
  readonly skipped: Array<Skipped> = []
  readonly #contractByKey = new Map<string, number>()
  /** By day and contract, the previous open interest according to the first row. */
  readonly #previousByDay = new Map<string, Map<number, number | null>>()
  readonly #dayOf = memo((seconds: number) => IndiaTime.istDate(seconds * 1000))
  readonly #byTime = new Map<number, { readonly snapshot: Snapshot; readonly at: Map<number, { readonly index: number; line: number }> }>()

  add(row: Row, line: number): void {
    let entry = this.#byTime.get(row.time)
    if (entry === undefined) {
      entry = { snapshot: { time: row.time, spot: row.spot, contract: [], lastPrice: [], volume: [], oi: [] }, at: new Map() }
      this.#byTime.set(row.time, entry)
    }
    const { snapshot, at } = entry
    snapshot.spot ??= row.spot
    const contract = this.#contract(row)
    const previous = this.#previousOn(this.#dayOf(row.time))
    if (!previous.has(contract)) previous.set(contract, row.previousOi)
    const before = at.get(contract)
    const index = before?.index ?? snapshot.contract.length
    if (before === undefined) at.set(contract, { index, line })
    else {
      // The later row is used, because it is the newest value in the file.
      this.skipped.push({ line: before.line, reason: `line ${line} has the same snapshot and contract` })
      before.line = line
    }
    snapshot.contract[index] = contract
    snapshot.lastPrice[index] = row.lastPrice
    snapshot.volume[index] = row.volume
    snapshot.oi[index] = row.oi
  }

  snapshots(): ReadonlyArray<Snapshot> {
    return [...this.#byTime.values()].map((entry) => entry.snapshot).sort((left, right) => left.time - right.time)
  }

  previousOi(snapshots: ReadonlyArray<Snapshot>): Recording["previousOi"] {
    const byDay = new Map<string, ReadonlyArray<number | null>>()
    const last: Array<number | null> = this.contracts.map(() => null)
    for (const { time, contract, oi } of snapshots) {
      const day = this.#dayOf(time)
      if (!byDay.has(day)) {
        const said = this.#previousOn(day)
        byDay.set(
          day,
          last.map((value, index) => said.get(index) ?? value)
        )
      }
      for (const [at, index] of contract.entries()) last[index] = oi[at] ?? null
    }
    return byDay
  }

  #previousOn(day: string): Map<number, number | null> {
    const found = this.#previousByDay.get(day) ?? new Map<number, number | null>()
    this.#previousByDay.set(day, found)
    return found
  }

  #contract(row: Row): number {
    const key = contractKey(row)
    const known = this.#contractByKey.get(key)
    if (known !== undefined) return known
    const index = this.contracts.push({ expiry: row.expiry, strike: row.strike, type: row.type }) - 1
    this.#contractByKey.set(key, index)
    return index
  }
}

export const contractKey = (contract: Contract): string => `${contract.expiry} ${contract.strike} ${contract.type}`

/** Parses the text of a file. A malformed row is skipped, with its line and the reason. With a malformed header everything is skipped. */
export const parse = (text: string): Recording => {
  const builder = new Builder()
  let width = 0
  let parseRow: ((fields: ReadonlyArray<string>) => Row | string) | undefined
  eachLine(text, (line, number) => {
    const fields = line.split(",")
    if (width === 0) {
      width = fields.length
      const index = columnIndex(fields)
      if (typeof index === "string") builder.skipped.push({ line: number, reason: index })
      else parseRow = rowParser(index)
      return
    }
    if (parseRow === undefined) return
    if (fields.length !== width) {
      builder.skipped.push({ line: number, reason: `${fields.length} fields, but the header has ${width}` })
      return
    }
    const row = parseRow(fields)
    if (typeof row === "string") builder.skipped.push({ line: number, reason: row })
    else builder.add(row, number)
  })
  const snapshots = builder.snapshots()
  return { contracts: builder.contracts, previousOi: builder.previousOi(snapshots), snapshots, skipped: builder.skipped }
}
