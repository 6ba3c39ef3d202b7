/** Longest line in characters. Of a longer line only one more character is kept, so that no input can fill the memory. */
export const lengthMax = 1 << 20

export interface State {
  /** The part of the last line that was read so far. */
  readonly rest: string
  readonly isFirst: boolean
}

export const initial: State = { rest: "", isFirst: true }

const byteOrderMark = "\uFEFF"
const cut = (text: string): string => text.slice(0, lengthMax + 1)
const withoutReturn = (text: string): string => (text.endsWith("\r") ? text.slice(0, -1) : text)

/** Adds the next piece of text. Returns the lines that it completes, without their line ends. */
export const push = (state: State, piece: string): readonly [State, ReadonlyArray<string>] => {
  const text = state.isFirst && piece.startsWith(byteOrderMark) ? piece.slice(1) : piece
  const parts = text.split("\n")
  parts[0] = state.rest + (parts[0] ?? "")
  const rest = cut(parts.pop() ?? "")
  return [{ rest, isFirst: state.isFirst && piece === "" }, parts.map((line) => withoutReturn(cut(line)))]
}

/** The last line, if no line end follows it. */
export const last = (state: State): ReadonlyArray<string> => (state.rest === "" ? [] : [withoutReturn(state.rest)])
