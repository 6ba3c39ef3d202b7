import type { FrameHeader } from "../record/FrameHeader.ts"

/** Frames a publisher may have between its newest and its oldest unacknowledged one; a resend is never older. */
export const windowMax = 1024
/** Starts of one account's ticker whose frames are still told apart; frames of an older start are refused. */
export const incarnationsMax = 8
/** Accounts told apart in one subject; the one first heard of longest ago is forgotten. */
export const accountsMax = 256

interface Window {
  readonly incarnation: number
  /** The first number met: what was before is not ours to miss. */
  readonly first: number
  /** One past the newest number. */
  next: number
  /** Bit n % windowMax is set when number n of the last windowMax was seen. */
  readonly seen: Uint32Array
}

/** What one reader knows about the frames of one subject. Plain data: it belongs into the reader's snapshot. */
export interface State {
  /** Ascending by incarnation. */
  readonly windows: Map<string, Array<Window>>
  /** Frames dropped because they were seen before. */
  duplicates: number
  /** Frames dropped because nobody can say whether they were seen. */
  refused: number
  /** Numbers skipped and not seen yet; a resend may still fill them. */
  open: number
  /** Numbers skipped that no resend can fill any more. */
  lost: number
}

export const make = (): State => ({ windows: new Map(), duplicates: 0, refused: 0, open: 0, lost: 0 })

/** Numbers `from` to `to` of one account's frames did not come before a later one. */
export interface Gap {
  readonly account: string
  readonly incarnation: number
  readonly from: number
  readonly to: number
}

/** A frame to drop. */
export const dropped = -1

const isSeen = (window: Window, number: number): boolean => {
  const bit = number % windowMax
  return (((window.seen[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1
}

const mark = (window: Window, number: number, seen: boolean): void => {
  const bit = number % windowMax
  const word = window.seen[bit >>> 5] ?? 0
  window.seen[bit >>> 5] = seen ? word | (1 << (bit & 31)) : word & ~(1 << (bit & 31))
}

/** Moves the window's end to `next`; numbers that leave it unseen are lost. */
const advance = (state: State, window: Window, next: number): void => {
  const steps = next - window.next
  for (let step = 0; step < steps && step < windowMax; step++) {
    const number = window.next + step
    const leaving = number - windowMax
    if (leaving >= window.first && !isSeen(window, leaving)) {
      state.open--
      state.lost++
    }
    mark(window, number, false)
    state.open++
  }
  // Numbers that a long jump skips were never in the window at all.
  if (steps > windowMax) state.lost += steps - windowMax
  window.next = next
}

/** The numbers still open in a window that is forgotten. */
const forget = (state: State, window: Window): void => {
  for (let number = Math.max(window.first, window.next - windowMax); number < window.next; number++) {
    if (isSeen(window, number)) continue
    state.open--
    state.lost++
  }
}

const windowsOf = (state: State, account: string): Array<Window> => {
  const known = state.windows.get(account)
  if (known !== undefined) return known
  const oldest = state.windows.size >= accountsMax ? state.windows.entries().next().value : undefined
  if (oldest !== undefined) {
    for (const window of oldest[1]) forget(state, window)
    state.windows.delete(oldest[0])
  }
  const windows: Array<Window> = []
  state.windows.set(account, windows)
  return windows
}

/** The window of an incarnation, made when it is new; undefined when the incarnation is older than those still known. */
const windowOf = (state: State, windows: Array<Window>, incarnation: number, number: number): Window | undefined => {
  let at = windows.length
  while (at > 0 && (windows[at - 1]?.incarnation ?? 0) > incarnation) at--
  const known = windows[at - 1]
  if (known?.incarnation === incarnation) return known
  if (at === 0 && windows.length >= incarnationsMax) return undefined
  // A reader that was there before this start has missed whatever stands before its first frame; a new reader has missed nothing.
  const first = windows.length > 0 && at === windows.length ? 0 : number
  const window: Window = { incarnation, first, next: first, seen: new Uint32Array(windowMax / 32) }
  windows.splice(at, 0, window)
  if (windows.length > incarnationsMax) {
    const oldest = windows.shift()
    if (oldest !== undefined) forget(state, oldest)
  }
  return window
}

/**
 * Takes note of a frame. `dropped` when it must not be folded (seen before, or too old to tell); otherwise how many numbers just before it
 * are missing (0 when it is in order or fills a hole). A frame that comes late is accepted, so its rows need a guard by time of their own.
 */
export const accept = (state: State, header: FrameHeader): number => {
  const windows = windowsOf(state, header.account)
  const window = windowOf(state, windows, header.incarnation, header.number)
  if (window === undefined || header.number < window.next - windowMax) {
    state.refused++
    return dropped
  }
  if (header.number >= window.next) {
    const skipped = header.number - window.next
    advance(state, window, header.number + 1)
    mark(window, header.number, true)
    state.open--
    return skipped
  }
  if (isSeen(window, header.number)) {
    state.duplicates++
    return dropped
  }
  mark(window, header.number, true)
  if (header.number >= window.first) state.open--
  return 0
}

/** The gap that `accept` found before a frame. */
export const gapBefore = (header: FrameHeader, skipped: number): Gap => ({
  account: header.account,
  incarnation: header.incarnation,
  from: header.number - skipped,
  to: header.number - 1
})
