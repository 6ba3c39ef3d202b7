/** How often the age of inputs is measured: thousands of frames and marks come each second. */
const sampleEveryMs = 250

/** When the last messages of one kind came, and how late they were. */
export interface Seen {
  readonly count: number
  /** This process's monotonic clock, ms. */
  readonly atMs: number
  readonly lagMs: number
}

const nothing: Seen = { count: 0, atMs: Number.NEGATIVE_INFINITY, lagMs: 0 }

const next = (before: Seen, lagMs: () => number): Seen => {
  const count = before.count + 1
  const atMs = performance.now()
  return atMs - before.atMs < sampleEveryMs ? { ...before, count } : { count, atMs, lagMs: lagMs() }
}

/** Counts of inputs and outputs with their age. /health compares the two. */
export class MovementView {
  /** Frames by subject. */
  readonly frames = new Map<string, number>()
  /** How late the gateway reads frames, after NATS stored them. */
  reading: Seen = nothing
  /** By `<exchange>.<underlying>`, the age of a state's values when NATS stored them. */
  readonly states = new Map<string, Seen>()
  /** The same for the marks of all strategies. */
  marks: Seen = nothing

  frame(subject: string, storedMs: number): void {
    this.frames.set(subject, (this.frames.get(subject) ?? 0) + 1)
    this.reading = next(this.reading, () => Date.now() - storedMs)
  }

  state(underlying: string, asOf: string, storedMs: number): void {
    this.states.set(
      underlying,
      next(this.states.get(underlying) ?? nothing, () => storedMs - Date.parse(asOf))
    )
  }

  mark(asOf: string, storedMs: number): void {
    this.marks = next(this.marks, () => storedMs - Date.parse(asOf))
  }
}
