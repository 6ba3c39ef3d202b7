import type { TickerStatus } from "../../domain/market/TickerStatus.ts"

export interface Heard {
  readonly status: TickerStatus
  /** When NATS stored it, UNIX ms by the server's clock. */
  readonly atMs: number
}

/** The accounts file has at most a few hundred accounts. Anything beyond this number is ignored. */
export const accountsMax = 1_000

/** The newest status of every account's ticker. */
export class TickerView {
  readonly #heard = new Map<string, Heard>()

  apply(status: TickerStatus, atMs: number): void {
    if (this.#heard.has(status.account_id) || this.#heard.size < accountsMax) this.#heard.set(status.account_id, { status, atMs })
  }

  all(): ReadonlyArray<Heard> {
    return [...this.#heard.values()]
  }

  clear(): void {
    this.#heard.clear()
  }
}
