/** Event time may be this far from the time of the NATS server, ms; a machine's clock that is further away is refused. */
export const boundMs = 1_000

/**
 * A machine's wall clock, corrected to the NATS server's time. The server's time is sampled now and then, and continued with the machine's
 * monotonic clock. So a wall clock that is ahead, behind, or steps has no effect. Before the first sample, the machine's clock is used.
 */
export class BoundedClock {
  /** The server's time less the monotonic clock, and the greatest possible error of that difference; ms. */
  private serverLeadMs = Number.NaN
  private uncertainMs = 0
  /** How often the machine's clock was refused. */
  refused = 0

  /** The server answered `serverMs` to a question that was asked and answered at these instants of the monotonic clock. */
  sample(serverMs: number, askedMs: number, answeredMs: number): void {
    this.serverLeadMs = serverMs - (askedMs + answeredMs) / 2
    this.uncertainMs = (answeredMs - askedMs) / 2
  }

  /** The machine's clock less the server's, ms; NaN before the first sample. */
  offsetMs(wallMs: number, monotonicMs: number): number {
    return wallMs - (monotonicMs + this.serverLeadMs)
  }

  isRefused(offsetMs: number): boolean {
    return Math.abs(offsetMs) > boundMs + this.uncertainMs
  }

  now(wallMs: number, monotonicMs: number): number {
    if (!this.isRefused(this.offsetMs(wallMs, monotonicMs))) return wallMs
    this.refused++
    return Math.floor(monotonicMs + this.serverLeadMs)
  }
}

/** Whether a message says a time that the server had not reached when it stored the message. */
export const isAhead = (saidMs: number, storedMs: number): boolean => saidMs > storedMs + boundMs
