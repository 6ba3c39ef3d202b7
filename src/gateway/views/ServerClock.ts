/**
 * The time of the NATS server, as far as its stamps show it: the newest stamp, and the time that has passed on this process's monotonic clock
 * since it arrived. So an age is never the distance between two machines' clocks, and a step of either clock is over with the next message.
 */
export class ServerClock {
  #stampMs = 0
  #arrivedMs = 0

  /** Takes the stamp of the message that was read last, UNIX ms; `monotonicMs` is now, as of `performance.now()`. */
  observe(stampMs: number, monotonicMs: number): void {
    this.#stampMs = stampMs
    this.#arrivedMs = monotonicMs
  }

  /** UNIX ms of the server's clock; 0 before the first message. */
  nowMs(monotonicMs: number): number {
    return this.#stampMs === 0 ? 0 : this.#stampMs + monotonicMs - this.#arrivedMs
  }
}
