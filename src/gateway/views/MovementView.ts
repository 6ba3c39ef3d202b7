/** How often the age of what comes in is looked at: frames and marks come by the thousand each second. */
const sampleEveryMs = 250

/** When messages of one kind last came, and how late they were then. */
export interface Seen {
  readonly count: number
  /** Steady clock of this process, ms. */
  readonly atMs: number
  readonly lagMs: number
}

const nothing: Seen = { count: 0, atMs: Number.NEGATIVE_INFINITY, lagMs: 0 }

const next = (before: Seen, lagMs: () => number): Seen => {
  const count = before.count + 1
  const atMs = performance.now()
  return atMs - before.atMs < sampleEveryMs ? { ...before, count } : { count, atMs, lagMs: lagMs() }
}

/** What came in and what came out, counted, with its age: /health compares the two. */
export class MovementView {
  /** Frames by subject. */
  readonly frames = new Map<string, number>()
  /** How late the gateway reads frames, after NATS stored them. */
  reading: Seen = nothing
  /** States by `<exchange>.<underlying>`, with the age that their values had when NATS stored them. */
  readonly states = new Map<string, Seen>()
  /** Marks of all strategies, likewise. */
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
