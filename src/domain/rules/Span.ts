/** One phase of a day as the files write it: "preopen_matching 09:08-09:12 future". Times are milliseconds after midnight in India. */
export interface Span {
  readonly phase: string
  readonly startMs: number
  /** "close" means the season's closing time. */
  readonly endMs: number | "close"
  /** True if the phase applies to futures but not to options. */
  readonly futuresOnly: boolean
}

export const timeMs = (text: string): number => (Number(text.slice(0, 2)) * 60 + Number(text.slice(3))) * 60_000

/** The text must already match `Facts.Span`. */
export const parse = (text: string): Span => {
  const [phase = "", hours = "", only] = text.split(" ")
  const [start = "", end = ""] = hours.split("-")
  return { phase, startMs: timeMs(start), endMs: end === "close" ? end : timeMs(end), futuresOnly: only === "future" }
}
