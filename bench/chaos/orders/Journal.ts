/** A file that keeps an executor's tasks through kill -9: each change is one line, on the disk before anybody acts on it. */
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs"

export interface Journal<A> {
  readonly newest: ReadonlyMap<string, A>
  readonly write: (key: string, value: A) => void
  readonly close: () => void
}

const linesOf = (file: string): ReadonlyArray<string> => (existsSync(file) ? readFileSync(file, "utf8").split("\n") : [])

/** Reads a line. A complete line ends with its length. A kill can cut a line, but the executor never acted on a line that was cut. */
const entryOf = <A>(line: string): { readonly key: string; readonly value: A } | undefined => {
  const at = line.lastIndexOf(" ")
  return at > 0 && line.slice(at + 1) === String(at) ? JSON.parse(line.slice(0, at)) : undefined
}

/** The newest value of each key. */
export const read = <A>(file: string): Map<string, A> => {
  const newest = new Map<string, A>()
  for (const line of linesOf(file)) {
    const entry = entryOf<A>(line)
    if (entry !== undefined) newest.set(entry.key, entry.value)
  }
  return newest
}

export const open = <A>(file: string): Journal<A> => {
  const newest = read<A>(file)
  const descriptor = openSync(file, "a")
  // The next line must not continue one that was cut.
  writeSync(descriptor, "\n")
  return {
    newest,
    write: (key, value) => {
      newest.set(key, value)
      const line = JSON.stringify({ key, value })
      writeSync(descriptor, `${line} ${line.length}\n`)
      fdatasyncSync(descriptor)
    },
    close: () => closeSync(descriptor)
  }
}
