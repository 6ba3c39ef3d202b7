/** A report's result for rows of docs/behaviours.md. */
export interface Entry {
  readonly id: string
  readonly name: string
  readonly ok: boolean
  readonly measured: string
}

export const yes = (ok: boolean): string => (ok ? "yes" : "**no**")
export const count = (value: number): string => Math.round(value).toLocaleString("en-US")

/** A table of entries. */
export const table = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> => [
  "| behaviour | what | ok | measured |",
  "|---|---|---|---|",
  ...entries.map(({ id, name, ok, measured }) => `| ${id} | ${name} | ${yes(ok)} | ${measured} |`)
]
