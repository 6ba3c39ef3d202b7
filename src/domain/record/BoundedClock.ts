/** Event time may be this far from the time of the NATS server, ms; a machine's clock that is further away is refused. */
export const boundMs = 1_000

/**
 * A machine's wall clock, held to the NATS server's. The server's time is sampled now and then and runs on by the machine's monotonic clock, so
 * a wall clock that is ahead, behind or steps moves nothing. Without a sample the machine's clock counts.
 */
export class BoundedClock {
  /** The server's time less the monotonic clock, and how far that may be wrong; ms. */
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
