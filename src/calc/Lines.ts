/** Longest line in characters; of a longer one no more is kept than shows that it is too long, so that no input fills the memory. */
export const lengthMax = 1 << 20

export interface State {
  /** The last line as far as it was read. */
  readonly rest: string
  readonly isFirst: boolean
}

export const initial: State = { rest: "", isFirst: true }

const byteOrderMark = "\uFEFF"
const cut = (text: string): string => text.slice(0, lengthMax + 1)
const withoutReturn = (text: string): string => (text.endsWith("\r") ? text.slice(0, -1) : text)

/** The next piece of text: the lines that it ends, without their line ends. */
export const push = (state: State, piece: string): readonly [State, ReadonlyArray<string>] => {
  const text = state.isFirst && piece.startsWith(byteOrderMark) ? piece.slice(1) : piece
  const parts = text.split("\n")
  parts[0] = state.rest + (parts[0] ?? "")
  const rest = cut(parts.pop() ?? "")
  return [{ rest, isFirst: state.isFirst && piece === "" }, parts.map((line) => withoutReturn(cut(line)))]
}

/** The line that no line end closed. */
export const last = (state: State): ReadonlyArray<string> => (state.rest === "" ? [] : [withoutReturn(state.rest)])
