import type { FrameHeader, Source } from "../record/FrameHeader.ts"

/** Largest distance between a publisher's newest frame and its oldest unacknowledged one. A resent frame is never older. */
export const windowMax = 1024
/** Incarnations of one account's ticker that are tracked; frames of an older incarnation are refused. */
export const incarnationsMax = 8
/** Accounts tracked in one subject. When there are more, the account that was seen first is forgotten. */
export const accountsMax = 256

interface Window {
  readonly incarnation: number
  /** The fencing epoch of the process that started this incarnation. */
  readonly epoch: number
  /** Where this incarnation's packets come from. One start of a ticker has one broker. */
  readonly source: Source
  /** The first number seen. Earlier numbers do not count as missing. */
  readonly first: number
  /** One past the newest number. */
  next: number
  /** Bit n % windowMax is set if number n was seen; covers the last windowMax numbers. */
  readonly seen: Uint32Array
}

/** What one reader knows about the frames of one subject. Plain data, part of the reader's snapshot. */
export interface State {
  /** Ascending by incarnation. */
  readonly windows: Map<string, Array<Window>>
  /** Frames dropped because they were seen before. */
  duplicates: number
  /**
   * Frames dropped: a replaced process sent them, they name another source than their incarnation, or they are too old to tell whether they
   * were seen.
   */
  refused: number
  /** Numbers skipped and not yet seen; a resend may still fill them. */
  open: number
  /** Numbers skipped that no resend can fill now. */
  lost: number
}

export const make = (): State => ({ windows: new Map(), duplicates: 0, refused: 0, open: 0, lost: 0 })

/** The numbers `from` to `to` of one account's frames are missing before a later frame. */
export interface Gap {
  readonly account: string
  readonly incarnation: number
  readonly from: number
  readonly to: number
}

/** The result of `accept` for a frame to drop. */
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

/** Moves the window's end to `next`. Numbers that leave the window unseen are lost. */
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
  // A jump longer than the window skips numbers that were never in it.
  if (steps > windowMax) state.lost += steps - windowMax
  window.next = next
}

/** Counts the open numbers of a forgotten window as lost. */
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

/**
 * True for a frame that the account's present process did not send. Epochs and incarnations grow together, so an older epoch than the
 * newest incarnation's belongs to a replaced process, and a newer epoch with a known incarnation belongs to no process.
 */
const isOfOtherProcess = (windows: ReadonlyArray<Window>, { epoch, incarnation }: FrameHeader): boolean => {
  const newest = windows.at(-1)
  if (newest === undefined || newest.epoch === epoch) return false
  return epoch < newest.epoch || incarnation <= newest.incarnation
}

/**
 * The window of an incarnation, created if new; undefined for a replaced process, an incarnation older than the tracked ones, or a frame that
 * names another source than its incarnation's first one.
 */
const windowOf = (state: State, windows: Array<Window>, header: FrameHeader, isStart = false): Window | undefined => {
  if (isOfOtherProcess(windows, header)) return undefined
  const { epoch, incarnation, number, source } = header
  let at = windows.length
  while (at > 0 && (windows[at - 1]?.incarnation ?? 0) > incarnation) at--
  const known = windows[at - 1]
  if (known?.incarnation === incarnation) return known.source === source ? known : undefined
  if (at === 0 && windows.length >= incarnationsMax) return undefined
  // A reader that was running before this incarnation has missed all numbers before its first frame. A new reader has missed none.
  const first = !isStart && windows.length > 0 && at === windows.length ? 0 : number
  const window: Window = { incarnation, epoch, source, first, next: first, seen: new Uint32Array(windowMax / 32) }
  windows.splice(at, 0, window)
  if (windows.length > incarnationsMax) {
    const oldest = windows.shift()
    if (oldest !== undefined) forget(state, oldest)
  }
  return window
}

/**
 * Records a frame. Returns `dropped` if it must not be folded: it was seen before, is too old to tell, comes from a replaced process, or
 * names another source than its incarnation. Otherwise returns how many numbers just before it are missing: 0 if it is in order or fills a
 * hole. A late frame is accepted, so the reader must also compare the times of its rows.
 */
export const accept = (state: State, header: FrameHeader): number => {
  const windows = windowsOf(state, header.account)
  const window = windowOf(state, windows, header)
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

/**
 * Starts from a keyframe: it includes the frames before its number, and all later ones are expected. False if the keyframe must not be
 * folded, for the reasons of a frame.
 */
export const startAt = (state: State, header: FrameHeader): boolean => {
  const window = windowOf(state, windowsOf(state, header.account), header, true)
  if (window === undefined) {
    state.refused++
    return false
  }
  if (header.number > window.next) advance(state, window, header.number)
  return true
}

/** How many of the numbers `from` to `to` are not seen yet and may still come. Those that left the window unseen are in `lost`. */
export const openIn = (state: State, { account, incarnation, from, to }: Gap): number => {
  const window = state.windows.get(account)?.find((one) => one.incarnation === incarnation)
  if (window === undefined) return 0
  let open = 0
  for (let number = Math.max(from, window.next - windowMax); number <= Math.min(to, window.next - 1); number++) {
    if (!isSeen(window, number)) open++
  }
  return open
}

/** The gap that `accept` found before a frame. */
export const gapBefore = (header: FrameHeader, skipped: number): Gap => ({
  account: header.account,
  incarnation: header.incarnation,
  from: header.number - skipped,
  to: header.number - 1
})
