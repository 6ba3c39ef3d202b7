/** Counts times in steps of 0.25 ms up to 60 s. Longer times count in the last step. */
const stepMs = 0.25
const steps = 240_000

export class Histogram {
  readonly #counts = new Uint32Array(steps)
  #total = 0

  get total(): number {
    return this.#total
  }

  add(ms: number, times = 1): void {
    const step = Math.min(steps - 1, Math.max(0, Math.floor(ms / stepMs)))
    this.#counts[step] = (this.#counts[step] ?? 0) + times
    this.#total += times
  }

  /** Upper end of the step that contains the share `q`; null without any time. */
  at(q: number): number | null {
    if (this.#total === 0) return null
    let left = q * this.#total
    for (let step = 0; step < steps; step++) {
      left -= this.#counts[step] ?? 0
      if (left <= 0) return (step + 1) * stepMs
    }
    return steps * stepMs
  }
}

export interface Latency {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly samples: number
}
export const summary = (times: Histogram): Latency => ({
  p50: times.at(0.5),
  p95: times.at(0.95),
  p99: times.at(0.99),
  samples: times.total
})
